"""The services that answer from the view on the event loop: Decide, Evaluate, GetProfile."""

from collections.abc import Callable
from typing import Protocol

from google.protobuf.message import DecodeError
from kairos.v1 import profile_service_pb2

from kairos_server.errors import Refused
from kairos_server.ingest import Writer
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals

PERSONALIZATION_SERVICE = "kairos.v1.PersonalizationService"
TRIGGER_SERVICE = "kairos.v1.TriggerService"
PROFILE_SERVICE = "kairos.v1.ProfileService"


class ReadEngine(Protocol):
    """What these services need of kairos_native.engine.Engine."""

    def decide(self, tenant: int, request: bytes, now_us: int) -> bytes:
        """Answers a DecideRequest; see engine.pyi."""
        ...

    def evaluate(self, tenant: int, request: bytes, now_us: int) -> bytes:
        """Answers an EvaluateRequest; see engine.pyi."""
        ...

    def profile(self, tenant: int, subject_id: bytes, at_us: int | None, now_us: int) -> bytes:
        """Answers for GetProfile; see engine.pyi."""
        ...


class ReadServices:
    """Each call is one native call of microseconds, so that it runs on the loop:
    a hand-over would cost more.
    """

    def __init__(
        self, engine: ReadEngine, writer: Writer, tenant_names: Callable[[int], str]
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._tenant_names = tenant_names

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        return (
            Method(f"/{PERSONALIZATION_SERVICE}/Decide", Kind.UNARY, unary=self._decide),
            Method(f"/{TRIGGER_SERVICE}/Evaluate", Kind.UNARY, unary=self._evaluate),
            Method(f"/{PROFILE_SERVICE}/GetProfile", Kind.UNARY, unary=self._profile),
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

    async def _profile(self, request: bytes, call: Call) -> bytes:
        try:
            message = profile_service_pb2.GetProfileRequest.FromString(request)
        except DecodeError as error:
            raise Refused("WIRE_MALFORMED") from error
        if message.tenant_id not in ("", self._tenant_names(call.tenant)):
            raise Refused("TENANT_MISMATCH", "tenant_id", message.tenant_id)
        if not message.subject_id:
            raise Refused("SUBJECT_MISSING", "subject_id")
        at_us = message.at_time_us if message.HasField("at_time_us") else None
        with refusals():
            return self._engine.profile(
                call.tenant, message.subject_id.encode(), at_us, call.received_us
            )
