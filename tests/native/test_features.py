"""Examples of the rules of docs/guides/time.md: sessions, slots, completeness."""

import features_door
from features_subject import MINUTE, Subject, plan_of
from reference import features as ref

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
    assert subject.record.read(subject.plan, [(ref.SOURCE_SESSION, 0, 0)], 0, subject.births) == [
        ref.NO_VALUE
    ]


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
    subject = Subject(
        plan_of(
            ref.Slot(ref.SUM_INT, value_field=12),
            ref.Slot(ref.WINDOW_SUM_INT, value_field=12, bucket_us=10, bucket_count=4),
        )
    )
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
    assert [subject.slot(0, now) for now in (999, 1000, 1039, 1040)] == [
        (ref.INT, n) for n in (0, 1, 1, 0)
    ]


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
    equal = [
        ((ref.INT, 1), (ref.DOUBLE, 1.0)),
        ((ref.DOUBLE, 2.0), (ref.INT, 2)),
        ((ref.DOUBLE, -0.0), (ref.DOUBLE, 0.0)),
        ((ref.NULL, None), (ref.NULL, None)),
        ((ref.STRING, b""), (ref.STRING, b"")),
        ((ref.BOOL, True), (ref.BOOL, True)),
    ]
    other = [
        ((ref.INT, 2**53 + 1), (ref.DOUBLE, 2.0**53)),
        ((ref.INT, 2**63 - 1), (ref.DOUBLE, 2.0**63)),
        ((ref.INT, 1), (ref.BOOL, True)),
        (ref.NO_VALUE, (ref.NULL, None)),
        ((ref.STRING, b"1"), (ref.INT, 1)),
        ((ref.STRING, b"ab"), (ref.STRING, b"abc")),
        ((ref.TIME, 5), (ref.INT, 5)),
        ((ref.INT, 1), (ref.DOUBLE, 1.5)),
    ]
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
    model = plan_of(
        ref.Slot(ref.COUNT),
        ref.Slot(ref.SUM_DOUBLE, value_field=12),
        ref.Slot(ref.LAST),
        ref.Slot(ref.DECAYED),
        ref.Slot(ref.WINDOW_COUNT, bucket_us=5, bucket_count=4),
        traits=((b"plan", 0),),
    )
    record, plan = features_door.Record(), features_door.Plan(model)
    sources = [(ref.SOURCE_SLOT, index, 0) for index in range(5)]
    sources += [(ref.SOURCE_PROFILE, index, 0) for index in range(5)]
    sources += [
        (ref.SOURCE_TRAIT, 0, 0),
        (ref.SOURCE_CONSENT, 0, 0),
        (ref.SOURCE_SESSION, 0, 0),
        (ref.SOURCE_SLOT_PREVIOUS, 0, 0),
    ]
    zero, none = (ref.INT, 0), ref.NO_VALUE
    expected = [
        zero,
        (ref.DOUBLE, 0.0),
        none,
        (ref.DOUBLE, 0.0),
        zero,
        zero,
        zero,
        none,
        none,
        none,
        none,
        none,
        none,
        none,
    ]
    # Born after everything: without a first event nothing can have been missed.
    assert record.read(plan, sources, 100, ((10**9, 10**9),) * 5, MINUTE) == expected


def test_previous_of_a_new_subject_is_zero_or_absent() -> None:
    subject = Subject(
        plan_of(ref.Slot(ref.COUNT), ref.Slot(ref.LAST), ref.Slot(ref.COUNT, scope=ref.SESSION))
    )
    subject.record = features_door.Record()
    subject.at(5)
    sources = [(ref.SOURCE_SLOT_PREVIOUS, index, 0) for index in range(3)]
    assert subject.record.read(subject.plan, sources, 5, subject.births) == [
        (ref.INT, 0),
        ref.NO_VALUE,
        (ref.INT, 0),
    ]


# ---------------------------------------------------------------- completeness


def test_a_window_is_complete_from_the_bucket_that_starts_there() -> None:
    subject = Subject(
        plan_of(ref.Slot(ref.WINDOW_COUNT, bucket_us=10, bucket_count=4), ref.Slot(ref.COUNT))
    )
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
