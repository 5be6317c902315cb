"""A tenant with a score, triggers and purposes, and the calls that tests of profiles make."""

import contextlib
from pathlib import Path

from contract.desk import START_US, Desk, desk
from kairos.v1 import document_pb2, event_pb2

USER, ACCOUNT, EMAIL, DEVICE, SESSION, ANONYMOUS = 1, 2, 3, 5, 6, 7
DOCUMENTS = (
    "kind: schema\nid: main\npurposes: [analytics, marketing]",
    """kind: score
id: engagement_score
type: engagement
terms: [{feature: 'count("view")', weight: 0.1}]""",
    'kind: trigger\nid: third\ncondition: count("view") == 3',
    'kind: trigger\nid: changed\ncondition: event.type == "consent_change"',
)


@contextlib.asynccontextmanager
async def shop(folder: Path):
    """A desk with the documents."""
    async with desk(folder) as server:
        for body in DOCUMENTS:
            await server.put(document_pb2.Document(body=body))
        yield server


async def view(server: Desk, subject: str, number: int, *, kind: int = 0, named=(), **fields):
    """A view by a subject, which may name further identifiers (type, value)."""
    event = event_pb2.Event(
        event_type="view", subject_id=subject, subject_type=kind, event_id=f"{subject}{number}",
        occurred_time_us=START_US + number, **fields,
    )  # fmt: skip
    for known, value in named:
        event.identifiers.add(type=known, value=value)
    return await server.call("Ingest", event=event)


def identifier(kind: int, value: str) -> event_pb2.Identifier:
    """One identifier."""
    return event_pb2.Identifier(type=kind, value=value)


async def link(server: Desk, left: tuple[int, str], right: tuple[int, str], **fields):
    """LinkIdentifiers."""
    return await server.call(
        "LinkIdentifiers", left=identifier(*left), right=identifier(*right), **fields
    )


async def profile(server: Desk, subject: str, **fields):
    """GetProfile."""
    return (await server.call("GetProfile", subject_id=subject, **fields)).profile


async def walk(server: Desk, name: str, items: str, **fields):
    """All items of a list, page by page."""
    found, token = [], ""
    while True:
        page = await server.call(name, page_token=token, **fields)
        found += getattr(page, items)
        token = page.next_page_token
        if not token:
            return found
