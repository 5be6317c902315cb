"""Nanoseconds of applying an event to a record with 12 slots, of reading a source,
and bytes of a typical record.

Run: python tests/bench/bench_record.py. Prints the best of several rounds. The counts are asserted
before times are printed.
"""

import sys
import time
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parents[1]),
    str(Path(__file__).resolve().parents[1] / "doors"),
]
import features_door  # noqa: E402
from reference import features as ref  # noqa: E402

DAY = 86_400_000_000
TIMES, ROUNDS = 200_000, 9
URL, AMOUNT, VALUE = 7, 13, 9
WEEK_BUCKET = 7 * DAY // 32


def typical_plan() -> ref.Plan:
    slots = [
        ref.Slot(ref.COUNT),
        ref.Slot(ref.COUNT, filter=((URL, (ref.STRING, b"/pricing")),)),
        ref.Slot(ref.SUM_INT, value_field=VALUE),
        ref.Slot(ref.SUM_DOUBLE, value_field=AMOUNT),
        ref.Slot(ref.DECAYED, decay_per_us=0.6931471805599453 / DAY),
        ref.Slot(ref.LAST, value_field=URL),
        ref.Slot(ref.FIRST, value_field=VALUE),
        ref.Slot(ref.WINDOW_COUNT, bucket_us=WEEK_BUCKET, bucket_count=32),
        ref.Slot(ref.WINDOW_SUM_INT, value_field=VALUE, bucket_us=DAY // 32, bucket_count=32),
        ref.Slot(ref.WINDOW_COUNT, bucket_us=DAY // 32, bucket_count=32),
        ref.Slot(ref.COUNT, scope=ref.SESSION),
        ref.Slot(ref.SUM_INT, scope=ref.SESSION, value_field=VALUE),
    ]
    placed, sizes = [], [0, 0]
    for slot in slots:
        size = {
            ref.DECAYED: 16,
            ref.LAST: 24,
            ref.FIRST: 24,
            ref.WINDOW_COUNT: 136,
            ref.WINDOW_SUM_INT: 264,
        }.get(slot.kind, 8)
        placed.append(
            ref.Slot(
                slot.kind,
                slot.scope,
                sizes[slot.scope],
                size,
                0,
                slot.filter,
                slot.value_field,
                slot.bucket_us,
                slot.bucket_count,
                slot.decay_per_us,
            )
        )
        sizes[slot.scope] += size
    terms = tuple((0.1, (ref.SOURCE_SLOT, index, 0)) for index in (0, 4, 7))
    return ref.Plan(
        tuple(placed),
        sizes[0],
        sizes[1],
        3,
        16,
        (ref.Derived(ref.ENGAGEMENT, 0.0, terms),),
        ((b"persona", 5),),
    )


def report(line: str) -> None:
    sys.stdout.write(line + "\n")


def best_ns(call) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        call()
        best = min(best, (time.perf_counter_ns() - start) / TIMES)
    return best


def main() -> None:
    model = typical_plan()
    plan, record = features_door.Plan(model), features_door.Record()
    fields = [ref.NO_VALUE] * 16
    fields[URL], fields[VALUE], fields[AMOUNT] = (
        (ref.STRING, b"/pricing"),
        (ref.INT, 4900),
        (ref.DOUBLE, 49.0),
    )
    start, births = 1_700_000_000_000_000, ((0, 0),) * len(model.slots)
    record.apply(plan, fields, occurred_us=start, now_us=start, sequence=1, event_type=1)
    record.set_trait(b"persona", (ref.STRING, b"TechEarlyAdopter"), start)
    for purpose in range(4):
        record.set_consent(purpose, True, start)
    for label, step in (("1 ms apart", 1000), ("1 hour apart", 3_600_000_000)):
        used = best_ns(lambda step=step: record.apply_repeat(plan, fields, 1, start, step, TIMES))
        report(f"record_apply, 12 slots, {label:>12}: {used:6.1f} ns")
    assert record.header()["event_count"] == 1 + 2 * ROUNDS * TIMES
    now = start + TIMES * 3_600_000_000
    for label, source in (
        ("count", (4, 0, 0)),
        ("decayed", (4, 4, 0)),
        ("window of 32", (4, 7, 0)),
        ("last, text", (4, 5, 0)),
        ("trait", (3, 0, 0)),
        ("consent", (8, 1, 0)),
        ("score of 3 terms", (6, 0, 0)),
        ("profile count", (10, 0, 0)),
    ):
        used = best_ns(lambda source=source: record.read_repeat(plan, source, now, births, TIMES))
        report(f"feature_read, {label:>17}: {used:6.1f} ns")
    stored = record.bytes()
    loaded = features_door.Record()
    start_ns = time.perf_counter_ns()
    for _ in range(20_000):
        loaded.load(plan, stored)
    report(
        "record_load with the call from Python: "
        f"{(time.perf_counter_ns() - start_ns) / 20_000:6.0f} ns"
    )
    report(f"bytes of a record with 12 slots, 1 trait, 4 consents: {len(stored)}")


if __name__ == "__main__":
    main()
