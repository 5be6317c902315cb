"""Records as bytes: limits, migration, corruption; and the single rules of docs/guides/time.md that examples show best."""

import random
import struct
import zlib

import features_door
import pytest
from reference import features as ref

HEADER_SIZE, SESSION_SIZE, ENTRY_SIZE = 120, 48, 32
STATUS_OK, STATUS_RECORD_CORRUPT, STATUS_RECORD_TOO_LARGE = 0, 134, 135
ENTRY_TRAIT, ENTRY_CONSENT, ENTRY_SLOT_TEXT = 1, 2, 3
FIELDS = 16
MINUTE = 60_000_000
NO_FIELDS = (ref.NO_VALUE,) * FIELDS


def plan_of(*slots: ref.Slot, traits: tuple = (), derived: tuple = ()) -> ref.Plan:
    """Lays the slots out one after the other."""
    placed, sizes = [], [0, 0]
    for slot in slots:
        size = {ref.DECAYED: 16, ref.LAST: 24, ref.FIRST: 24}.get(slot.kind, 8)
        if slot.kind in ref.WINDOWS:
            size = 8 + (4 if slot.kind == ref.WINDOW_COUNT else 8) * slot.bucket_count
        placed.append(ref.Slot(**{**{n: getattr(slot, n) for n in slot.__dataclass_fields__},
                                  "offset": sizes[slot.scope], "size": size}))
        sizes[slot.scope] += (size + 7) & ~7
    return ref.Plan(tuple(placed), sizes[0], sizes[1], 3, FIELDS, derived, traits)


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
        fields[12] = value
        arguments = {"now_us": occurred_us, "event_type": 1, **options}
        return self.record.apply(self.plan, fields, occurred_us=occurred_us, sequence=self.sequence, **arguments)

    def slot(self, index: int, now_us: int, part: int = 0) -> ref.Value:
        return self.record.read(self.plan, [(ref.SOURCE_SLOT, index, part)], now_us, self.births)[0]

    def trait(self, index: int) -> ref.Value:
        return self.record.read(self.plan, [(ref.SOURCE_TRAIT, index, 0)], 0, self.births)[0]


# ---------------------------------------------------------------- sessions


def test_a_gap_of_exactly_30_minutes_stays_in_the_session() -> None:
    subject = Subject(plan_of())
    assert subject.at(0) == (1, True)
    assert subject.at(30 * MINUTE) == (1, False)
    assert subject.at(60 * MINUTE + 1) == (2, True)


def test_an_event_between_sessions_belongs_to_none() -> None:
    subject = Subject(plan_of(ref.Slot(ref.COUNT, scope=ref.SESSION)))
    subject.at(0)
    subject.at(1000 * MINUTE)
    assert subject.at(500 * MINUTE) == (None, False)
    assert subject.slot(0, 1000 * MINUTE) == ref.NO_VALUE
    assert subject.record.read(subject.plan, [(ref.SOURCE_SESSION, 0, 0)], 0, subject.births) == [ref.NO_VALUE]


def test_a_fifth_session_forgets_the_one_with_the_smallest_last() -> None:
    subject = Subject(plan_of())
    for key, moment in ((11, 400), (12, 100), (13, 300), (14, 200)):
        subject.at(moment * MINUTE, session_key=key)
    assert subject.at(50 * MINUTE, session_key=15) == (5, True)
    assert sorted(session["key"] for session in subject.record.sessions()) == [11, 13, 14, 15]
    assert subject.at(100 * MINUTE, session_key=12) == (6, True)
    assert sorted(session["key"] for session in subject.record.sessions()) == [11, 12, 13, 14]


def test_a_new_session_starts_with_empty_slots() -> None:
    subject = Subject(plan_of(ref.Slot(ref.SUM_INT, scope=ref.SESSION, value_field=12)))
    for key in (1, 2, 3, 4, 5):
        subject.at(key * MINUTE, (ref.INT, 10 * key), session_key=key)
        assert subject.slot(0, 0) == (ref.INT, 10 * key)


# ---------------------------------------------------------------- slots


