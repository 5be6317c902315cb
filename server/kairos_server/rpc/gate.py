"""The gate that every call passes, on every transport: admission, credential, deadline, size,
error form, counting.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from kairos_server.errors import Failed, Refused
from kairos_server.limits import Limits
from kairos_server.rpc.auth import KeyRing
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.slow_calls import SlowCalls
from kairos_server.telemetry import Telemetry

_LOG = logging.getLogger("kairos.rpc")
UNKNOWN_METHOD = "unknown"


class Gate:
    """Serves calls of the method table.

    The only errors that leave it are Refused, Failed and CancelledError.

    It keeps its own count of running calls: the transport library's limiter queues
    instead of refusing.
    """

    def __init__(
        self,
        keys: KeyRing,
        limits: Limits,
        telemetry: Telemetry,
        slow: SlowCalls | None = None,
    ) -> None:
        self._keys = keys
        self._slow = slow
        self._limits = limits
        self._telemetry = telemetry
        self._idle = asyncio.Event()
        self._idle.set()
        self._drained = asyncio.Event()
        self._draining = False
        self.calls_in_flight = 0
        self.streams_in_flight = 0
        self.streams_in_flight_max = limits.streams_in_flight_max

    async def unary(self, method: Method, request: bytes, call: Call) -> bytes:
        """Answers one unary call."""
        started = time.perf_counter_ns()
        outcome = "OK"
        entered = False
        try:
            call = self._enter(method, call)
            entered = True
            if len(request) > self._limits.message_size_max:
                raise Refused("REQUEST_TOO_LARGE", seen=f"{len(request)} bytes")
            assert method.unary is not None
            return await method.unary(request, call)
        except (Refused, Failed) as refused:
            outcome = refused.reason
            raise
        except asyncio.CancelledError:
            outcome = "CANCELLED"
            raise
        except Exception as error:
            outcome = Failed.reason
            raise self._failed(method, error) from error
        finally:
            if entered:
                self._leave()
            latency_ns = time.perf_counter_ns() - started
            self._telemetry.call_done(method.name, outcome, latency_ns)
            self._telemetry.stages_done(call.stages)
            if self._slow is not None:
                self._slow.done(method.name, outcome, latency_ns, len(request), call.stages)

    async def stream(
        self, method: Method, requests: AsyncIterator[bytes], call: Call
    ) -> AsyncIterator[bytes]:
        """Answers one streaming call."""
        started = time.perf_counter_ns()
        outcome = "OK"
        entered = False
        try:
            if self.streams_in_flight >= self._limits.streams_in_flight_max:
                raise Refused("QUEUE_FULL", retry_us=self._limits.retry_us_queue)
            call = self._enter(method, call, stream=True)
            entered = True
            assert method.stream is not None
            if method.kind is Kind.BIDI_STREAM and not method.always:
                requests = self._until_drain(requests)
            async for response in method.stream(requests, call):
                yield response
        except (Refused, Failed) as refused:
            outcome = refused.reason
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "CANCELLED"
            raise
        except Exception as error:
            outcome = Failed.reason
            raise self._failed(method, error) from error
        finally:
            if entered:
                self.streams_in_flight -= 1
            self._telemetry.stream_done(method.name, outcome, time.perf_counter_ns() - started)

    def unknown(self, name: str) -> Refused:
        """Returns the answer to a method that is not in the table."""
        self._telemetry.stream_done(UNKNOWN_METHOD, "NOT_IMPLEMENTED", 0)
        return Refused("NOT_IMPLEMENTED", field="method", seen=name)

    def drain(self) -> None:
        """Refuses new calls from now on, and ends the requests of streams."""
        self._draining = True
        self._drained.set()

    async def idle(self) -> None:
        """Returns when no unary call runs."""
        await self._idle.wait()

    def _enter(self, method: Method, call: Call, *, stream: bool = False) -> Call:
        if self._draining and not method.always:
            raise Refused("DRAINING")
        if self.calls_in_flight >= self._limits.calls_in_flight_max:
            raise Refused("QUEUE_FULL", retry_us=self._limits.retry_us_queue)
        if not method.public:
            call = replace(call, tenant=self._keys.tenant_of(call.metadata))
        remaining_us = call.remaining_us()
        if (
            method.kind is Kind.UNARY
            and remaining_us is not None
            and remaining_us < self._limits.deadline_us_min
        ):
            raise Refused("DEADLINE_TOO_SHORT", field="deadline", seen=f"{remaining_us} us left")
        if stream:
            self.streams_in_flight += 1
        else:
            self.calls_in_flight += 1
            self._idle.clear()
        return call

    async def _until_drain(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yields requests until the server drains; then raises Refused(DRAINING), so that a handler
        can still answer what it has read.
        """
        source = aiter(requests)
        drained = asyncio.create_task(self._drained.wait())
        following: asyncio.Future[bytes | None] | None = None
        try:
            while True:
                following = asyncio.ensure_future(anext(source, None))
                await asyncio.wait((following, drained), return_when=asyncio.FIRST_COMPLETED)
                if self._draining:
                    raise Refused("DRAINING")
                request = following.result()
                if request is None:
                    return
                yield request
        finally:
            drained.cancel()
            if following is not None:
                following.cancel()

    def _leave(self) -> None:
        self.calls_in_flight -= 1
        if self.calls_in_flight == 0:
            self._idle.set()

    def _failed(self, method: Method, error: Exception) -> Failed:
        _LOG.error(
            "call failed",
            extra={"method": method.name, "kind": type(error).__name__},
            exc_info=error,
        )
        return Failed()
