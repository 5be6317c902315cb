"""The stored documents of all tenants: one writer of each tenant, edits coalesced, everything that
a change leaves behind in one record.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from kairos_native.engine import Pending

from kairos_server.catalog import Catalog, StoredDocument
from kairos_server.errors import Refused

from .acts import AUDIT_PREFIX, Actor, AuditEntry, AuditNumbers
from .edits import Edit, Group, Heads, Outcome, Revision, Staged, compile_group
from .requests import REQUEST_PREFIX, Requests, answer_of
from .rows import PLAN_PREFIX, PlanRow, row_read
from .versions import (
    DRAFT_PREFIX,
    REMOVED_PREFIX,
    Change,
    Version,
    version_key,
    version_of,
    versions_page,
    versions_trimmed,
)

GROUP_EDITS_MAX: Final = 256
"""Edits that are compiled together at most."""
EDITS_WAITING_MAX: Final = 4_096
"""Edits of one tenant that may wait; further ones are refused."""

Entries = list[tuple[str, bytes]]
Submit = Callable[[Pending], Awaitable[None]]


class DocumentEngine(Protocol):
    """What the store needs of kairos_native.engine.Engine; see engine.pyi."""

    def documents(
        self, tenant: int, entries: Sequence[tuple[str, bytes]], now_us: int
    ) -> Pending: ...
    def activation(
        self, tenant: int, plan_id: bytes, now_us: int, entries: Sequence[tuple[str, bytes]] = ()
    ) -> Pending: ...
    def documents_of(self, tenant: int, prefix: str = "") -> dict[str, bytes]: ...
    def documents_range(
        self, tenant: int, prefix: str, after: str, count: int
    ) -> list[tuple[str, bytes]]: ...
    def store_plan(self, image: bytes) -> bytes: ...
    def prepare_plan(self, plan_id: bytes) -> None: ...
    def active_plan(self, tenant: int) -> bytes | None: ...


@dataclass(slots=True)
class TenantState:
    """What is known of one tenant, as of the last durable record."""

    heads: Heads
    audit: AuditNumbers
    requests: Requests
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[Edit] = field(default_factory=list)
    worker: "asyncio.Task[None] | None" = None


class DocumentStore:
    """Documents, drafts, versions, audit entries and answered requests.

    Threads: everything belongs to the event loop; compilation runs in a thread of its own, one at
    a time for each tenant.
    Owns: a catalog per tenant, immutable, replaced once what it holds is durable.
    """

    def __init__(
        self, engine: DocumentEngine, submit: Submit, versions_kept: Callable[[int], int]
    ) -> None:
        """`versions_kept`: tenant -> versions of each document that its policy keeps."""
        self._engine = engine
        self._submit = submit
        self._versions_kept = versions_kept
        self._states: dict[int, TenantState] = {}
        self._loading = asyncio.Lock()

    async def state(self, tenant: int) -> TenantState:
        """Returns the state of a tenant; reads it from the view when it is asked for first."""
        state = self._states.get(tenant)
        if state is None:
            async with self._loading:
                state = self._states.get(tenant) or await self._load(tenant)
                self._states[tenant] = state
        return state

    async def run(self, tenant: int, edit: Edit) -> Outcome:
        """Carries out an edit; returns once it is durable and, where it asks for it, active.

        A caller that goes away does not stop its edit.
        Errors: catalog.DocumentsRefused; Refused(ETAG_MISMATCH, DOCUMENT_EXISTS, QUEUE_FULL,
            DISK_FULL, …); engine.Refusal. Nothing of the edit was done then
        """
        state = await self.state(tenant)
        if edit.validate_only:
            async with state.lock:
                group = await asyncio.to_thread(compile_group, state.heads, [edit])
            for _, error in group.refused:
                raise error
            return _outcome(group, group.staged[0], group.row)
        if len(state.waiting) >= EDITS_WAITING_MAX:
            raise Refused("QUEUE_FULL", "documents")
        edit.done = asyncio.get_running_loop().create_future()
        state.waiting.append(edit)
        if state.worker is None:
            state.worker = asyncio.create_task(self._work(tenant, state))
        return await edit.done

    async def write(
        self, tenant: int, state: TenantState, actor: Actor, entries: Entries, response: bytes = b""
    ) -> None:
        """Stores entries that change no plan, with the answer for repeats of the request.

        The caller holds the state's lock.
        """
        entries = [*entries, *state.requests.entries(actor, response)]
        if entries:
            await self._submit(self._engine.documents(tenant, entries, actor.now_us))
        if actor.request_id:
            state.requests.stored(actor)

    async def once(self, tenant: int, actor: Actor, act: Callable[[], Awaitable[bytes]]) -> bytes:
        """Returns the answer that the request got first; carries it out when it is new.

        A repeat that comes while the first is being worked at waits for it. A request that was
        refused changed nothing and may be repeated.
        Errors: those of `act`; Refused(REQUEST_ID_REUSED)
        """
        if not actor.request_id:
            return await act()
        state = await self.state(tenant)
        while (running := state.requests.running.get(actor.request_id)) is not None:
            await asyncio.wait([running])
        if state.requests.known(actor):
            key = REQUEST_PREFIX + actor.request_id
            return answer_of(self._engine.documents_range(tenant, key, "", 1)[0][1])
        running = asyncio.get_running_loop().create_future()
        state.requests.running[actor.request_id] = running
        try:
            return await act()
        finally:
            del state.requests.running[actor.request_id]
            running.set_result(None)

    def version(self, tenant: int, name: str, number: int) -> Version | None:
        """Returns one version of a document, or None when it never was or is no longer kept."""
        key = version_key(name, number)
        rows = self._engine.documents_range(tenant, key, "", 1)
        return Version.from_json(rows[0][1]) if rows else None

    def versions(self, tenant: int, name: str, end: int, count: int) -> list[Version]:
        """Returns up to `count` kept versions below `end`, newest first."""
        return versions_page(self._reader(tenant), name, end, count)

    def audit_rows(self, tenant: int, after: str, count: int) -> list[tuple[str, bytes]]:
        """Returns up to `count` stored entries behind a key, newest first."""
        return self._engine.documents_range(tenant, AUDIT_PREFIX, after, count)

    def audit_entry(self, tenant: int, key: str) -> AuditEntry | None:
        """Returns the entry that is stored under a key."""
        rows = self._engine.documents_range(tenant, key, "", 1)
        return AuditEntry.from_json(rows[0][1]) if rows else None

    def _reader(self, tenant: int) -> Callable[[str, str, int], list[tuple[str, bytes]]]:
        def read(prefix: str, after: str, count: int) -> list[tuple[str, bytes]]:
            return self._engine.documents_range(tenant, prefix, after, count)

        return read

    async def _load(self, tenant: int) -> TenantState:
        engine = self._engine
        stored = engine.documents_of(tenant, "document/") | engine.documents_of(tenant, "registry")
        catalog = await asyncio.to_thread(Catalog.from_documents, tenant, stored)
        drafts = {
            key.removeprefix(DRAFT_PREFIX): StoredDocument.from_json(value)
            for key, value in engine.documents_of(tenant, DRAFT_PREFIX).items()
        }
        numbers = {
            key.removeprefix(REMOVED_PREFIX): int(json.loads(value)["version"])
            for key, value in engine.documents_of(tenant, REMOVED_PREFIX).items()
        }
        for name, draft in drafts.items():
            numbers[name] = max(numbers.get(name, 0), draft.version)
        newest = engine.documents_range(tenant, AUDIT_PREFIX, "", 1)
        return TenantState(
            Heads(catalog, drafts, numbers),
            AuditNumbers(newest[0][0] if newest else ""),
            Requests(engine.documents_of(tenant, REQUEST_PREFIX)),
        )

    async def _work(self, tenant: int, state: TenantState) -> None:
        """Takes what waits, group by group, until nothing does."""
        while state.waiting:
            async with state.lock:
                edits = _taken(state.waiting)
                try:
                    await self._group(tenant, state, edits)
                except BaseException as error:
                    _failed(edits, error)
                    if not isinstance(error, Exception):
                        state.worker = None
                        raise
        state.worker = None

    async def _group(self, tenant: int, state: TenantState, edits: list[Edit]) -> None:
        group = await asyncio.to_thread(compile_group, state.heads, edits)
        for edit, error in group.refused:
            _failed([edit], error)
        if group.applied is None:
            return
        row = group.row
        known = self._engine.documents_range(tenant, PLAN_PREFIX + row.plan_id.hex(), "", 1)
        if known:
            row = row_read(row.plan_id, known[0][1])
        else:
            await asyncio.to_thread(self._engine.store_plan, group.image)
        if group.staged[-1].edit.activate and self._engine.active_plan(tenant) != row.plan_id:
            await asyncio.to_thread(self._engine.prepare_plan, row.plan_id)
        outcomes = [(staged, _outcome(group, staged, row)) for staged in group.staged]
        entries: Entries = list(group.applied.entries)
        if not known:
            entries.append((PLAN_PREFIX + row.plan_id.hex(), row.to_json()))
        for staged, outcome in outcomes:
            entries += self._left_behind(tenant, state, staged, outcome)
        await self._commit(tenant, state, group.staged[-1].edit, row.plan_id, entries)
        state.heads = group.heads
        for staged, outcome in outcomes:
            if staged.edit.actor.request_id:
                state.requests.stored(staged.edit.actor)
            done = staged.edit.done
            if done is not None and not done.done():
                done.set_result(outcome)

    async def _commit(
        self, tenant: int, state: TenantState, last: Edit, plan_id: bytes, entries: Entries
    ) -> None:
        """Writes one record: the documents, and the activation of the plan where that is new."""
        now_us = last.actor.now_us
        if last.activate and self._engine.active_plan(tenant) != plan_id:
            entry = state.audit.entry(last.actor, "plans.activate", f"plans/{plan_id.hex()}")
            entries.append((entry.key, entry.to_json()))
            await self._submit(self._engine.activation(tenant, plan_id, now_us, entries))
        elif entries:
            await self._submit(self._engine.documents(tenant, entries, now_us))

    def _left_behind(
        self, tenant: int, state: TenantState, staged: Staged, outcome: Outcome
    ) -> Entries:
        """Returns versions, audit entries and the kept answer of one edit."""
        edit, entries = staged.edit, Entries()
        kept_count = self._versions_kept(tenant)
        for revision in outcome.revisions:
            name, document = revision.name, revision.document
            entry = state.audit.entry(
                edit.actor, edit.action if revision.change is not Change.REMOVED
                else "documents.delete", f"documents/{name}",
                version=document.version, etag=document.etag,
                details={"change": revision.change.value, "plan_id": outcome.plan_id},
            )  # fmt: skip
            version = version_of(document, revision.change, entry.entry_id)
            entries += [(entry.key, entry.to_json()), (version.key, version.to_json())]
            entries += versions_trimmed(self._reader(tenant), name, document.version, kept_count)
            if revision.change is Change.REMOVED:
                entries.append((REMOVED_PREFIX + name, number_json(document.version)))
            elif revision.change is Change.ADDED and name in state.heads.numbers:
                entries.append((REMOVED_PREFIX + name, b""))
            if name in state.heads.drafts:
                entries.append((DRAFT_PREFIX + name, b""))
        edit.response = edit.respond(outcome) if edit.respond else b""
        return [*entries, *state.requests.entries(edit.actor, edit.response)]


def number_json(version: int) -> bytes:
    """Returns what is stored for a name whose greatest version number no document has."""
    return json.dumps({"version": version}).encode()


def _taken(waiting: list[Edit]) -> list[Edit]:
    """Takes the edits in front that are activated alike."""
    count, end = 1, min(len(waiting), GROUP_EDITS_MAX)
    while count < end and waiting[count].activate == waiting[0].activate:
        count += 1
    edits = waiting[:count]
    del waiting[:count]
    return edits


def _failed(edits: Sequence[Edit], error: BaseException) -> None:
    for edit in edits:
        if edit.done is not None and not edit.done.done():
            if isinstance(error, Exception):
                edit.done.set_exception(error)
            else:
                edit.done.cancel()


def _outcome(group: Group, staged: Staged, row: PlanRow) -> Outcome:
    """The edit's own versions, with the canonical conditions that compiling gave them."""
    assert group.applied is not None
    stored = group.applied.catalog.documents

    def final(document: StoredDocument) -> StoredDocument:
        found = stored.get(f"{document.kind}/{document.id}")
        return found if found and found.version == document.version else document

    revisions = [Revision(final(r.document), r.change) for r in staged.revisions]
    documents = {name: stored[name] for name in staged.names if name in stored}
    documents |= {r.name: r.document for r in revisions}
    return Outcome(revisions, documents, group.applied.warnings, row)