def test_an_event_at_time_zero_is_kept() -> None:
    """Zero bytes are the empty slot; a kept event at 1970-01-01 without a value is not one."""
    subject = Subject(plan_of(ref.Slot(ref.LAST), ref.Slot(ref.FIRST)))
    assert subject.slot(0, 5, ref.PART_TIME) == ref.NO_VALUE
    subject.at(0)
    assert subject.slot(0, 5, ref.PART_TIME) == (ref.TIME, 0)
    assert subject.slot(1, 5, ref.PART_AGE) == (ref.DURATION, 5)
    assert subject.slot(1, 5) == ref.NO_VALUE


def test_sums_stop_at_the_bounds() -> None:
    subject = Subject(plan_of(ref.Slot(ref.SUM_INT, value_field=12),
                              ref.Slot(ref.WINDOW_SUM_INT, value_field=12, bucket_us=10, bucket_count=4)))
    for moment in (1, 11):
        subject.at(moment, (ref.INT, 2**63 - 1))
    assert [subject.slot(index, 11) for index in (0, 1)] == [(ref.INT, 2**63 - 1)] * 2
    subject.at(11, (ref.INT, -1))
    assert subject.slot(0, 11) == (ref.INT, 2**63 - 2)
    for moment in (12, 22, 23):
        subject.at(moment, (ref.INT, -(2**63)))
    assert subject.slot(0, 23) == (ref.INT, -(2**63))


def test_window_counts_exactly_its_buckets() -> None:
    subject = Subject(plan_of(ref.Slot(ref.WINDOW_COUNT, bucket_us=10, bucket_count=4)))
    subject.at(1000)
    assert [subject.slot(0, now) for now in (999, 1000, 1039, 1040)] == [(ref.INT, n) for n in (0, 1, 1, 0)]


def test_an_event_ahead_counts_once_now_reaches_it_and_may_push_out_the_oldest() -> None:
    subject = Subject(plan_of(ref.Slot(ref.WINDOW_COUNT, bucket_us=10, bucket_count=4)))
    for moment in (70, 80, 90, 100):
        subject.at(moment)
    assert subject.slot(0, 100) == (ref.INT, 4)
    subject.at(115, now_us=100)
    # Bucket 7 gave its place to bucket 11, which 100 does not ask for yet.
    assert subject.slot(0, 100) == (ref.INT, 3)
    assert subject.slot(0, 110) == (ref.INT, 4)


def test_a_filter_compares_as_cel_does() -> None:
    equal = [((ref.INT, 1), (ref.DOUBLE, 1.0)), ((ref.DOUBLE, 2.0), (ref.INT, 2)), ((ref.DOUBLE, -0.0), (ref.DOUBLE, 0.0)),
             ((ref.NULL, None), (ref.NULL, None)), ((ref.STRING, b""), (ref.STRING, b"")), ((ref.BOOL, True), (ref.BOOL, True))]
    other = [((ref.INT, 2**53 + 1), (ref.DOUBLE, 2.0**53)), ((ref.INT, 2**63 - 1), (ref.DOUBLE, 2.0**63)),
             ((ref.INT, 1), (ref.BOOL, True)), (ref.NO_VALUE, (ref.NULL, None)), ((ref.STRING, b"1"), (ref.INT, 1)),
             ((ref.STRING, b"ab"), (ref.STRING, b"abc")), ((ref.TIME, 5), (ref.INT, 5)), ((ref.INT, 1), (ref.DOUBLE, 1.5))]
    for expected, pairs in ((1, equal), (0, other)):
        for value, constant in pairs:
            subject = Subject(plan_of(ref.Slot(ref.COUNT, filter=((12, constant),))))
            subject.at(1, value)
            assert subject.slot(0, 1) == (ref.INT, expected), (value, constant)


def test_a_text_is_kept_up_to_255_bytes() -> None:
    subject = Subject(plan_of(ref.Slot(ref.LAST, value_field=12)))
    for size in (0, 255, 3):
        subject.at(1, (ref.STRING, b"x" * size))
        assert subject.slot(0, 1) == (ref.STRING, b"x" * size)
    subject.at(2, (ref.STRING, b"x" * 256))
    assert subject.slot(0, 2) == ref.NO_VALUE
    assert subject.slot(0, 2, ref.PART_TIME) == (ref.TIME, 2)
    assert subject.record.entries() == []
    assert subject.record.header()["dropped_count"] == 1


