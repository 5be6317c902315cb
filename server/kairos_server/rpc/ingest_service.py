"""kairos.v1.IngestService: check, queue, answer after the commit."""

from collections.abc import Callable
from typing import Protocol

from kairos_native.engine import Pending, Refusal

from kairos_server.errors import refused_by_engine
from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.normalise import AgentEngine, KnownAgents
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.ingest_stream import IngestStream
from kairos_server.rpc.privacy_events import PrivacyEngine, PrivacyEvents

SERVICE = "kairos.v1.IngestService"


class IngestEngine(AgentEngine, PrivacyEngine, Protocol):
    """What ingest needs of kairos_native.engine.Engine."""

    def check_batch(self, tenant: int, request: bytes, received_us: int) -> Pending:
        """Checks a batch; see engine.pyi."""
        ...


class IngestService:
    """The unary methods are one path: they differ in the check only."""

    def __init__(self, engine: IngestEngine, writer: Writer, limits: Limits) -> None:
        self._engine = engine
        self._writer = writer
        self._known = KnownAgents(engine, writer.now_us)
        self._stream = IngestStream(engine, writer, limits, self._known)
        self._privacy = PrivacyEvents(engine, writer, limits, self._known)

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        return (
            Method(f"/{SERVICE}/Ingest", Kind.UNARY, unary=self._ingest),
            Method(f"/{SERVICE}/IngestBatch", Kind.UNARY, unary=self._ingest_batch),
            Method(f"/{SERVICE}/IngestStream", Kind.BIDI_STREAM, stream=self._stream.serve),
            Method(f"/{SERVICE}/IngestPrivacyEvent", Kind.UNARY, unary=self._privacy.ingest),
        )

    async def _ingest(self, request: bytes, call: Call) -> bytes:
        return await self._take(self._engine.check_ingest, request, call)

    async def _ingest_batch(self, request: bytes, call: Call) -> bytes:
        return await self._take(self._engine.check_batch, request, call)

    async def _take(
        self, check: Callable[[int, bytes, int], Pending], request: bytes, call: Call
    ) -> bytes:
        stages = call.stages.check_begin()
        try:
            pending = await self._known.check(check, call.tenant, request, call.received_us)
            if pending.refusal is not None:
                raise pending.refusal
        except Refusal as refusal:
            raise refused_by_engine(refusal.status, refusal.field, refusal.seen) from None
        stages.check_end()
        await self._writer.submit(pending, stages=stages)
        stages.answer_end()
        return pending.response
