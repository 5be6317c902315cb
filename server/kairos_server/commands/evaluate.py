"""`kairos evaluate`: which triggers an event would fire."""

import argparse
import sys
from pathlib import Path

from kairos.v1 import event_pb2, trigger_service_pb2
from kairos.v1.trigger_service_pb2_grpc import TriggerServiceStub

from kairos_server.commands.arguments import (
    CHANNELS,
    DEVICES,
    URGENCIES,
    attribute_set,
    examples_set,
    pair_read,
    time_us_read,
)
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, attributes_text, output_add
from kairos_server.exits import CommandFailed, Exit
from kairos_server.importing import RecordError, plain_event

COLUMNS = (
    Column("trigger", lambda trigger: trigger.trigger_id),
    Column("urgency", lambda trigger: urgency_text(trigger.urgency)),
    Column("actions", lambda trigger: " · ".join(action_text(row) for row in trigger.actions)),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    parser.add_argument(
        "event_type", nargs="?", default="", metavar="EVENT_TYPE", help="for example exit_intent"
    )
    event_add(parser)
    parser.add_argument(
        "--trigger", action="append", default=[], metavar="ID",
        help="only these triggers; may be repeated (default: all of the plan)",
    )  # fmt: skip
    output_add(parser)
    connection_add(parser)
    examples_set(
        parser,
        (
            "kairos evaluate exit_intent --subject alice --attribute timeOnPage=45000",
            "kairos evaluate --event event.json --trigger high_intent_exit_prevention",
        ),
    )
    parser.set_defaults(run=run)


def event_add(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that describe an event."""
    parser.add_argument("--subject", default="", help="whose event it is")
    parser.add_argument(
        "--event",
        metavar="FILE",
        help="the event as JSON, as for `kairos import`; - is standard input",
    )
    for name, of in (("attribute", "event"), ("trait", "subject")):
        parser.add_argument(
            f"--{name}", type=pair_read, action="append", default=[], metavar="NAME=VALUE",
            help=f"an attribute of the {of}; may be repeated",
        )  # fmt: skip
    parser.add_argument("--device", choices=DEVICES, help="class of the device")
    parser.add_argument("--channel", choices=CHANNELS, help="channel of the event")
    parser.add_argument("--urgency", choices=URGENCIES, help="how urgent a reaction is")
    parser.add_argument("--persona", default="", help="persona that the sender recognised")
    parser.add_argument("--url", default="", help="page or screen address")
    parser.add_argument("--session", default="", help="the client's session")
    parser.add_argument("--time", type=time_us_read, metavar="TIME", help="when it happened")


def event_of(parsed: argparse.Namespace) -> event_pb2.Event:
    """Returns the event that the flags describe, on top of that of `--event`.

    Errors: CommandFailed.
    """
    event = _event_file(parsed.event) if parsed.event else event_pb2.Event()
    changes = {
        "event_type": parsed.event_type,
        "subject_id": parsed.subject,
        "session_id": parsed.session,
        "persona": parsed.persona,
        "url": parsed.url,
        "device_type": f"DEVICE_TYPE_{parsed.device.upper()}" if parsed.device else None,
        "channel": f"CHANNEL_{parsed.channel.upper()}" if parsed.channel else None,
        "urgency": f"URGENCY_{parsed.urgency.upper()}" if parsed.urgency else None,
        "occurred_time_us": parsed.time,
    }
    given = {name: value for name, value in changes.items() if value not in ("", None)}
    event.MergeFrom(event_pb2.Event(**given))
    for name, value in parsed.attribute:
        attribute_set(event.attributes.add(name=name), value)
    for name, value in parsed.trait:
        attribute_set(event.traits.add(name=name), value)
    return event


def run(parsed: argparse.Namespace) -> int:
    """Evaluates and shows the triggers. Errors: CommandFailed."""
    request = trigger_service_pb2.EvaluateRequest(
        event=event_of(parsed), trigger_ids=parsed.trigger
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(TriggerServiceStub).Evaluate, request)
    output = Output(parsed)
    output.message(answer)
    if output.text:
        output.table(answer.triggers, COLUMNS, "no trigger would fire")
        output.line()
        output.fields((("plan", answer.plan_id), ("log position", answer.applied_sequence)))
    return Exit.OK


def action_text(action: event_pb2.Action) -> str:
    """Returns an action as its type and parameters."""
    return f"{action.type} {attributes_text(action.parameters)}".rstrip()


def urgency_text(urgency: int) -> str | None:
    """Returns an urgency as its lower-case name; None where it is not stated."""
    name = event_pb2.Urgency.Name(urgency)
    return name.removeprefix("URGENCY_").lower() if urgency else None


def _event_file(name: str) -> event_pb2.Event:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.NO_INPUT, f"--event: {name}: {error.strerror}.") from None
    try:
        return plain_event(data)
    except RecordError as error:
        raise CommandFailed(Exit.REFUSED, f"--event: {name}: {error}") from None