# ---------------------------------------------------------------- what no event ever touched


def test_a_subject_without_record_reads_as_one_without_events() -> None:
    model = plan_of(ref.Slot(ref.COUNT), ref.Slot(ref.SUM_DOUBLE, value_field=12), ref.Slot(ref.LAST), ref.Slot(ref.DECAYED),
                    ref.Slot(ref.WINDOW_COUNT, bucket_us=5, bucket_count=4), traits=((b"plan", 0),))
    record, plan = features_door.Record(), features_door.Plan(model)
    sources = [(ref.SOURCE_SLOT, index, 0) for index in range(5)]
    sources += [(ref.SOURCE_PROFILE, index, 0) for index in range(5)]
    sources += [(ref.SOURCE_TRAIT, 0, 0), (ref.SOURCE_CONSENT, 0, 0), (ref.SOURCE_SESSION, 0, 0), (ref.SOURCE_SLOT_PREVIOUS, 0, 0)]
    zero, none = (ref.INT, 0), ref.NO_VALUE
    expected = [zero, (ref.DOUBLE, 0.0), none, (ref.DOUBLE, 0.0), zero, zero, zero, none, none, none, none, none, none, none]
    # Born after everything: without a first event nothing can have been missed.
    assert record.read(plan, sources, 100, ((10**9, 10**9),) * 5, MINUTE) == expected


def test_previous_of_a_new_subject_is_zero_or_absent() -> None:
    subject = Subject(plan_of(ref.Slot(ref.COUNT), ref.Slot(ref.LAST), ref.Slot(ref.COUNT, scope=ref.SESSION)))
    subject.record = features_door.Record()
    subject.at(5)
    sources = [(ref.SOURCE_SLOT_PREVIOUS, index, 0) for index in range(3)]
    assert subject.record.read(subject.plan, sources, 5, subject.births) == [(ref.INT, 0), ref.NO_VALUE, (ref.INT, 0)]


# ---------------------------------------------------------------- traits and consents


def test_a_trait_keeps_the_newest_and_of_equals_the_later() -> None:
    subject = Subject(plan_of(traits=((b"a", 0), (b"age", 4))))
    for value, moment, kept in (("old", 5, "old"), ("older", 4, "old"), ("tie", 5, "tie"), ("long" * 200, 6, "long" * 200), ("", 7, "")):
        subject.record.set_trait(b"a", (ref.STRING, value.encode()), moment)
        assert subject.trait(0) == (ref.STRING, kept.encode())
    subject.record.set_trait(b"a", (ref.NULL, None), 8)
    assert subject.trait(0) == (ref.NULL, None)
    subject.record.set_trait(b"age", (ref.INT, 41), 1)
    assert subject.trait(1) == (ref.DOUBLE, 41.0)


def test_traits_are_bounded_and_what_does_not_fit_is_counted() -> None:
    subject = Subject(plan_of(traits=((b"trait_0", 0), (b"trait_64", 0))))
    for index in range(65):
        subject.record.set_trait(b"trait_%d" % index, (ref.INT, index), 1)
    assert subject.record.header()["dropped_count"] == 1
    assert subject.trait(1) == ref.NO_VALUE
    # A known trait whose new value does not fit must not go on showing the old one.
    subject.record.set_trait(b"trait_0", (ref.STRING, b"x" * 1025), 2)
    assert subject.trait(0) == ref.NO_VALUE
    subject.record.set_trait(b"trait_0", (ref.INT, 9), 1)
    assert subject.trait(0) == ref.NO_VALUE
    subject.record.set_trait(b"trait_0", (ref.INT, 9), 2)
    assert subject.trait(0) == (ref.INT, 9)


