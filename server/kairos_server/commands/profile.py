"""`kairos profile`: what is known of a subject."""

import argparse

from kairos.v1 import event_pb2, profile_service_pb2
from kairos.v1.profile_service_pb2_grpc import ProfileServiceStub

from kairos_server.commands.arguments import examples_set, time_us_read
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, attribute_cell, output_add, time_text
from kairos_server.exits import Exit

SESSIONS = (
    Column("session", lambda session: session.ordinal),
    Column("start", lambda session: time_text(session.start_time_us)),
    Column("end", lambda session: time_text(session.end_time_us)),
    Column("events", lambda session: session.event_count),
)
TRAITS = (
    Column("trait", lambda trait: trait.attribute.name),
    Column("value", lambda trait: attribute_cell(trait.attribute)),
    Column("updated", lambda trait: time_text(trait.updated_time_us)),
)
CONSENTS = (
    Column("consent", lambda consent: consent.purpose),
    Column("status", lambda consent: consent_text(consent.status)),
    Column("updated", lambda consent: time_text(consent.updated_time_us)),
)
FEATURES = (
    Column("feature", lambda feature: feature.name),
    Column("value", lambda feature: attribute_cell(feature.value)),
    Column("complete", lambda feature: feature.complete),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    parser.add_argument("subject", metavar="SUBJECT", help="identifier as in the events")
    parser.add_argument(
        "--at",
        type=time_us_read,
        metavar="TIME",
        help="event-time tenants: the moment for which scores and windows are computed",
    )
    output_add(parser)
    connection_add(parser)
    examples_set(
        parser,
        (
            "kairos profile alice",
            "kairos profile alice --json | jq .eventCount",
        ),
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Reads and shows the profile. Errors: CommandFailed."""
    request = profile_service_pb2.GetProfileRequest(subject_id=parsed.subject, at_time_us=parsed.at)
    with Server(parsed) as server:
        profile = server.call(server.stub(ProfileServiceStub).GetProfile, request).profile
    output = Output(parsed)
    output.message(profile)
    if output.text:
        profile_show(output, profile)
    return Exit.OK


def profile_show(output: Output, profile: profile_service_pb2.Profile) -> None:
    """Writes a profile as a block of fields and a table for each of its parts."""
    output.fields(
        (
            ("subject", profile.subject_id),
            ("first seen", time_text(profile.first_seen_time_us)),
            ("last seen", time_text(profile.last_seen_time_us)),
            ("events", profile.event_count),
            ("sessions", profile.session_count),
            ("late", profile.late_count),
            ("log position", profile.sequence),
        )
    )
    for rows, columns in (
        (profile.sessions, SESSIONS),
        (profile.traits, TRAITS),
        (profile.consents, CONSENTS),
        (profile.features, FEATURES),
    ):
        if rows:
            output.line()
            output.table(rows, columns)


def consent_text(status: int) -> str:
    """Returns a status of consent as its lower-case name."""
    name = event_pb2.ConsentStatus.Name(status)
    return name.removeprefix("CONSENT_STATUS_").lower()
