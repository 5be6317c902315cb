"""The asynchronous form of kairos.EffectWorker."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from kairos.errors import KairosError
from kairos.v1 import effect_service_pb2
from kairos.v1.effect_service_pb2 import Effect
from kairos.worker import (
    PAUSE_S_MAX,
    PAUSE_S_MIN,
    WAIT_S,
    failure_of,
    lease_of,
    lease_request,
)

if TYPE_CHECKING:
    from kairos.aio.client import Client

_LOG: Final = logging.getLogger("kairos.worker")


class EffectWorker:
    """kairos.EffectWorker on an event loop: `handle` is awaited, up to `concurrency` at once."""

    def __init__(
        self,
        client: "Client",
        handle: Callable[[Effect], Awaitable[None]],
        *,
        worker_id: str = "",
        channels: Iterable[str] = (),
        action_types: Iterable[str] = (),
        concurrency: int = 8,
        lease_s: float = 30.0,
    ) -> None:
        self._service = client.effect_service
        self._handle = handle
        self._request = lease_request(worker_id, channels, action_types, lease_s)
        self._concurrency = concurrency
        self._lease_s = lease_s
        self._stopping = asyncio.Event()
        self._running: dict[asyncio.Task[None], effect_service_pb2.EffectLease] = {}

    async def run(self) -> None:
        """Works until `stop` is called, then finishes what is under way. When it is cancelled, the
        handlers are too; their leases end by themselves.
        """
        extender = asyncio.create_task(self._extend())
        failed_count = 0
        try:
            while not self._stopping.is_set():
                room = self._concurrency - len(self._running)
                if not room:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                    continue
                try:
                    effects = await self._lease(room)
                    failed_count = 0
                except KairosError as error:
                    _LOG.warning("no effects leased: %s %s", error.code, error)
                    await self._pause(min(PAUSE_S_MIN * 2**failed_count, PAUSE_S_MAX))
                    failed_count = min(failed_count + 1, 10)
                    continue
                for effect in effects:
                    task = asyncio.create_task(self._work(effect))
                    self._running[task] = lease_of(effect)
                    task.add_done_callback(self._running.pop)
            await asyncio.gather(*self._running)
        finally:
            extender.cancel()
            for task in list(self._running):
                task.cancel()

    def stop(self) -> None:
        """Leases no more; `run` returns once what is under way is finished, within 20 s where it
        waits for effects.
        """
        self._stopping.set()

    async def _lease(self, room: int) -> list[Effect]:
        wait_s = min(WAIT_S, self._lease_s)
        answer = await self._service.lease_effects(
            effect_count_max=room, wait_us=int(wait_s * 1e6), timeout=wait_s + 10, **self._request
        )
        return list(answer.effects)

    async def _work(self, effect: Effect) -> None:
        failure = None
        try:
            await self._handle(effect)
        except Exception as error:
            failure = failure_of(effect, error)
        try:
            if failure is None:
                await self._service.ack_effects(leases=[lease_of(effect)])
            else:
                await self._service.fail_effects(failures=[failure])
        except KairosError as error:
            # The lease ends by itself, and the effect is handed out again.
            _LOG.warning("outcome of %s not told: %s %s", effect.effect_id, error.code, error)

    async def _extend(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            leases = list(self._running.values())
            if not leases:
                continue
            try:
                await self._service.extend_leases(leases=leases, lease_us=self._request["lease_us"])
            except KairosError as error:
                _LOG.warning("leases not extended: %s %s", error.code, error)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
