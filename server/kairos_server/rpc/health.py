"""grpc.health.v1.Health: Check and Watch, with a status per service."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from kairos_server.errors import Code, Refused
from kairos_server.rpc.call import Call, Kind, Method

SERVICE = "grpc.health.v1.Health"
_Status = health_pb2.HealthCheckResponse.ServingStatus


class Health:
    """Status of the server ("") and of each of its services."""

    def __init__(self, services: Iterable[str]) -> None:
        self._statuses: dict[str, int] = dict.fromkeys(["", *services], _Status.NOT_SERVING)
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def serving(self) -> bool:
        """True when the server as a whole takes calls."""
        return bool(self._statuses[""] == _Status.SERVING)

    def set_all(self, *, serving: bool) -> None:
        """Sets every service and tells the watchers."""
        for service in self._statuses:
            self._statuses[service] = _Status.SERVING if serving else _Status.NOT_SERVING
        self._notify()

    def close(self) -> None:
        """Ends all watches after their last status, so that they do not hold up the
        end of the process.
        """
        self._closed = True
        self._notify()

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table.

        Both are answered without a credential and while draining.
        """
        return (
            Method(f"/{SERVICE}/Check", Kind.UNARY, unary=self._check, public=True, always=True),
            Method(
                f"/{SERVICE}/Watch",
                Kind.SERVER_STREAM,
                stream=self._watch,
                public=True,
                always=True,
            ),
        )

    async def _check(self, request: bytes, call: Call) -> bytes:
        service = _service_of(request)
        if service not in self._statuses:
            raise ServiceUnknown(service)
        return _response(self._statuses[service])

    async def _watch(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        service = _service_of(await anext(aiter(requests), b""))
        last = -1
        while True:
            # Read the event before the status: a change in between wakes the wait at once. A slow
            # reader skips states between; only the newest matters, so that nothing queues up for
            # it.
            changed = self._changed
            status = int(self._statuses.get(service, _Status.SERVICE_UNKNOWN) or 0)
            if status != last:
                last = status
                yield _response(status)
                continue
            if self._closed:
                raise Refused("DRAINING")
            await changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class ServiceUnknown(Refused):
    """Health was asked about a service that the server does not have: NOT_FOUND, as the health
    protocol wants it.
    """

    def __init__(self, service: str) -> None:
        super().__init__("NOT_IMPLEMENTED", "service", service)
        self.code = Code.NOT_FOUND


def _response(status: int) -> bytes:
    return bytes(health_pb2.HealthCheckResponse(status=status).SerializeToString())


def _service_of(request: bytes) -> str:
    try:
        return str(health_pb2.HealthCheckRequest.FromString(request).service)
    except DecodeError as error:
        raise Refused("WIRE_MALFORMED") from error