def test_a_full_record_still_takes_every_consent_and_every_layout() -> None:
    subject = Subject(plan_of())
    for index in range(64):
        subject.record.set_trait(b"n%0127d" % index, (ref.STRING, b"v" * 1024), 1)
    assert subject.record.header()["dropped_count"] > 0
    for purpose in range(64):
        subject.record.set_consent(purpose, purpose % 2 == 0, 1)
    header = subject.record.header()
    assert header["consent_known"] == 2**64 - 1
    assert header["consent_granted"] == 0x5555555555555555
    largest = features_door.Plan(ref.Plan((), 16384, 1024, 3, FIELDS))
    stored = subject.record.bytes()
    grown = features_door.Record()
    assert grown.load(largest, stored) == STATUS_OK
    assert len(grown.bytes()) <= 65536
    assert grown.entries() == subject.record.entries()


def test_consent_follows_occurred_time() -> None:
    subject = Subject(plan_of())
    read = [(ref.SOURCE_CONSENT, 3, 0)]
    assert subject.record.read(subject.plan, read, 0, ()) == [ref.NO_VALUE]
    for granted, moment, kept in ((True, 5, True), (False, 4, True), (False, 5, False), (True, 6, True)):
        subject.record.set_consent(3, granted, moment)
        assert subject.record.read(subject.plan, read, 0, ()) == [(ref.BOOL, kept)]
    subject.record.set_consent(64, True, 9)
    assert subject.record.header()["consent_known"] == 8


# ---------------------------------------------------------------- bytes


def typical() -> tuple[Subject, bytes]:
    subject = Subject(plan_of(ref.Slot(ref.COUNT), ref.Slot(ref.LAST, value_field=12), ref.Slot(ref.COUNT, scope=ref.SESSION),
                              ref.Slot(ref.WINDOW_COUNT, bucket_us=5, bucket_count=8), traits=((b"plan", 0),)))
    for index in range(4):
        subject.at(index * 100 * MINUTE, (ref.STRING, b"text"))
    subject.record.set_trait(b"plan", (ref.STRING, b"gold"), 1)
    subject.record.set_consent(2, True, 1)
    return subject, subject.record.bytes()


def sealed(data: bytearray) -> bytes:
    """Gives changed bytes a valid checksum, by a crc32c of its own."""
    crc = 0xFFFFFFFF
    for byte in data[4:]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    data[0:4] = struct.pack("<I", crc ^ 0xFFFFFFFF)
    return bytes(data)


def test_the_checksum_is_crc32c_of_all_that_follows_it() -> None:
    _, stored = typical()
    assert sealed(bytearray(stored)) == stored
    assert stored[0:4] != struct.pack("<I", zlib.crc32(stored[4:]))


def test_every_changed_bit_is_found() -> None:
    subject, stored = typical()
    record = features_door.Record()
    for position in range(len(stored)):
        data = bytearray(stored)
        data[position] ^= 1 << position % 8
        assert record.load(subject.plan, bytes(data)) == STATUS_RECORD_CORRUPT


def test_every_cut_and_extension_is_found() -> None:
    subject, stored = typical()
    record = features_door.Record()
    for size in range(len(stored)):
        assert record.load(subject.plan, stored[:size]) == STATUS_RECORD_CORRUPT
    for data in (stored + b"\0" * 8, b"", b"\0" * 120, b"\xff" * 70_000):
        assert record.load(subject.plan, data) == STATUS_RECORD_CORRUPT


def test_bytes_with_a_valid_checksum_never_crash() -> None:
    """What a writer with a fault could seal: refused, or read and applied without leaving the record."""
    subject, stored = typical()
    source = random.Random(5)
    accepted = 0
    sources = [(kind, index, part) for kind in range(1, 12) if kind not in (1, 2, 6, 7)
               for index in range(1 if kind == 3 else 4) for part in range(3)]
    for _ in range(1500):
        data = bytearray(stored)
        for _ in range(source.randint(1, 3)):
            position = source.randrange(4, len(data))
            data[position] = source.choice((0, 1, 7, 8, 127, 128, 255, source.randrange(256)))
        record = features_door.Record()
        if record.load(subject.plan, sealed(data)) != STATUS_OK:
            continue
        accepted += 1
        record.read(subject.plan, sources, 300 * MINUTE, subject.births, MINUTE)
        record.apply(subject.plan, NO_FIELDS, occurred_us=301 * MINUTE, now_us=301 * MINUTE, sequence=9, event_type=1)
        record.set_trait(b"plan", (ref.STRING, b"x" * 900), 2**62)
        record.set_consent(1, False, 2**62)
        record.read(subject.plan, sources, 301 * MINUTE, subject.births)
        assert features_door.Record().load(subject.plan, record.bytes()) in (STATUS_OK, STATUS_RECORD_CORRUPT)
    assert accepted > 100


