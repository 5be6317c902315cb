"""What the index keeps of one pending effect: enough to choose it, not what it says."""

from enum import IntEnum
from typing import Final

from kairos_server.delivery.row import EffectId, EffectRow, action_type

URGENCY_STEP_US: Final = 60_000_000
"""An effect goes before one that is a step of urgency lower and came up to this much earlier: the
more urgent goes first, and what is low and waits long enough still has its turn."""


class EntryState(IntEnum):
    """What a pending effect waits for."""

    WAITING = 0
    """Its time, or the time of its next attempt."""
    BLOCKED = 1
    """Earlier effects of its subject."""
    READY = 2
    """A worker."""
    LEASED = 3
    """The worker that holds it."""
    SETTLING = 4
    """The log: what became of it is on its way there."""


Lane = tuple[int, str]
"""Channel and type of action: what workers choose by."""
Rank = tuple[int, int, int]
"""Order of ready effects: time of arrival less its urgency, then id."""


class Entry:
    """One pending effect. Units: microseconds."""

    __slots__ = (
        "attempt_count",
        "due_us",
        "id",
        "lane",
        "lease_us",
        "ordered",
        "rank",
        "state",
        "subject",
        "token",
        "urgency",
    )

    def __init__(self, row: EffectRow, *, ordered: bool) -> None:
        self.id: EffectId = (row.sequence, row.ordinal)
        self.subject = row.subject
        self.lane: Lane = (row.channel, action_type(row.action))
        # Not stated counts as low.
        self.urgency = max(row.urgency, 1)
        self.ordered = ordered
        self.due_us = row.due_us
        self.attempt_count = row.attempt_count
        self.state = EntryState.WAITING
        self.rank: Rank = (0, 0, 0)
        self.token = ""
        self.lease_us = 0
        """End of the lease."""

    @property
    def active(self) -> bool:
        """True where it holds back the later effects of its subject and cannot be overtaken."""
        return self.state in (EntryState.LEASED, EntryState.SETTLING) or (
            self.state is EntryState.WAITING and self.attempt_count > 0
        )

    def rank_now(self) -> Rank:
        """Returns its place among ready effects."""
        return (self.due_us - self.urgency * URGENCY_STEP_US, *self.id)
