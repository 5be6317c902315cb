"""`kairos trigger`: what fires, on what, and how often."""

import argparse
import getpass
from typing import Any, Final

from google.protobuf.json_format import ParseDict
from kairos.v1 import trigger_pb2, trigger_service_pb2
from kairos.v1.trigger_service_pb2_grpc import TriggerServiceStub

from kairos_server.commands.arguments import action_add, actions_add, pair_read
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.evaluate import action_text, event_add, event_of, urgency_text
from kairos_server.commands.output import (
    Column,
    Output,
    attributes_text,
    message_dict,
    output_add,
    time_text,
)
from kairos_server.commands.pages import pages
from kairos_server.exits import Exit

PAGE_SIZE: Final = 100
COLUMNS: Final = (
    Column("trigger", lambda row: row.trigger_id),
    Column("status", lambda row: status_text(row.status)),
    Column("priority", lambda row: row.priority),
    Column("urgency", lambda row: urgency_text(row.urgency)),
    Column("fired", lambda row: row.performance.fired_count),
    Column("last fired", lambda row: time_text(row.performance.last_fired_time_us)),
    Column("condition", lambda row: row.canonical_condition or None),
)
PERIODS: Final = (
    Column("from", lambda row: time_text(row.start_time_us)),
    Column("fired", lambda row: row.fired_count),
    Column("events", lambda row: row.evaluated_count),
)
EXECUTED: Final = (
    Column("action", lambda row: row.type),
    Column("done by", lambda row: "server" if row.executed else "caller"),
    Column("parameters", lambda row: attributes_text(row.parameters)),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    shown = action_add(
        actions, "list", "list the triggers", run_list,
        ("kairos trigger list", "kairos trigger list --active --json"),
    )  # fmt: skip
    shown.add_argument("--active", action="store_true", help="only those that can fire now")
    shown.add_argument("--prefix", default="", metavar="TEXT", help="names or ids that begin so")
    show = action_add(
        actions, "show", "show one trigger", run_show, ("kairos trigger show big_basket",)
    )
    test = action_add(
        actions, "test", "say whether a trigger would fire on an event; changes nothing", run_test,
        ("kairos trigger test big_basket --subject alice --type purchase --attribute total=99",),
    )  # fmt: skip
    test.add_argument("--type", dest="event_type", default="", help="type of the event")
    execute = action_add(
        actions, "execute", "perform a trigger's actions for a subject now", run_execute,
        (
            "kairos trigger execute big_basket --subject alice --type purchase",
            "kairos trigger execute big_basket --subject alice --type purchase --force",
        ),
    )  # fmt: skip
    execute.add_argument("--subject", required=True, help="for whom")
    execute.add_argument("--type", dest="event_type", required=True, help="type of the event")
    execute.add_argument("--session", default="", help="the client's session")
    execute.add_argument(
        "--attribute", type=pair_read, action="append", default=[], metavar="NAME=VALUE",
        help="an attribute of the event; may be repeated",
    )  # fmt: skip
    execute.add_argument(
        "--force", action="store_true", help="also when the condition does not hold"
    )
    execute.add_argument("--persona", default="", help="in place of the subject's")
    execute.add_argument("--device", default="", help="in place of the event's")
    execute.add_argument("--author", default="", help="who executes (default: the user)")
    execute.add_argument("--note", default="", help="why")
    stats = action_add(
        actions, "stats", "show how often a trigger fired", run_stats,
        ("kairos trigger stats big_basket", "kairos trigger stats big_basket --by hour"),
    )  # fmt: skip
    stats.add_argument("--by", choices=("minute", "hour", "day"), default="day", help="default day")
    for child in (show, test, execute, stats):
        child.add_argument("trigger", metavar="TRIGGER", help="id")
    event_add(test)
    for child in (shown, show, test, execute, stats):
        output_add(child)
        connection_add(child)


def run_list(parsed: argparse.Namespace) -> int:
    """Lists triggers. Errors: CommandFailed."""
    request = trigger_service_pb2.ListTriggersRequest(
        active_only=parsed.active, name_prefix=parsed.prefix, page_size=PAGE_SIZE
    )
    with Server(parsed) as server:
        method = server.stub(TriggerServiceStub).ListTriggers
        rows = list(pages(server, method, request, lambda page: page.triggers))
    Output(parsed).table(rows, COLUMNS, "no trigger")
    return Exit.OK


def run_show(parsed: argparse.Namespace) -> int:
    """Shows one trigger. Errors: CommandFailed."""
    request = trigger_service_pb2.GetTriggerRequest(trigger_id=parsed.trigger)
    with Server(parsed) as server:
        trigger = server.call(server.stub(TriggerServiceStub).GetTrigger, request).trigger
    output = Output(parsed)
    output.message(trigger)
    output.fields(
        (
            ("trigger", trigger.trigger_id),
            ("name", trigger.name or None),
            ("description", trigger.description or None),
            ("status", status_text(trigger.status)),
            ("condition", trigger.canonical_condition),
            ("priority", trigger.priority),
            ("urgency", urgency_text(trigger.urgency)),
            ("version", trigger.version),
            ("updated", time_text(trigger.update_time_us)),
            ("author", trigger.author or None),
            ("note", trigger.note or None),
            ("fired", trigger.performance.fired_count),
            ("last fired", time_text(trigger.performance.last_fired_time_us)),
        )
    )
    for action in trigger.actions:
        parameters = message_dict(action).get("parameters") or {}
        text = " ".join(f"{name}={value!r}" for name, value in parameters.items())
        output.line(f"action       {action.type} {text}".rstrip())
    return Exit.OK


def run_test(parsed: argparse.Namespace) -> int:
    """Tests a trigger; REFUSED when it would not fire. Errors: CommandFailed."""
    request = trigger_service_pb2.TestTriggerRequest(
        trigger_id=parsed.trigger, event=event_of(parsed)
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(TriggerServiceStub).TestTrigger, request)
    output = Output(parsed)
    output.message(answer)
    output.line(f"{parsed.trigger} {'would' if answer.triggered else 'would not'} fire")
    output.lines(f"  {action_text(action)}" for action in answer.actions)
    output.lines(f"warning: {warning}" for warning in answer.warnings)
    return Exit.OK if answer.triggered else Exit.REFUSED


def run_execute(parsed: argparse.Namespace) -> int:
    """Executes a trigger; REFUSED when it did not fire. Errors: CommandFailed."""
    request = trigger_service_pb2.ExecuteTriggerRequest(
        trigger_id=parsed.trigger,
        session_id=parsed.session,
        user_id=parsed.subject,
        force=parsed.force,
        author=parsed.author or getpass.getuser(),
        note=parsed.note,
    )
    request.context.event_type = parsed.event_type
    ParseDict(dict(parsed.attribute), request.context.event_data)
    if parsed.persona or parsed.device:
        request.override.personalization.persona = parsed.persona
        request.override.personalization.device_type = parsed.device
    with Server(parsed) as server:
        answer = server.call(server.stub(TriggerServiceStub).ExecuteTrigger, request)
    output = Output(parsed)
    output.message(answer)
    if not answer.triggered:
        output.line("the condition does not hold; --force performs the actions all the same")
        return Exit.REFUSED
    output.table(answer.actions if not output.json else (), EXECUTED, "no action")
    output.line()
    output.fields(
        (
            ("condition held", answer.condition_met),
            ("execution", answer.execution_id),
            ("tracking", answer.tracking.tracking_id),
        )
    )
    return Exit.OK


def run_stats(parsed: argparse.Namespace) -> int:
    """Shows how often a trigger fired. Errors: CommandFailed."""
    with Server(parsed) as server:
        stub = server.stub(TriggerServiceStub)
        answer: Any
        if parsed.by == "minute":
            request: Any = trigger_service_pb2.MonitorTriggerRequest(trigger_id=parsed.trigger)
            answer = server.call(stub.MonitorTrigger, request)
            count, last, rows = answer.fired_count, answer.last_fired_time_us, answer.minutes
        else:
            request = trigger_service_pb2.GetTriggerPerformanceRequest(
                trigger_id=parsed.trigger, period=f"PERFORMANCE_PERIOD_{parsed.by.upper()}"
            )
            answer = server.call(stub.GetTriggerPerformance, request)
            sums = answer.performance
            count, last, rows = sums.fired_count, sums.last_fired_time_us, answer.periods
    output = Output(parsed)
    output.message(answer)
    output.fields((("fired", count), ("last fired", time_text(last))))
    if output.text and rows:
        output.line()
        output.table(rows, PERIODS)
    return Exit.OK


def status_text(status: int) -> str:
    """Returns a status as its lower-case name."""
    name = trigger_pb2.TriggerStatus.Name(status)  # type: ignore[arg-type, unused-ignore]
    return name.removeprefix("TRIGGER_STATUS_").lower()
