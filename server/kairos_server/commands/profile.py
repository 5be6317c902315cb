"""`kairos profile`: what is known of a subject."""

import argparse
from collections.abc import Iterator
from itertools import islice

from kairos.v1 import event_pb2, profile_service_pb2
from kairos.v1.profile_service_pb2_grpc import ProfileServiceStub

from kairos_server.commands.arguments import (
    count_read,
    examples_set,
    subject_type_add,
    subject_type_of,
    time_us_read,
)
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import (
    Column,
    Output,
    attribute_cell,
    attributes_text,
    output_add,
    time_text,
)
from kairos_server.commands.pages import pages
from kairos_server.exits import Exit

PAGE_SIZE = 100
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
IDENTIFIERS = (
    Column("identifier", lambda identifier: identifier.value),
    Column("kind", lambda identifier: kind_text(identifier.type)),
)
EVENTS = (
    Column("received", lambda row: time_text(row.received_time_us)),
    Column("event", lambda row: row.event.event_type),
    Column("url", lambda row: row.event.url or None),
    Column("attributes", lambda row: attributes_text(row.event.attributes)),
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
    subject_type_add(parser)
    parser.add_argument(
        "--events", type=count_read, default=0, metavar="N", help="also the N newest events"
    )
    output_add(parser)
    connection_add(parser)
    examples_set(
        parser,
        (
            "kairos profile alice",
            "kairos profile alice --json | jq .eventCount",
            "kairos profile alice --events 10",
            "kairos profile alice@example.org --subject-type email",
        ),
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Reads and shows the profile. Errors: CommandFailed."""
    request = profile_service_pb2.GetProfileRequest(
        subject_id=parsed.subject, subject_type=subject_type_of(parsed), at_time_us=parsed.at
    )
    with Server(parsed) as server:
        profile = server.call(server.stub(ProfileServiceStub).GetProfile, request).profile
        events = list(events_of(server, parsed)) if parsed.events else []
    output = Output(parsed)
    output.message(profile)
    if output.text:
        profile_show(output, profile)
        output.line()
    output.table(events, EVENTS)
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
        (profile.identifiers, IDENTIFIERS),
        (profile.sessions, SESSIONS),
        (profile.traits, TRAITS),
        (profile.consents, CONSENTS),
        (profile.features, FEATURES),
    ):
        if rows:
            output.line()
            output.table(rows, columns)


def events_of(
    server: Server, parsed: argparse.Namespace
) -> Iterator[profile_service_pb2.RecentEvent]:
    """Yields the newest events of the subject, newest first. Errors: CommandFailed."""
    request = profile_service_pb2.ListRecentEventsRequest(
        subject_id=parsed.subject,
        subject_type=subject_type_of(parsed),
        page_size=min(parsed.events, PAGE_SIZE),
    )
    method = server.stub(ProfileServiceStub).ListRecentEvents
    return islice(pages(server, method, request, lambda page: page.events), parsed.events)


def kind_text(kind: int) -> str:
    """Returns a kind of identifier as its lower-case name."""
    name = event_pb2.IdentifierType.Name(kind)  # type: ignore[arg-type, unused-ignore]
    return name.removeprefix("IDENTIFIER_TYPE_").lower()


def consent_text(status: int) -> str:
    """Returns a status of consent as its lower-case name."""
    name = event_pb2.ConsentStatus.Name(status)
    return name.removeprefix("CONSENT_STATUS_").lower()
