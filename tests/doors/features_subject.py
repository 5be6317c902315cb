"""A subject for examples: a record under one plan, whose slots need only say what differs."""

from dataclasses import replace

import features_door
from reference import features as ref

FIELD_COUNT = 16
NO_FIELDS = (ref.NO_VALUE,) * FIELD_COUNT
VALUE_FIELD = 12
MINUTE = 60_000_000


def plan_of(*slots: ref.Slot, traits: tuple = (), derived: tuple = ()) -> ref.Plan:
    """Lays the slots out one after the other."""
    placed, sizes = [], [0, 0]
    for slot in slots:
        size = {ref.DECAYED: 16, ref.LAST: 24, ref.FIRST: 24}.get(slot.kind, 8)
        if slot.kind in ref.WINDOWS:
            size = 8 + (4 if slot.kind == ref.WINDOW_COUNT else 8) * slot.bucket_count
        placed.append(replace(slot, offset=sizes[slot.scope], size=size))
        sizes[slot.scope] += (size + 7) & ~7
    return ref.Plan(tuple(placed), sizes[0], sizes[1], 3, FIELD_COUNT, derived, traits)


class Subject:
    """A record under one plan, whose slots are complete unless a test says otherwise."""

    def __init__(self, model: ref.Plan) -> None:
        self.model = model
        self.plan = features_door.Plan(model)
        self.record = features_door.Record()
        self.record.new(self.plan, 1)
        self.sequence = 0
        self.births = ((0, 0),) * len(model.slots)

    def at(self, occurred_us: int, value: ref.Value = ref.NO_VALUE, **options: object) -> tuple:
        self.sequence += 1
        fields = list(NO_FIELDS)
        fields[VALUE_FIELD] = value
        arguments = {"now_us": occurred_us, "event_type": 1, **options}
        return self.record.apply(
            self.plan, fields, occurred_us=occurred_us, sequence=self.sequence, **arguments
        )

    def slot(self, index: int, now_us: int, part: int = 0) -> ref.Value:
        return self.record.read(self.plan, [(ref.SOURCE_SLOT, index, part)], now_us, self.births)[0]

    def trait(self, index: int) -> ref.Value:
        return self.record.read(self.plan, [(ref.SOURCE_TRAIT, index, 0)], 0, self.births)[0]
