"""A served method table over fakes, and raw-bytes calls to it:
what every transport must do the same.
"""

import asyncio
import contextlib
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2
from kairos_server.config import Address
from kairos_server.ingest import Writer
from kairos_server.rpc import Gate, GrpcioEngine, Health, KeyRing, MethodTable, key_hash, key_new
from kairos_server.rpc.ingest_service import IngestService
from kairos_server.rpc.profile_service import ProfileService
from kairos_server.rpc.read_services import ReadServices
from kairos_server.rpc.reflection import Reflection
from kairos_server.telemetry import Telemetry
from unit.server_fakes import FakeEngine, limits

INGEST = "/kairos.v1.IngestService/Ingest"
BATCH = "/kairos.v1.IngestService/IngestBatch"
DECIDE = "/kairos.v1.PersonalizationService/Decide"
EVALUATE = "/kairos.v1.TriggerService/Evaluate"
PROFILE = "/kairos.v1.ProfileService/GetProfile"
TENANT = 7


@dataclass
class Served:
    """A running server and the way to it."""

    engine: FakeEngine
    gate: Gate
    health: Health
    writer: Writer
    telemetry: Telemetry
    transport: GrpcioEngine
    port: int
    key: str
    channel: grpc.aio.Channel

    async def call(self, method, request=b"", *, metadata=None, timeout=30):
        """One unary call of raw bytes with the tenant's key."""
        if metadata is None:
            metadata = (("authorization", f"Bearer {self.key}"),)
        return await self.channel.unary_unary(method)(request, metadata=metadata, timeout=timeout)


@contextlib.asynccontextmanager
async def served(engine=None, **changes):
    """Serves the hot services, health and reflection over grpcio on a free port."""
    engine = engine or FakeEngine()
    bounds = limits(**changes)
    telemetry = Telemetry()
    writer = Writer(engine, bounds, telemetry, lambda: 1, lambda error: None)
    writer.start()
    key = key_new()
    gate = Gate(KeyRing([(key_hash(key), TENANT)]), bounds, telemetry)
    own = (
        *IngestService(engine, writer, bounds).methods(),
        *ReadServices(engine, writer).methods(),
        *ProfileService(engine, writer, bounds, lambda number: "shop").methods(),
    )
    services = MethodTable(*own).services()
    health = Health(services)
    table = MethodTable(*own, *health.methods(), *Reflection(services).methods())
    transport = GrpcioEngine(table, gate, bounds, lambda: 123)
    port = await transport.start(Address("127.0.0.1", 0))
    channel = grpc.aio.insecure_channel(
        f"127.0.0.1:{port}", [("grpc.max_receive_message_length", -1)]
    )
    try:
        yield Served(engine, gate, health, writer, telemetry, transport, port, key, channel)
    finally:
        await channel.close()
        await transport.stop(0)
        await writer.stop()


def run(test):
    """Runs one asynchronous test with a deadline that only a hang reaches."""
    return asyncio.run(asyncio.wait_for(test, 60))


def failure_of(error):
    """Code, reason and details of a failed call."""
    details = {}
    for name, value in error.trailing_metadata():
        if name == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            assert status.code == error.code().value[0]
            assert status.message == error.details()
            for packed in status.details:
                for kind in (
                    error_details_pb2.ErrorInfo,
                    error_details_pb2.BadRequest,
                    error_details_pb2.RetryInfo,
                ):
                    message = kind()
                    if packed.Unpack(message):
                        details[kind.__name__] = message
    info = details.get("ErrorInfo")
    return error.code(), info.reason if info else None, details
