"""The services that answer from the view on the event loop: Decide, Evaluate."""

from typing import Protocol

from kairos_server.ingest import Writer
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals

PERSONALIZATION_SERVICE = "kairos.v1.PersonalizationService"
TRIGGER_SERVICE = "kairos.v1.TriggerService"


class ReadEngine(Protocol):
    """What these services need of kairos_native.engine.Engine."""

    def decide(self, tenant: int, request: bytes, now_us: int) -> bytes:
        """Answers a DecideRequest; see engine.pyi."""
        ...

    def evaluate(self, tenant: int, request: bytes, now_us: int) -> bytes:
        """Answers an EvaluateRequest; see engine.pyi."""
        ...


class ReadServices:
    """Each call is one native call of microseconds, so that it runs on the loop:
    a hand-over would cost more.
    """

    def __init__(self, engine: ReadEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        return (
            Method(f"/{PERSONALIZATION_SERVICE}/Decide", Kind.UNARY, unary=self._decide),
            Method(f"/{TRIGGER_SERVICE}/Evaluate", Kind.UNARY, unary=self._evaluate),
        )

    async def _decide(self, request: bytes, call: Call) -> bytes:
        self._writer.decisions_check()
        with refusals(), call.stages.core("decide"):
            response = self._engine.decide(call.tenant, request, call.received_us)
        self._writer.decided()
        return response

    async def _evaluate(self, request: bytes, call: Call) -> bytes:
        with refusals(), call.stages.core("evaluate"):
            return self._engine.evaluate(call.tenant, request, call.received_us)
