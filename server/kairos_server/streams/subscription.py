"""One reader: a bounded buffer between what happens and what it has read."""

import asyncio
from collections import deque
from typing import Final

from kairos.v1 import subscribe_service_pb2 as contract

from kairos_server.streams.filter import SubscriptionFilter

MESSAGES_MAX: Final = 1_024
SIZE_MAX: Final = 4 << 20
RESUME_MAX: Final = MESSAGES_MAX // 2


class Behind(Exception):
    """The reader was too slow and had asked for no gaps."""


class Ended(Exception):
    """The hub ends all subscriptions."""


class Subscription:
    """Messages that wait for one reader.

    When the buffer is full, messages are dropped and counted until half of it is free, so that a
    reader that is always a little too slow sees a few long gaps and not one between any two
    messages. A gap message then takes their place: a reader knows where it missed something.
    Threads: the event loop's.
    """

    def __init__(self, tenant: int, choice: SubscriptionFilter, *, gapless: bool) -> None:
        self.tenant = tenant
        self.filter = choice
        self.dropped_count = 0
        """All that were ever dropped."""
        self._gapless = gapless
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._gap_count = 0
        self._gap_first = 0
        self._gap_last = 0
        self._gap_time_us = 0
        self._changed = asyncio.Event()
        self._ended: Exception | None = None

    def put(self, sequence: int, time_us: int, message: bytes) -> bool:
        """Adds an encoded message; False: there was no room for it."""
        if self._gap_count and len(self._messages) <= RESUME_MAX and self._size <= SIZE_MAX // 2:
            self._gap_close()
        if self._gap_count or not self._room(len(message)):
            self._drop(sequence, time_us)
            return False
        self._append(message)
        return True

    async def next(self, wait_s: float) -> bytes | None:
        """Returns the next message; None when none came within `wait_s`.

        Errors: Behind, and Ended, after what was put before.
        """
        while not self._messages:
            if self._ended is not None:
                raise self._ended
            if self._gap_count:
                self._gap_close()
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                if not self._messages:
                    return None
        message = self._messages.popleft()
        self._size -= len(message)
        return message

    def end(self, error: Exception) -> None:
        """Lets the reader have what waits, then the error."""
        if self._ended is None:
            self._ended = error
        self._changed.set()

    def _room(self, size: int) -> bool:
        return len(self._messages) < MESSAGES_MAX and self._size + size <= SIZE_MAX

    def _append(self, message: bytes) -> None:
        self._messages.append(message)
        self._size += len(message)
        self._changed.set()

    def _drop(self, sequence: int, time_us: int) -> None:
        self.dropped_count += 1
        if self._gapless:
            self.end(Behind())
            return
        if not self._gap_count:
            self._gap_first = sequence
        self._gap_count += 1
        self._gap_last = sequence
        self._gap_time_us = time_us

    def _gap_close(self) -> None:
        gap = contract.SubscriptionGap(
            dropped_count=self._gap_count,
            first_sequence=self._gap_first,
            last_sequence=self._gap_last,
        )
        message = contract.SubscribeResponse(
            sequence=self._gap_last, time_us=self._gap_time_us, gap=gap
        )
        self._gap_count = 0
        self._append(message.SerializeToString())
