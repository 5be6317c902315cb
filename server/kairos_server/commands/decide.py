"""`kairos decide`: what a person should see in a placement."""

import argparse

from kairos.v1 import personalization_service_pb2
from kairos.v1.personalization_service_pb2_grpc import PersonalizationServiceStub

from kairos_server.commands.arguments import (
    CHANNELS,
    DEVICES,
    URGENCIES,
    attribute_set,
    count_read,
    examples_set,
    pair_read,
    time_us_read,
)
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, attributes_text, output_add
from kairos_server.exits import Exit

COLUMNS = (
    Column("content", lambda decision: decision.content_id or decision.offer_id),
    Column("variant", lambda decision: decision.variant or None),
    Column("priority", lambda decision: decision.priority),
    Column("score", lambda decision: decision.score),
    Column("reason", lambda decision: reason_text(decision.reason)),
    Column("payload", lambda decision: attributes_text(decision.content)),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    parser.add_argument("subject", metavar="SUBJECT", help="identifier as in the events")
    parser.add_argument("placement", metavar="PLACEMENT", help="for example homepage_hero")
    parser.add_argument("--device", choices=DEVICES, help="class of the device")
    parser.add_argument("--channel", choices=CHANNELS, help="channel of the answer")
    parser.add_argument("--urgency", choices=URGENCIES, help="how urgent it is")
    parser.add_argument("--persona", default="", help="persona that the caller recognised")
    parser.add_argument("--scenario", default="", help="for example onboarding")
    parser.add_argument(
        "--attribute", type=pair_read, action="append", default=[], metavar="NAME=VALUE",
        help="anything else of the context; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--max", type=count_read, default=1, metavar="N", help="at most N decisions (default 1)"
    )
    parser.add_argument(
        "--without-consent", action="store_true", help="also content whose purposes are not granted"
    )
    parser.add_argument(
        "--at",
        type=time_us_read,
        metavar="TIME",
        help="event-time tenants: decide as of this moment",
    )
    output_add(parser)
    connection_add(parser)
    examples_set(
        parser,
        (
            "kairos decide alice homepage_hero --device mobile",
            "kairos decide alice homepage_hero --max 3 --json",
        ),
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Asks for decisions and shows them. Errors: CommandFailed."""
    context = personalization_service_pb2.Context(
        placement=parsed.placement,
        scenario=parsed.scenario,
        persona=parsed.persona,
        device_type=f"DEVICE_TYPE_{parsed.device.upper()}" if parsed.device else None,
        channel=f"CHANNEL_{parsed.channel.upper()}" if parsed.channel else None,
        urgency=f"URGENCY_{parsed.urgency.upper()}" if parsed.urgency else None,
    )
    for name, value in parsed.attribute:
        attribute_set(context.attributes.add(name=name), value)
    request = personalization_service_pb2.DecideRequest(
        subject=personalization_service_pb2.Subject(id=parsed.subject),
        context=context,
        constraints=personalization_service_pb2.Constraints(
            max_variants=parsed.max, require_consent=not parsed.without_consent
        ),
        at_time_us=parsed.at,
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(PersonalizationServiceStub).Decide, request)
    output = Output(parsed)
    output.message(answer)
    if output.text:
        output.table(answer.decisions, COLUMNS, "nothing to show")
        output.line()
        output.fields((("decision", answer.decision_id), ("plan", answer.plan_id)))
    return Exit.OK


def reason_text(reason: int) -> str:
    """Returns why something was chosen as its lower-case name."""
    name = personalization_service_pb2.DecisionReason.Name(reason)
    return name.removeprefix("DECISION_REASON_").lower()
