"""The plans of all tenants: compile documents off the loop, store image and documents,
activate, roll back.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from kairos_native.engine import Engine, Pending

from kairos_server.catalog import Applied, Catalog, DocumentInput, build_image
from kairos_server.errors import Refused

SERVER_PREFIX: Final = "server/"
"""Keys of stored documents that are the server's own, not the catalog's."""
PLAN_PREFIX: Final = "plan/"
"""Keys of plan rows; the catalog leaves them to us."""
_PLAN_ID_AT: Final = slice(8, 40)

Submit = Callable[[Pending], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What is known of one plan.

    Units: times in microseconds UTC, 0: never; `image_size` in bytes.
    """

    plan_id: bytes
    create_time_us: int
    author: str
    note: str
    trigger_count: int
    content_count: int
    feature_count: int
    image_size: int
    activate_time_us: int = 0
    active: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """Position in lists: by time of creation, then by id."""
        return self.create_time_us, self.plan_id.hex()


@dataclass(frozen=True, slots=True)
class PlanApplied:
    """Result of applying documents."""

    row: PlanRow
    warnings: list[str]


class Plans:
    """Administration of plans, one change of a tenant at a time.

    Owns: a catalog per tenant, immutable, replaced once the documents that it holds are durable.
    """

    def __init__(self, engine: Engine, submit: Submit) -> None:
        self._engine = engine
        self._submit = submit
        self._catalogs: dict[int, Catalog] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._policies: dict[int, tuple[bytes, Mapping[str, Mapping[str, Any]]]] = {}

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
        async with self._locks.setdefault(tenant, asyncio.Lock()):
            stored = self._engine.documents_of(tenant)
            catalog = await self._catalog(tenant, stored)
            applied = await asyncio.to_thread(
                catalog.apply, list(documents), list(removed), author, note, now_us
            )
            image = await asyncio.to_thread(build_image, applied.model)
            plan_id = bytes(image[_PLAN_ID_AT])
            key = PLAN_PREFIX + plan_id.hex()
            known = stored.get(key)
            row = (
                _row_read(plan_id, known)
                if known
                else _row_new(applied, plan_id, len(image), author, note, now_us)
            )
            if validate_only:
                return PlanApplied(self._row_state(tenant, row), list(applied.warnings))
            self._engine.store_plan(image)
            entries = [
                (name, value) for name, value in applied.entries if stored.get(name) != value
            ]
            if known is None:
                entries.append((key, _row_write(row)))
            if entries:
                await self._submit(self._engine.documents(tenant, entries, now_us))
            self._catalogs[tenant] = applied.catalog
            if activate and self._engine.active_plan(tenant) != plan_id:
                await self._submit(self._engine.activation(tenant, plan_id, now_us))
            return PlanApplied(self._row_state(tenant, row), list(applied.warnings))

    async def activate(self, tenant: int, plan_id: bytes, now_us: int) -> PlanRow:
        """Activates a plan; nothing is written when it is active already.

        Errors: Refused(PLAN_UNKNOWN).
        """
        async with self._locks.setdefault(tenant, asyncio.Lock()):
            return await self._activate(tenant, plan_id, now_us)

    async def roll_back(self, tenant: int, now_us: int) -> PlanRow:
        """Activates the plan that was active before the present one.

        Errors: Refused(PLAN_MISSING) when there is none.
        """
        async with self._locks.setdefault(tenant, asyncio.Lock()):
            present = self._engine.active_plan(tenant)
            before = [plan for _, _, plan in self._engine.activations(tenant) if plan != present]
            if present is None or not before:
                raise Refused("PLAN_MISSING")
            return await self._activate(tenant, before[-1], now_us)

    def rows(self, tenant: int) -> list[PlanRow]:
        """Returns every plan of the tenant, in no particular order."""
        stored = self._engine.documents_of(tenant)
        return [
            self._row_state(tenant, _row_read(bytes.fromhex(key.removeprefix(PLAN_PREFIX)), value))
            for key, value in stored.items()
            if key.startswith(PLAN_PREFIX)
        ]

    async def dictionary(self, tenant: int) -> list[tuple[int, str]]:
        """Returns id and name of every attribute of the tenant, by id."""
        catalog = await self._catalog(tenant, self._engine.documents_of(tenant))
        return catalog.dictionary()

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
            known = plan_id, json.loads(meta).get("policies", {}) if meta else {}
            self._policies[tenant] = known
        return known[1].get(policy_id)

    async def _catalog(self, tenant: int, stored: Mapping[str, bytes]) -> Catalog:
        catalog = self._catalogs.get(tenant)
        if catalog is None:
            own = {key: value for key, value in stored.items() if not key.startswith(SERVER_PREFIX)}
            catalog = await asyncio.to_thread(Catalog.from_documents, tenant, own)
        return catalog

    async def _activate(self, tenant: int, plan_id: bytes, now_us: int) -> PlanRow:
        known = self._engine.documents_of(tenant).get(PLAN_PREFIX + plan_id.hex())
        if known is None:
            raise Refused("PLAN_UNKNOWN", "plan_id", plan_id.hex())
        if self._engine.active_plan(tenant) != plan_id:
            await self._submit(self._engine.activation(tenant, plan_id, now_us))
        return self._row_state(tenant, _row_read(plan_id, known))

    def _row_state(self, tenant: int, row: PlanRow) -> PlanRow:
        times = [
            time_us for _, time_us, plan in self._engine.activations(tenant) if plan == row.plan_id
        ]
        return replace(
            row,
            activate_time_us=max(times, default=0),
            active=self._engine.active_plan(tenant) == row.plan_id,
        )


def _row_new(
    applied: Applied, plan_id: bytes, image_size: int, author: str, note: str, now_us: int
) -> PlanRow:
    return PlanRow(
        plan_id=plan_id,
        create_time_us=now_us,
        author=author,
        note=note,
        trigger_count=applied.trigger_count,
        content_count=applied.content_count,
        feature_count=applied.feature_count,
        image_size=image_size,
    )


def _row_write(row: PlanRow) -> bytes:
    fields = asdict(row)
    for derived in ("plan_id", "activate_time_us", "active"):
        del fields[derived]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _row_read(plan_id: bytes, value: bytes) -> PlanRow:
    return PlanRow(plan_id=plan_id, **json.loads(value))
