"""Tells everybody who waits that something changed."""

import asyncio


class Heard:
    """A promise that nothing told after it was made is missed."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, timeout_s: float | None) -> bool:
        """Waits until something was told; False: the time was over before."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Signal:
    """Made once, told many times. Cost: one event for all who wait between two tellings."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def heard(self) -> Heard:
        """Returns what to wait on; to be taken before one looks whether there is need to wait."""
        return Heard(self._event)

    def tell(self) -> None:
        """Wakes everybody who took `heard` before."""
        self._event.set()
        self._event = asyncio.Event()
