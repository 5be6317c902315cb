"""`kairos consent`: what a person agreed to."""

import argparse
from collections.abc import Iterable
from itertools import islice
from typing import Final

from kairos.v1 import consent_service_pb2, event_pb2
from kairos.v1.consent_service_pb2_grpc import ConsentServiceStub

from kairos_server.commands.arguments import (
    action_add,
    actions_add,
    count_read,
    subject_type_add,
    subject_type_of,
    time_us_read,
)
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, output_add, time_text
from kairos_server.commands.pages import pages
from kairos_server.commands.profile import CONSENTS, consent_text
from kairos_server.exits import Exit

PAGE_SIZE: Final = 100
STATEMENTS: Final = (
    Column("stated", lambda row: time_text(row.occurred_time_us)),
    Column("consents", lambda row: changes_text(row.consents)),
    Column("source", lambda row: row.consent_source or None),
    Column("policy", lambda row: row.policy_version or None),
    Column("log position", lambda row: row.sequence),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    get = action_add(
        actions, "get", "show the consents that hold", run_get, ("kairos consent get alice",)
    )
    change = action_add(
        actions, "set", "state consents for a subject", run_set,
        (
            "kairos consent set alice marketing=granted analytics=denied --source call_center",
            "kairos consent set alice@example.org marketing=denied --subject-type email",
        ),
    )  # fmt: skip
    history = action_add(
        actions, "history", "list every statement, newest first", run_history,
        ("kairos consent history alice --json",),
    )  # fmt: skip
    for child in (get, change, history):
        child.add_argument("subject", metavar="SUBJECT", help="identifier as in the events")
        subject_type_add(child)
        output_add(child)
        connection_add(child)
    change.add_argument(
        "consents", nargs="+", type=change_read, metavar="PURPOSE=STATUS", help="granted or denied"
    )
    change.add_argument("--source", default="", help="where it was stated")
    change.add_argument("--policy", default="", help="which text was agreed to")
    change.add_argument("--time", type=time_us_read, metavar="TIME", help="when; default now")
    change.add_argument(
        "--request-id", default="", metavar="TEXT", help="a repeat with it changes nothing"
    )
    history.add_argument("--limit", type=count_read, default=20, metavar="N", help="default 20")


def run_get(parsed: argparse.Namespace) -> int:
    """Shows what holds. Errors: CommandFailed."""
    request = consent_service_pb2.GetConsentRequest(
        subject_id=parsed.subject, subject_type=subject_type_of(parsed)
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(ConsentServiceStub).GetConsent, request)
    Output(parsed).table(answer.consents, CONSENTS, "nothing was ever stated")
    return Exit.OK


def run_set(parsed: argparse.Namespace) -> int:
    """States consents and shows what holds then. Errors: CommandFailed."""
    request = consent_service_pb2.SetConsentRequest(
        subject_id=parsed.subject,
        subject_type=subject_type_of(parsed),
        consents=parsed.consents,
        consent_source=parsed.source,
        consent_time_us=parsed.time,
        policy_version=parsed.policy,
        request_id=parsed.request_id,
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(ConsentServiceStub).SetConsent, request)
    output = Output(parsed)
    output.table(answer.consents, CONSENTS)
    if answer.duplicate:
        output.line("known already; nothing was changed")
    return Exit.OK


def run_history(parsed: argparse.Namespace) -> int:
    """Lists statements. Errors: CommandFailed."""
    request = consent_service_pb2.ListConsentHistoryRequest(
        subject_id=parsed.subject,
        subject_type=subject_type_of(parsed),
        page_size=min(parsed.limit, PAGE_SIZE),
    )
    with Server(parsed) as server:
        method = server.stub(ConsentServiceStub).ListConsentHistory
        walk = pages(server, method, request, lambda page: page.statements)
        rows = list(islice(walk, parsed.limit))
    Output(parsed).table(rows, STATEMENTS, "nothing was ever stated")
    return Exit.OK


def change_read(text: str) -> event_pb2.ConsentChange:
    """Returns the change of `purpose=granted` or `purpose=denied`. Errors: ArgumentTypeError."""
    purpose, _, status = text.partition("=")
    if not purpose or status not in ("granted", "denied"):
        raise argparse.ArgumentTypeError(f"`{text}` is not purpose=granted or purpose=denied")
    return event_pb2.ConsentChange(purpose=purpose, status=f"CONSENT_STATUS_{status.upper()}")


def changes_text(changes: Iterable[event_pb2.ConsentChange]) -> str:
    """Returns changes as `purpose=status` after each other."""
    return " ".join(f"{change.purpose}={consent_text(change.status)}" for change in changes)
