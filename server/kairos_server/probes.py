"""The private HTTP port: /metrics, /healthz, /readyz.

Three bounded GET routes need no framework.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from kairos_server.config import Address
from kairos_server.limits import Limits

_PHRASES: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
_TEXT: Final = "text/plain; charset=utf-8"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Probes:
    """A small HTTP/1.1 server. Every connection carries one request, of bounded size and time.

    Owns: the port from `start` to `stop`.
    Errors: OSError from `start` when the address cannot be bound.
    """

    def __init__(
        self, metrics: Callable[[], bytes], ready: Callable[[], bool], limits: Limits
    ) -> None:
        self._metrics = metrics
        self._ready = ready
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._connection_count = 0

    async def start(self, address: Address) -> int:
        """Binds and serves; returns the port."""
        self._server = await asyncio.start_server(
            self._serve, address.host, address.port, limit=self._limits.probe_request_size_max
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Closes the port. Running answers finish within their own time limit."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connection_count >= self._limits.probe_connections_max:
            writer.close()
            return
        self._connection_count += 1
        try:
            async with asyncio.timeout(self._limits.probe_timeout_s):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (
            TimeoutError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ConnectionError,
        ):
            # A client that is slow, gone or too talkative is cut off; nobody else waits for it.
            pass
        finally:
            self._connection_count -= 1
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        parts = head.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return _response(400, b"not an HTTP request\n")
        method, target = parts[0], parts[1].split(b"?", 1)[0]
        routes = {
            b"/metrics": self._route_metrics,
            b"/healthz": self._route_alive,
            b"/readyz": self._route_ready,
        }
        route = routes.get(target)
        if route is None:
            return _response(404, b"there are /metrics, /healthz and /readyz\n")
        if method not in (b"GET", b"HEAD"):
            return _response(405, b"use GET\n", allow=True)
        response = route()
        return response.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n" if method == b"HEAD" else response

    def _route_metrics(self) -> bytes:
        return _response(200, self._metrics(), METRICS_TYPE)

    def _route_alive(self) -> bytes:
        return _response(200, b"alive\n")

    def _route_ready(self) -> bytes:
        return _response(200, b"ready\n") if self._ready() else _response(503, b"not ready\n")


def _response(code: int, body: bytes, kind: str = _TEXT, *, allow: bool = False) -> bytes:
    lines = [
        f"HTTP/1.1 {code} {_PHRASES[code]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(["Allow: GET, HEAD"] if allow else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
