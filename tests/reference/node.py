"""The engine's log in plain Python: sequences, received times, answers of a group commit.

See reference.engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import STATUS

from reference.active import Active
from reference.engine import Outcome, Settings, Tenant
from reference.hash import siphash128
from reference.identities import Key
from reference.wire import Refused

# A malformed message may have no id that can be trusted.
ID_UNKNOWN = ("WIRE_MALFORMED", "UTF8_INVALID", "EVENT_ID_INVALID", "EVENT_TOO_LARGE")


@dataclass(frozen=True)
class Refusal:
    event_id: bytes
    refused: Refused


@dataclass
class Request:
    """One request on its way: events checked under the plan that was active then,
    or a control record.
    """

    tenant: int
    received_us: int
    events: list[dict[str, Any] | Refusal] = field(default_factory=list)
    batch: bool = False
    settings: Settings | None = None
    active: Active | None = None
    silent_count: int = 0
    """Records that change nothing: documents, decisions."""
    link: tuple[Key, Key] | None = None
    unlink: int = 0


@dataclass
class Node:
    tenants: dict[int, Tenant] = field(default_factory=dict)
    sequence: int = 0
    received_us: int = 0
    epoch: int = 0
    decision_count: int = 0

    def start(self, now_us: int) -> None:
        """Every start appends the record of a new epoch, and counts its decisions anew."""
        self.epoch += 1
        self.decision_count = 0
        self._append(now_us)

    def _append(self, received_us: int) -> int:
        self.sequence += 1
        self.received_us = max(self.received_us, received_us)
        return self.sequence

    def check(
        self, tenant: int, events: Sequence[bytes], received_us: int, *, batch: bool
    ) -> Request:
        request = Request(tenant, received_us, batch=batch)
        for data in events:
            try:
                request.events.append(self.tenants[tenant].check(data, received_us))
            except Refused as refused:
                event_id = b""
                if refused.args[0] not in ID_UNKNOWN:
                    event_id = event_pb2.Event.FromString(data).event_id.encode()
                request.events.append(Refusal(event_id, refused))
        return request

    def commit(self, requests: Sequence[Request]) -> list[Any]:
        """Applies the requests in order. Returns the answers; None for control records."""
        return [self._commit(request) for request in requests]

    def _commit(self, request: Request) -> Any:
        if request.settings is not None:
            self._append(request.received_us)
            known = self.tenants.setdefault(request.tenant, Tenant(request.settings))
            known.settings = request.settings
            return None
        if request.active is not None:
            sequence = self._append(request.received_us)
            self.tenants[request.tenant].activate(request.active, sequence, self.received_us)
            return None
        if request.link is not None or request.unlink:
            return self._relate(request)
        for _ in range(request.silent_count):
            self._append(request.received_us)
        if not request.events:
            return None
        results = [self._result(request, event) for event in request.events]
        if not request.batch:
            return results[0]
        return ingest_service_pb2.IngestBatchResponse(
            results=results,
            accepted_count=sum(r.processed and not r.duplicate for r in results),
            duplicate_count=sum(r.duplicate for r in results),
            refused_count=sum(r.HasField("error") for r in results),
        )

    def _relate(self, request: Request) -> tuple[int, int]:
        """Status and id of the link, as the engine gives them."""
        sequence = self._append(request.received_us)
        identities = self.tenants[request.tenant].identities
        if request.link is None:
            known = identities.unlink(request.unlink)
            return (0, request.unlink) if known else (STATUS["LINK_NOT_FOUND"], 0)
        link_id = identities.link(*request.link, sequence * 16, automatic=False)
        return (STATUS["LINK_REFUSED"], 0) if link_id is None else (0, link_id)

    def _result(self, request: Request, event: dict[str, Any] | Refusal) -> Any:
        kind = (
            ingest_service_pb2.IngestResult if request.batch else ingest_service_pb2.IngestResponse
        )
        if isinstance(event, Refusal):
            result = kind(event_id=event.event_id.decode())
            result.error.reason, result.error.field = event.refused.status, event.refused.field
            return result
        tenant = self.tenants[request.tenant]
        sequence = self._append(request.received_us)
        outcome = tenant.apply(event, sequence, self.received_us)
        return answered(kind, tenant.active, event["event_id"], outcome, sequence)

    def decision_id(self, tenant: int) -> str:
        """The id of the next decision that is not refused."""
        self.decision_count += 1
        seed = self.decision_count.to_bytes(8, "little") + (self.epoch << 32).to_bytes(8, "little")
        return siphash128(self.tenants[tenant].settings.hash_key, seed).hex()


def answered(kind: Any, active: Active, event_id: bytes, outcome: Outcome, sequence: int) -> Any:
    result = kind(
        event_id=event_id.decode(), processed=True, duplicate=outcome.duplicate, late=outcome.late
    )
    if outcome.duplicate:
        names = active.model.trigger_names
        for number in outcome.numbers:
            if number < len(names):
                result.triggers.add(trigger_id=names[number], executed=True)
        return result
    result.sequence = sequence
    for rule in outcome.fired:
        fired = result.triggers.add()
        fired.MergeFromString(rule.blob)
        fired.executed, fired.result = True, "automation_triggered"
    return result
