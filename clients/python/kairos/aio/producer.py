"""The asynchronous face of kairos.Producer."""

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kairos.delivery import Refused
from kairos.producer import Producer as Core
from kairos.producer import ProducerStats, QueueFull
from kairos.v1.event_pb2 import Event

if TYPE_CHECKING:
    from kairos.aio.client import Client


class Producer:
    """kairos.Producer for an event loop, with the same options and promises.

    Taking an event is one write to the page cache, which is done on the loop; whatever may wait is
    done on a thread. `on_refused` is called on the loop.
    """

    def __init__(
        self,
        client: "Client",
        folder: str | os.PathLike[str],
        *,
        on_refused: Callable[[Event, Refused], None] | None = None,
        **options: Any,
    ) -> None:
        loop = asyncio.get_running_loop()

        def tell(event: Event, refused: Refused) -> None:
            if on_refused is not None and not loop.is_closed():
                loop.call_soon_threadsafe(on_refused, event, refused)

        told = None if on_refused is None else tell
        self._full = options.get("full", "block")
        # It needs the connection only, which both clients have.
        self._core = Core(client, folder, on_refused=told, **options)  # type: ignore[arg-type]

    @property
    def producer_id(self) -> str:
        """Who numbers its events."""
        return self._core.producer_id

    async def send(self, event: Event, *, timeout: float | None = None) -> int:
        """Takes an event and returns its number; see kairos.Producer.send."""
        try:
            return self._core.send(event, timeout=0)
        except QueueFull:
            if self._full != "block" or timeout == 0:
                raise
        return await asyncio.to_thread(self._core.send, event, timeout=timeout)

    async def flush(self, timeout: float | None = None) -> bool:
        """Sends what was taken; True: the server has answered for all of it."""
        return await asyncio.to_thread(self._core.flush, timeout)

    async def close(self, timeout: float = 10.0) -> bool:
        """Flushes, then ends; True: nothing is left. Idempotent."""
        return await asyncio.to_thread(self._core.close, timeout)

    def stats(self) -> ProducerStats:
        """Returns the figures of now."""
        return self._core.stats()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
