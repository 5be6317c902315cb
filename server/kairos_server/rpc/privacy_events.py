"""IngestService.IngestPrivacyEvent: an event without the person, and what was taken out of it."""

import json
from typing import Protocol

from kairos.v1 import ingest_service_pb2
from kairos_native.engine import Pending, Refusal

from kairos_server.errors import Refused, refused_by_engine
from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.normalise import KnownAgents, Rules, anonymise
from kairos_server.rpc.call import Call
from kairos_server.rpc.requests import parsed


class PrivacyEngine(Protocol):
    """What this needs of kairos_native.engine.Engine."""

    def check_ingest(self, tenant: int, request: bytes, received_us: int) -> Pending:
        """Checks one event; see engine.pyi."""
        ...

    def active_plan(self, tenant: int) -> bytes | None:
        """Id of the active plan."""
        ...

    def plan_meta(self, tenant: int) -> bytes | None:
        """What the active plan says for the server; see engine.pyi."""
        ...


class PrivacyEvents:
    """Rewrites the request as an ordinary event, which then takes the ordinary path."""

    def __init__(
        self, engine: PrivacyEngine, writer: Writer, limits: Limits, known: KnownAgents
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._limits = limits
        self._known = known
        self._rules: dict[int, tuple[bytes, Rules]] = {}

    async def ingest(self, data: bytes, call: Call) -> bytes:
        """Returns an encoded IngestPrivacyEventResponse. Errors: Refused"""
        request = self._read(data)
        rules = self._rules_of(call.tenant)
        agent = await self._known.agent(request.user_agent)
        found = anonymise(request, rules, agent, call.received_us)
        wrapped = ingest_service_pb2.IngestRequest(event=found.event).SerializeToString()
        try:
            pending = await self._known.check(
                self._engine.check_ingest, call.tenant, wrapped, call.received_us
            )
        except Refusal as refusal:
            field = found.field(refusal.field)
            raise refused_by_engine(refusal.status, field, refusal.seen) from None
        await self._writer.submit(pending)
        return ingest_service_pb2.IngestPrivacyEventResponse(
            event=ingest_service_pb2.IngestResponse.FromString(pending.response),
            removed_fields=found.removed,
            coarsened_fields=found.coarsened,
            granted_purposes=found.granted,
            denied_purposes=found.denied,
            anonymization=found.anonymization,
            retention_days=found.retention_days,
            expire_time_us=found.expire_time_us(),
        ).SerializeToString()

    def _read(self, data: bytes) -> ingest_service_pb2.IngestPrivacyEventRequest:
        if len(data) > self._limits.message_size_max:
            raise Refused("REQUEST_TOO_LARGE", "", f"{len(data)} bytes")
        return parsed(ingest_service_pb2.IngestPrivacyEventRequest, data)

    def _rules_of(self, tenant: int) -> Rules:
        """Cost: one look-up until another plan is activated. Errors: Refused(PLAN_MISSING)"""
        plan_id = self._engine.active_plan(tenant)
        if plan_id is None:
            raise Refused("PLAN_MISSING")
        known = self._rules.get(tenant)
        if known is None or known[0] != plan_id:
            meta = self._engine.plan_meta(tenant)
            known = plan_id, Rules.of_plan(json.loads(meta) if meta else {})
            self._rules[tenant] = known
        return known[1]
