"""What a group of linked identifiers reads, written from docs/guides/identity.md: the parts of each
member, taken together in ascending order of their ids.
"""

from __future__ import annotations

from reference import score
from reference.features import (
    BOOL,
    COUNT,
    COUNT_MAX,
    DECAYED,
    DOUBLE,
    DURATION,
    INT,
    LAST,
    NO_VALUE,
    PART_AGE,
    PART_TIME,
    SESSIONS_KEPT,
    SUM_INT,
    TIME,
    WINDOW_COUNT,
    WINDOW_SUM_DOUBLE,
    WINDOW_SUM_INT,
    WINDOWS,
    Event,
    Session,
    Slot,
    Subject,
    Value,
    View,
    clamp,
    counting,
    last_or_first,
    lifetime,
    newest,
    numbers,
)


def members(view: View) -> list[Subject]:
    """The group's members, the one that is asked for among them."""
    return [*view.others[: view.own_place], view.subject, *view.others[view.own_place :]]


def histories(view: View, *, previous: bool) -> list[list[Event]]:
    return [
        [event for event in member.events if not (previous and event is view.event)]
        for member in members(view)
    ]


def first_sequence(view: View) -> int | None:
    """The log record of the group's first event in the order of the log."""
    firsts = [member.events[0].sequence for member in members(view) if member.events]
    return min(firsts, default=None)


def read_slot(view: View, slot_id: int, part: int, *, previous: bool) -> Value:
    slot, now_us = view.plan.slots[slot_id], view.now_us
    if slot.kind == 0:
        return NO_VALUE
    parts = [counting(events, view.plan, slot_id) for events in histories(view, previous=previous)]
    if slot.kind in (COUNT, SUM_INT):
        total = 0
        for events in parts:
            total = clamp(total + lifetime(events, slot)[1])
        return INT, total
    if slot.kind == DECAYED:
        return DOUBLE, decayed(parts, slot, now_us)
    if slot.kind in WINDOWS:
        return window(parts, slot, now_us)
    if slot.kind > WINDOW_SUM_DOUBLE:
        return kept(parts, slot, part, now_us)
    value = 0.0
    for events in parts:
        value += lifetime(events, slot)[1]
    return DOUBLE, value


def decayed(parts: list[list[Event]], slot: Slot, now_us: int) -> float:
    """Each member's value where its newest event is; of two the older one decays to the newer."""
    value, moment = 0.0, 0
    for events in parts:
        more, at = 0.0, 0
        for event in events:
            more, at = together(slot.weight, event.occurred_us, more, at, slot)
        if at > moment:
            value, moment = more + value * fading(slot, moment, at), at
        else:
            value = value + more * fading(slot, at, moment)
    return value * fading(slot, moment, now_us) if now_us > moment else value


def together(weight: float, t: int, value: float, moment: int, slot: Slot) -> tuple[float, int]:
    if t >= moment:
        return value * fading(slot, moment, t) + weight, t
    return value + weight * fading(slot, t, moment), moment


def fading(slot: Slot, earlier: int, later: int) -> float:
    return score.exp(-(float(later - earlier) * slot.decay_per_us))


def window(parts: list[list[Event]], slot: Slot, now_us: int) -> Value:
    """Buckets are the same spans for all; the group keeps as many as one record does."""
    width, count = slot.bucket_us, slot.bucket_count
    double = slot.kind == WINDOW_SUM_DOUBLE
    filled = [buckets(events, slot) for events in parts]
    newest_of_all = max((top for top, _ in filled if top is not None), default=None)
    total = 0.0 if double else 0
    for bucket in range(now_us // width - count + 1, now_us // width + 1):
        if newest_of_all is None or bucket <= newest_of_all - count:
            continue
        amount = 0.0 if double else 0
        for top, kept_buckets in filled:
            if top is None or bucket <= top - count:
                continue
            amount += kept_buckets.get(bucket, 0.0 if double else 0)
            if slot.kind == WINDOW_SUM_INT:
                amount = clamp(amount)
            elif slot.kind == WINDOW_COUNT:
                amount = min(amount, COUNT_MAX)
        total += amount
        if slot.kind == WINDOW_SUM_INT:
            total = clamp(total)
    return (DOUBLE if double else INT), total


def buckets(events: list[Event], slot: Slot) -> tuple[int | None, dict[int, int | float]]:
    """One member's newest bucket and the sums that it keeps."""
    on_time = [event for event in events if not event.late]
    amounts = [(e, 1) for e in on_time] if slot.kind == WINDOW_COUNT else numbers(on_time, slot)
    top, sums = None, {}
    for event, amount in amounts:
        bucket = event.occurred_us // slot.bucket_us
        if top is not None and bucket <= top - slot.bucket_count:
            continue
        top = bucket if top is None else max(top, bucket)
        value = sums.get(bucket, 0.0 if slot.kind == WINDOW_SUM_DOUBLE else 0) + amount
        sums[bucket] = clamp(value) if slot.kind == WINDOW_SUM_INT else value
    return top, sums


def kept(parts: list[list[Event]], slot: Slot, part: int, now_us: int) -> Value:
    """The newest (or oldest) of the members' kept events; a tie goes to the last (first) member."""
    chosen, moment = None, 0
    for events in parts:
        if not events:
            continue
        t = last_or_first(events, slot, PART_TIME, now_us)[1]
        if chosen is None or (t >= moment if slot.kind == LAST else t < moment):
            chosen, moment = events, t
    if chosen is None:
        return NO_VALUE
    if part == PART_TIME:
        return TIME, moment
    if part == PART_AGE:
        return DURATION, now_us - moment
    return last_or_first(chosen, slot, part, now_us)


def consents(view: View) -> list[tuple[int, bool, int]]:
    """What holds: the newest statement of any member; at one moment the denial."""
    held: dict[int, tuple[int, bool]] = {}
    for member in members(view):
        for number in {purpose for purpose, _, _ in member.consents}:
            own = [entry for entry in member.consents if entry[0] == number]
            granted, t = newest(own), max(entry[2] for entry in own)
            if number not in held or (t, not granted) > (held[number][0], not held[number][1]):
                held[number] = t, granted
    return [(number, granted, t) for number, (t, granted) in sorted(held.items())]


def consent(view: View, purpose: int) -> Value:
    held = {number: granted for number, granted, _ in consents(view)}
    return (BOOL, held[purpose]) if purpose in held else NO_VALUE


def sessions(view: View) -> list[Session]:
    """The newest of all; of equal ones that of the later member."""
    found = [
        (session.last_us, session.ordinal, place, session)
        for place, member in enumerate(members(view))
        for session in member.sessions
    ]
    found.sort(key=lambda entry: entry[:3], reverse=True)
    return [entry[3] for entry in found[:SESSIONS_KEPT]]


def merged(view: View) -> Subject:
    """The group as one subject, for what needs no order of events."""
    found = members(view)
    return Subject(
        view.subject.gap_us,
        [event for member in found for event in member.events],
        sessions(view),
        sum(member.session_count for member in found),
        [entry for member in found for entry in member.traits],
        consents(view),
    )


def session_count(view: View) -> int:
    return sum(member.session_count for member in members(view))
