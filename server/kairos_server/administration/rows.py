"""What is stored of a plan beside its image."""

import json
from dataclasses import asdict, dataclass
from typing import Final

from kairos_server.catalog import Applied

from .acts import Actor

PLAN_PREFIX: Final = "plan/"
"""Keys of plan rows; the catalog leaves them to us."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What is known of one plan.

    Units: times in microseconds UTC, 0: never; `image_size` in bytes.
    """

    plan_id: bytes
    create_time_us: int
    author: str
    note: str
    trigger_count: int
    content_count: int
    feature_count: int
    image_size: int
    activate_time_us: int = 0
    active: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """Position in lists: by time of creation, then by id."""
        return self.create_time_us, self.plan_id.hex()

    def to_json(self) -> bytes:
        """Returns what is stored; the rest follows from key and log."""
        fields = asdict(self)
        for derived in ("plan_id", "activate_time_us", "active"):
            del fields[derived]
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def row_new(applied: Applied, plan_id: bytes, image_size: int, actor: Actor) -> PlanRow:
    """Returns the row of a plan that was compiled just now."""
    return PlanRow(
        plan_id=plan_id,
        create_time_us=actor.now_us,
        author=actor.author,
        note=actor.note,
        trigger_count=applied.trigger_count,
        content_count=applied.content_count,
        feature_count=applied.feature_count,
        image_size=image_size,
    )


def row_read(plan_id: bytes, value: bytes) -> PlanRow:
    """Returns the row of a stored value."""
    return PlanRow(plan_id=plan_id, **json.loads(value))
