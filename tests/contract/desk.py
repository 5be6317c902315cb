"""The services of administration over a real engine, called through the gate as every transport
calls them.
"""

import contextlib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kairos.v1 import (
    audit_service_pb2,
    consent_service_pb2,
    document_pb2,
    document_service_pb2,
    event_pb2,
    ingest_service_pb2,
    plan_service_pb2,
    profile_service_pb2,
    trigger_service_pb2,
)
from kairos_native.engine import Engine
from kairos_server.errors import Refused
from kairos_server.ingest import Priority, Writer
from kairos_server.plans import Plans
from kairos_server.rpc import Gate, KeyRing, MethodTable, key_hash
from kairos_server.rpc.audit_service import AuditService
from kairos_server.rpc.call import Call
from kairos_server.rpc.consent_service import ConsentService
from kairos_server.rpc.device_service import DeviceService
from kairos_server.rpc.document_service import DocumentService
from kairos_server.rpc.ingest_service import IngestService
from kairos_server.rpc.plan_service import PlanService
from kairos_server.rpc.profile_service import ProfileService
from kairos_server.rpc.trigger_service import TriggerService
from kairos_server.telemetry import Telemetry
from unit.server_fakes import limits

TENANT = 3
OTHER = 4
KEY = "kairos_desk"
OTHER_KEY = "kairos_other"
START_US = 1_710_000_000_000_000
MODULES = (
    audit_service_pb2, consent_service_pb2, document_service_pb2, ingest_service_pb2,
    plan_service_pb2, profile_service_pb2, trigger_service_pb2,
)  # fmt: skip
NAMES = {TENANT: "shop", OTHER: "other"}


def trigger(document_id: str, condition: str = "true", **fields: object) -> document_pb2.Document:
    """A trigger document."""
    body = f"kind: trigger\nid: {document_id}\ncondition: {json.dumps(condition)}\n"
    return document_pb2.Document(body=body, **fields)


@dataclass
class Desk:
    """One server without a transport. Time stands still but for `now_us`."""

    engine: Engine
    plans: Plans
    gate: Gate
    table: MethodTable
    now_us: int = START_US
    ticks: "itertools.count[int]" = field(default_factory=itertools.count)

    async def call(self, name: str, request=None, *, key: str = KEY, **fields):
        """Calls a method by its short name; the request's fields may be given instead of it."""
        method = next(row for row in self.table.values() if row.name.endswith(f"/{name}"))
        module = next(m for m in MODULES if hasattr(m, f"{name}Request"))
        if request is None:
            request = getattr(module, f"{name}Request")(**fields)
        call = Call(
            method.name, {"x-api-key": key}, None, "192.0.2.1:4711", self.now_us + next(self.ticks)
        )
        answer = await self.gate.unary(method, request.SerializeToString(), call)
        return getattr(module, f"{name}Response").FromString(answer)

    async def refusal(self, name: str, request=None, **fields) -> Refused:
        """Calls a method that must refuse; returns the refusal."""
        before = self.engine.figures()["applied_sequence"]
        with pytest.raises(Refused) as error:
            await self.call(name, request, **fields)
        assert self.engine.figures()["applied_sequence"] == before, "a refusal wrote something"
        return error.value

    async def ingest(self, *events: event_pb2.Event) -> None:
        """Ingests events, one record each."""
        for event in events:
            message = ingest_service_pb2.IngestRequest(event=event)
            pending = self.engine.check_ingest(TENANT, message.SerializeToString(), self.now_us)
            await self.plans.submit(pending)

    async def put(self, document: document_pb2.Document, **fields):
        """PutDocument."""
        return await self.call("PutDocument", document=document, **fields)


@contextlib.asynccontextmanager
async def desk(folder: Path, **changes: int):
    """Opens the folder's engine, twice in one test for a restart, and closes it in the end."""
    bounds = limits(**changes)
    engine = Engine.open(str(folder), map_size=1 << 30, segment_size=1 << 22, now_us=START_US)
    telemetry = Telemetry()
    failures: list[BaseException] = []
    writer = Writer(engine, bounds, telemetry, lambda: START_US, failures.append)
    writer.start()

    async def submit(pending):
        await writer.submit(pending, Priority.RESERVATION)

    for tenant, name in NAMES.items():
        await submit(engine.tenant_settings(tenant, name, bytes([tenant]) * 16, 0, START_US))
    plans = Plans(engine, submit)
    gate = Gate(KeyRing([(key_hash(KEY), TENANT), (key_hash(OTHER_KEY), OTHER)]), bounds, telemetry)
    table = MethodTable(
        *PlanService(plans, bounds).methods(),
        *DocumentService(plans, bounds).methods(),
        *AuditService(plans, bounds).methods(),
        *TriggerService(engine, plans, bounds).methods(),
        *IngestService(engine, writer, bounds).methods(),
        *ProfileService(engine, writer, bounds, NAMES.__getitem__).methods(),
        *DeviceService(engine, writer, NAMES.__getitem__).methods(),
        *ConsentService(engine, writer, bounds, NAMES.__getitem__).methods(),
    )
    try:
        yield Desk(engine, plans, gate, table)
        assert failures == []
    finally:
        await writer.stop()
