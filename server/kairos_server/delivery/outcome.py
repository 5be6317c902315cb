"""What workers say of effects, and what is written down of it."""

from dataclasses import dataclass
from enum import IntEnum

from kairos_server.delivery.entry import Entry, EntryState
from kairos_server.delivery.row import EffectId, EffectRow


class Result(IntEnum):
    """What became of one effect of a batch; numbers of kairos.v1.EffectResult."""

    DONE = 1
    LEASE_LOST = 2
    NOT_FOUND = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, as its worker tells it. Units: microseconds; `delay_us` 0: not stated."""

    effect_id: EffectId
    token: str
    reason: bytes
    permanent: bool
    delay_us: int


@dataclass(slots=True)
class Settlement:
    """One outcome on its way to the log. `entry` None: the effect is not in the index."""

    effect_id: EffectId
    entry: Entry | None
    kind: int
    due_us: int
    reason: bytes


def may_fail(entry: Entry | None, row: EffectRow, token: str) -> bool:
    """Returns whether a token's attempt is not counted yet and nobody else holds the effect."""
    if entry is not None and entry.state is EntryState.LEASED:
        return entry.token == token
    # After a start the leases of before are forgotten, but not what was tried.
    return token.partition(".")[0] == str(row.attempt_count + 1)
