"""The plans of all tenants: what the stored documents compile to, activated, rolled back, and read
by the rest of the server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from kairos_native.engine import Engine, Pending

from kairos_server.administration import (
    PLAN_PREFIX,
    Actor,
    DocumentStore,
    Edit,
    Firings,
    PlanRow,
    row_read,
)
from kairos_server.catalog import DocumentInput
from kairos_server.catalog.policies import VERSIONS_KEPT_DEFAULT
from kairos_server.errors import Refused

__all__ = ["SERVER_PREFIX", "PlanApplied", "PlanRow", "Plans", "Submit"]

SERVER_PREFIX: Final = "server/"
"""Keys of stored documents that are the server's own, not the catalog's."""

Submit = Callable[[Pending], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PlanApplied:
    """Result of applying documents."""

    row: PlanRow
    warnings: list[str]


class _PlanMeta(msgspec.Struct):
    """The part of a plan's meta data that is read here; the conditions of 10,000 triggers beside it
    are skipped, not built.
    """

    policies: dict[str, dict[str, Any]] = {}


class Plans:
    """Administration of plans, one change of a tenant at a time.

    Owns: the document store, and the policies of each active plan.
    """

    def __init__(self, engine: Engine, submit: Submit) -> None:
        self._engine = engine
        self.submit = submit
        """Commits one record of an administrative act."""
        self._policies: dict[int, tuple[bytes, Mapping[str, Mapping[str, Any]]]] = {}
        self.documents = DocumentStore(engine, submit, self._versions_kept)
        self.firings = Firings(engine, submit)

    async def apply(
        self, tenant: int, documents: Sequence[DocumentInput], removed: Sequence[str], *,
        author: str, note: str, validate_only: bool, activate: bool, now_us: int,
    ) -> PlanApplied:  # fmt: skip
        """Compiles the tenant's documents with these changes; stores and activates
        the plan as asked.

        Errors: catalog.DocumentsRefused; engine.Refusal; Refused(DISK_FULL …). Nothing changed
        then, except that an image that no record names may have been written; it is
        content-addressed and costs only disk.
        """
        edit = Edit(
            Actor(now_us, author, note), "documents.apply", documents, removed,
            activate=activate, validate_only=validate_only,
        )  # fmt: skip
        return await self.applied(tenant, edit)

    async def applied(self, tenant: int, edit: Edit) -> PlanApplied:
        """Carries out an edit; returns the row of its plan, also of one that was not stored.

        Errors: those of DocumentStore.run
        """
        outcome = await self.documents.run(tenant, edit)
        assert outcome.row is not None
        return PlanApplied(self.row_state(tenant, outcome.row), list(outcome.warnings))

    async def activate(self, tenant: int, plan_id: bytes, actor: Actor) -> PlanRow:
        """Activates a plan; nothing is written when it is active already.

        Errors: Refused(PLAN_UNKNOWN).
        """
        async with (await self.documents.state(tenant)).lock:
            return await self._activate(tenant, plan_id, actor, "plans.activate")

    async def roll_back(self, tenant: int, actor: Actor) -> PlanRow:
        """Activates the plan that was active before the present one.

        Errors: Refused(PLAN_MISSING) when there is none.
        """
        async with (await self.documents.state(tenant)).lock:
            present = self._engine.active_plan(tenant)
            before = [plan for _, _, plan in self._engine.activations(tenant) if plan != present]
            if present is None or not before:
                raise Refused("PLAN_MISSING")
            return await self._activate(tenant, before[-1], actor, "plans.roll_back")

    def rows(self, tenant: int) -> list[PlanRow]:
        """Returns every plan of the tenant, in no particular order."""
        times = {plan: time_us for _, time_us, plan in self._engine.activations(tenant)}
        active = self._engine.active_plan(tenant)
        found = []
        for key, value in self._engine.documents_of(tenant, PLAN_PREFIX).items():
            plan_id = bytes.fromhex(key.removeprefix(PLAN_PREFIX))
            row = row_read(plan_id, value)
            found.append(
                replace(row, activate_time_us=times.get(plan_id, 0), active=plan_id == active)
            )
        return found

    async def dictionary(self, tenant: int) -> list[tuple[int, str]]:
        """Returns id and name of every attribute of the tenant, by id."""
        return (await self.documents.state(tenant)).heads.catalog.dictionary()

    def policy(self, tenant: int, policy_id: str) -> Mapping[str, Any] | None:
        """Returns a policy of the active plan as its reader normalised it; None where the plan has
        none of this id.

        Cost: one dictionary look-up until another plan is activated
        """
        plan_id = self._engine.active_plan(tenant)
        if plan_id is None:
            return None
        known = self._policies.get(tenant)
        if known is None or known[0] != plan_id:
            meta = self._engine.plan_meta(tenant)
            known = plan_id, msgspec.json.decode(meta, type=_PlanMeta).policies if meta else {}
            self._policies[tenant] = known
        return known[1].get(policy_id)

    async def record(
        self, tenant: int, actor: Actor, action: str, resource: str,
        details: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Writes an audit entry of an act that stores no documents, such as the replay of a dead
        letter; returns its id once it is durable. Call it before the act: an act without an entry
        would be a hole, an entry without its act says what was tried.

        Errors: Refused(QUEUE_FULL, DISK_FULL, …)
        """
        state = await self.documents.state(tenant)
        async with state.lock:
            entry = state.audit.entry(actor, action, resource, details=details)
            entries = [(entry.key, entry.to_json())]
            await self.submit(self._engine.documents(tenant, entries, actor.now_us))
        return entry.entry_id

    async def audit_entries(
        self, tenant: int, actor: Actor, action: str, resource: str,
        details: Mapping[str, str] | None = None,
    ) -> list[tuple[str, bytes]]:  # fmt: skip
        """Returns what an act that stores documents itself adds to its own entries, so that one
        record holds both.
        """
        state = await self.documents.state(tenant)
        entry = state.audit.entry(actor, action, resource, details=details)
        return [(entry.key, entry.to_json())]

    def row_state(self, tenant: int, row: PlanRow) -> PlanRow:
        """Returns the row with what the log says of it."""
        times = [
            time_us for _, time_us, plan in self._engine.activations(tenant) if plan == row.plan_id
        ]
        return replace(
            row,
            activate_time_us=max(times, default=0),
            active=self._engine.active_plan(tenant) == row.plan_id,
        )

    def _versions_kept(self, tenant: int) -> int:
        policy = self.policy(tenant, "documents")
        return int(policy["versions_kept"]) if policy else VERSIONS_KEPT_DEFAULT

    async def _activate(self, tenant: int, plan_id: bytes, actor: Actor, action: str) -> PlanRow:
        key = PLAN_PREFIX + plan_id.hex()
        known = self._engine.documents_range(tenant, key, "", 1)
        if not known:
            raise Refused("PLAN_UNKNOWN", "plan_id", plan_id.hex())
        if self._engine.active_plan(tenant) != plan_id:
            await asyncio.to_thread(self._engine.prepare_plan, plan_id)
            state = await self.documents.state(tenant)
            entry = state.audit.entry(actor, action, f"plans/{plan_id.hex()}")
            await self.submit(
                self._engine.activation(
                    tenant, plan_id, actor.now_us, [(entry.key, entry.to_json())]
                )
            )
        return self.row_state(tenant, row_read(plan_id, known[0][1]))
