"""Checks requests, and makes the user agents known that they bring."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from kairos_native.engine import Pending

from .agents import Agent, read_agent

AGENTS_SECOND_MAX: Final = 200
"""New user agents that are read in a second: 7 % of a core at a third of a millisecond each."""
AGENTS_BURST_MAX: Final = 2_000
"""What a quiet time saves up: the first batches of an import bring many."""
AGENTS_TURN: Final = 2
"""Read at once; then the event loop does something else."""
USER_AGENT_SIZE_MAX: Final = 2_048
"""Bytes of a user agent in the contract; longer ones are refused by the core."""
PASSES_MAX: Final = 32
"""Checks of one request, which has at most 1,000 events."""


class AgentEngine(Protocol):
    """What this needs of kairos_native.engine.Engine."""

    def learn_agent(
        self,
        text: bytes,
        device_type: int,
        bot: bool,
        browser: bytes,
        browser_version: bytes,
        os_name: bytes,
        bot_name: bytes,
    ) -> None:
        """Tells what a user agent is; see engine.pyi."""
        ...


class KnownAgents:
    """The core looks user agents up; what it does not find is read here, once.

    A flood of new user agents is bounded by a budget: beyond it an event is taken as it came, with
    its device unknown, and counted. Belongs to the event loop.
    """

    def __init__(
        self,
        engine: AgentEngine,
        now_us: Callable[[], int],
        read: Callable[[str], Agent] = read_agent,
    ) -> None:
        self._engine = engine
        self._now_us = now_us
        self._read = read
        self._budget = float(AGENTS_BURST_MAX)
        self._filled_us = now_us()
        self._loaded = False
        self.learned_count = 0
        self.refused_count = 0
        """Requests with a user agent that the budget left unknown."""

    async def check(
        self, check: Callable[[int, bytes, int], Pending], tenant: int, request: bytes,
        received_us: int,
    ) -> Pending:  # fmt: skip
        """Returns the request checked, its user agents known where the budget allows.

        Errors: Refusal of the check
        """
        pending = check(tenant, request, received_us)
        for _ in range(PASSES_MAX):
            unknown = pending.unknown_agents
            if not unknown:
                break
            if not await self._learn(unknown):
                self.refused_count += 1
                break
            pending = check(tenant, request, received_us)
        return pending

    async def agent(self, text: str) -> Agent | None:
        """Returns what a user agent is; None where there is none, or nothing left of the budget.

        Nothing is remembered: the text is one that shall not stay.
        """
        if not text or len(text.encode()) > USER_AGENT_SIZE_MAX:
            return None
        await self._load()
        return self._read(text) if self._left(1) else None

    async def _load(self) -> None:
        """Loading takes half a second; the loop goes on meanwhile."""
        if not self._loaded:
            await asyncio.to_thread(self._read, "")
            self._loaded = True

    async def _learn(self, texts: Sequence[bytes]) -> bool:
        """Reads them within the budget; False where nothing is left of it."""
        await self._load()
        count = self._left(len(texts))
        for index, text in enumerate(texts[:count]):
            if index % AGENTS_TURN == AGENTS_TURN - 1:
                await asyncio.sleep(0)
            self._tell(text)
        return count > 0

    def _tell(self, text: bytes) -> None:
        agent = self._read(text.decode())
        self._engine.learn_agent(
            text,
            agent.device_type,
            agent.bot,
            agent.browser.encode(),
            agent.browser_version.encode(),
            agent.os.encode(),
            agent.bot_name.encode(),
        )
        self.learned_count += 1

    def _left(self, wanted: int) -> int:
        """Takes time into the budget; returns how many may be read now, and takes them out."""
        now_us = self._now_us()
        passed_us = max(now_us - self._filled_us, 0)
        self._filled_us = now_us
        self._budget = min(
            self._budget + passed_us / 1_000_000 * AGENTS_SECOND_MAX, float(AGENTS_BURST_MAX)
        )
        allowed = min(int(self._budget), wanted)
        self._budget -= allowed
        return allowed
