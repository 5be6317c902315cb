"""Records as bytes: traits, consents, limits, migration, corruption."""

import random
import struct
import zlib

import features_door
import pytest
from features_subject import FIELD_COUNT, MINUTE, NO_FIELDS, Subject, plan_of
from reference import features as ref

STATUS_OK, STATUS_RECORD_CORRUPT, STATUS_RECORD_TOO_LARGE = 0, 134, 135

# ---------------------------------------------------------------- traits and consents


def test_a_trait_keeps_the_newest_and_of_equals_the_later() -> None:
    subject = Subject(plan_of(traits=((b"a", 0), (b"age", 4))))
    for value, moment, kept in (
        ("old", 5, "old"),
        ("older", 4, "old"),
        ("tie", 5, "tie"),
        ("long" * 200, 6, "long" * 200),
        ("", 7, ""),
    ):
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
    largest = features_door.Plan(ref.Plan((), 16384, 1024, 3, FIELD_COUNT))
    stored = subject.record.bytes()
    grown = features_door.Record()
    assert grown.load(largest, stored) == STATUS_OK
    assert len(grown.bytes()) <= 65536
    assert grown.entries() == subject.record.entries()


def test_consent_follows_occurred_time() -> None:
    subject = Subject(plan_of())
    read = [(ref.SOURCE_CONSENT, 3, 0)]
    assert subject.record.read(subject.plan, read, 0, ()) == [ref.NO_VALUE]
    for granted, moment, kept in (
        (True, 5, True),
        (False, 4, True),
        (False, 5, False),
        (True, 6, True),
    ):
        subject.record.set_consent(3, granted, moment)
        assert subject.record.read(subject.plan, read, 0, ()) == [(ref.BOOL, kept)]
    subject.record.set_consent(64, True, 9)
    assert subject.record.header()["consent_known"] == 8


# ---------------------------------------------------------------- bytes


def typical() -> tuple[Subject, bytes]:
    subject = Subject(
        plan_of(
            ref.Slot(ref.COUNT),
            ref.Slot(ref.LAST, value_field=12),
            ref.Slot(ref.COUNT, scope=ref.SESSION),
            ref.Slot(ref.WINDOW_COUNT, bucket_us=5, bucket_count=8),
            traits=((b"plan", 0),),
        )
    )
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
    """What a writer with a fault could seal: refused, or read and applied without
    leaving the record.
    """
    subject, stored = typical()
    source = random.Random(5)
    accepted = 0
    sources = [
        (kind, index, part)
        for kind in range(1, 12)
        if kind not in (1, 2, 6, 7)
        for index in range(1 if kind == 3 else 4)
        for part in range(3)
    ]
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
        record.apply(
            subject.plan,
            NO_FIELDS,
            occurred_us=301 * MINUTE,
            now_us=301 * MINUTE,
            sequence=9,
            event_type=1,
        )
        record.set_trait(b"plan", (ref.STRING, b"x" * 900), 2**62)
        record.set_consent(1, False, 2**62)
        record.read(subject.plan, sources, 301 * MINUTE, subject.births)
        assert features_door.Record().load(subject.plan, record.bytes()) in (
            STATUS_OK,
            STATUS_RECORD_CORRUPT,
        )
    assert accepted > 100


@pytest.mark.parametrize(
    ("position", "form", "value"),
    [
        (4, "<H", 2),
        (6, "<H", 128),
        (8, "<I", 0),
        (92, "<I", 3),
        (92, "<I", 16392),
        (96, "<I", 65536),
        (96, "<I", 4),
    ],
)
def test_wrong_sizes_are_refused(position: int, form: str, value: int) -> None:
    subject, stored = typical()
    data = bytearray(stored)
    struct.pack_into(form, data, position, value)
    assert features_door.Record().load(subject.plan, sealed(data)) == STATUS_RECORD_CORRUPT


def test_a_plan_beyond_the_limits_is_refused() -> None:
    _, stored = typical()
    for sizes in ((16392, 0), (0, 1032)):
        assert (
            features_door.Record().load(
                features_door.Plan(ref.Plan((), *sizes, 3, FIELD_COUNT)), stored
            )
            == STATUS_RECORD_TOO_LARGE
        )


def test_migration_keeps_everything_and_adds_empty_slots() -> None:
    subject, stored = typical()
    old = subject.model
    new = plan_of(
        *old.slots,
        ref.Slot(ref.LAST, value_field=12),
        ref.Slot(ref.SUM_INT, scope=ref.SESSION, value_field=12),
        ref.Slot(ref.COUNT),
        traits=old.traits,
    )
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


def test_a_text_without_room_leaves_its_time() -> None:
    subject = Subject(plan_of(ref.Slot(ref.LAST, value_field=12), ref.Slot(ref.COUNT)))
    subject.at(1, (ref.STRING, b"old"))
    for index in range(64):
        subject.record.set_trait(b"n%0127d" % index, (ref.STRING, b"v" * 1024), 1)
    for index in range(64, 80):
        subject.record.set_trait(b"m%d" % index, (ref.STRING, b""), 1)
    dropped = subject.record.header()["dropped_count"]
    subject.at(2, (ref.STRING, b"y" * 255))
    assert subject.slot(0, 2) == ref.NO_VALUE
    assert subject.slot(0, 2, ref.PART_TIME) == (ref.TIME, 2)
    assert subject.slot(1, 2) == (ref.INT, 2)
    assert subject.record.header()["dropped_count"] == dropped + 1
    assert not [entry for entry in subject.record.entries() if entry[0] == 3]
    subject.at(3, (ref.STRING, b"new"))
    assert subject.slot(0, 3) == (ref.STRING, b"new")