@pytest.mark.parametrize(("position", "form", "value"), [
    (4, "<H", 2), (6, "<H", 128), (8, "<I", 0), (92, "<I", 3), (92, "<I", 16392), (96, "<I", 65536), (96, "<I", 4)])
def test_wrong_sizes_are_refused(position: int, form: str, value: int) -> None:
    subject, stored = typical()
    data = bytearray(stored)
    struct.pack_into(form, data, position, value)
    assert features_door.Record().load(subject.plan, sealed(data)) == STATUS_RECORD_CORRUPT


def test_a_plan_beyond_the_limits_is_refused() -> None:
    _, stored = typical()
    for sizes in ((16392, 0), (0, 1032)):
        assert features_door.Record().load(features_door.Plan(ref.Plan((), *sizes, 3, FIELDS)), stored) == STATUS_RECORD_TOO_LARGE


def test_migration_keeps_everything_and_adds_empty_slots() -> None:
    subject, stored = typical()
    old = subject.model
    new = plan_of(*old.slots, ref.Slot(ref.LAST, value_field=12), ref.Slot(ref.SUM_INT, scope=ref.SESSION, value_field=12),
                  ref.Slot(ref.COUNT), traits=old.traits)
    grown = features_door.Record()
    plan = features_door.Plan(new)
    assert grown.load(plan, stored, 1) == STATUS_OK
    assert len(grown.bytes()) == len(stored) + 24 + 8 + 4 * 8
    assert grown.entries() == subject.record.entries()
    assert grown.sessions() == subject.record.sessions()
    assert grown.header()["layout_id"] == len(new.slots)
    births = ((0, 0),) * len(new.slots)
    sources = [(ref.SOURCE_SLOT, index, 0) for index in range(7)]
    now_us = 300 * MINUTE
    before = subject.record.read(subject.plan, sources[:4], now_us, births[:4], MINUTE)
    after = grown.read(plan, sources, now_us, births, MINUTE)
    assert after == [*before, ref.NO_VALUE, (ref.INT, 0), (ref.INT, 0)]
    # Back to the older plan: the larger layout stays and the older slots are where they were.
    again = features_door.Record()
    assert again.load(subject.plan, grown.bytes()) == STATUS_OK
    assert again.header()["layout_id"] == len(new.slots)
    assert again.read(subject.plan, sources[:4], now_us, births[:4], MINUTE) == before


# ---------------------------------------------------------------- completeness


def test_a_window_is_complete_from_the_bucket_that_starts_there() -> None:
    subject = Subject(plan_of(ref.Slot(ref.WINDOW_COUNT, bucket_us=10, bucket_count=4), ref.Slot(ref.COUNT)))
    subject.at(5)
    # The feature came with sequence 1, that of the first event: it may have missed that event.
    subject.births = ((1, 70), (1, 70))
    for now_us, complete in ((99, False), (100, True), (101, True)):
        assert subject.record.complete(subject.plan, now_us, subject.births) == [complete, False]
        assert subject.slot(0, now_us) == ((ref.INT, 0) if complete else ref.NO_VALUE)
    subject.births = ((0, 10**9), (0, 10**9))
    assert subject.record.complete(subject.plan, 5, subject.births) == [True, True]


def test_a_session_feature_is_complete_from_the_start_of_its_session() -> None:
    subject = Subject(plan_of(ref.Slot(ref.COUNT, scope=ref.SESSION)))
    subject.at(0)
    subject.births = ((1, 100 * MINUTE),)
    subject.at(100 * MINUTE)
    assert subject.slot(0, 100 * MINUTE) == (ref.INT, 1)
    subject.at(100 * MINUTE - 1)
    assert subject.slot(0, 100 * MINUTE) == ref.NO_VALUE
