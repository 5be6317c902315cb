"""Which effects go out in which order: the index against a list that is searched anew each time."""

import random
from dataclasses import dataclass

import pytest
from kairos_server.delivery import EffectChoice, EffectRow, EntryState
from kairos_server.delivery.entry import URGENCY_STEP_US, Entry
from kairos_server.delivery.index import EffectIndex

ALL = EffectChoice()


def row(number: int, subject: str = "s", **changes: object) -> EffectRow:
    """One pending effect."""
    fields = {
        "sequence": number, "ordinal": 0, "key": b"k%d" % number, "subject": subject.encode(),
        "identifier_type": 0, "identifier": subject.encode(), "action": b"\x0a\x04mail",
        "reason": b"", "created_us": 0, "due_us": 0, "origin_sequence": number, "trigger": 0,
        "action_index": 0, "step": 0, "urgency": 1, "channel": 3, "source": 3, "attempt_count": 0,
    }  # fmt: skip
    return EffectRow(**{**fields, **changes})


def index_of(*rows: EffectRow, now_us: int = 1000, ordered: bool = True) -> EffectIndex:
    index = EffectIndex(lambda _: False)
    for each in rows:
        index.admit(Entry(each, ordered=ordered), now_us)
    return index


def take(index: EffectIndex, count: int = 100, choice: EffectChoice = ALL) -> list[int]:
    """Leases and returns the sequences, in the order of hand-out."""
    taken = []
    for entry in index.take(choice, count, lambda _: True):
        index.lease(entry, "t", 10**12)
        taken.append(entry.id[0])
    return taken


def test_one_of_a_subject_at_a_time():
    index = index_of(row(1), row(2), row(3, "other"))
    assert take(index) == [1, 3]
    assert take(index) == []
    index.remove(index.entries[1, 0])
    assert take(index) == [2]


def test_order_none_hands_out_all():
    assert take(index_of(row(1), row(2), ordered=False)) == [1, 2]


def test_retry_holds_the_later_ones():
    index = index_of(row(1), row(2))
    take(index)
    index.retry(index.entries[1, 0], 5000, 1000)
    assert take(index) == []
    index.advance(4999)
    assert take(index) == []
    index.advance(5000)
    assert take(index) == [1]


def test_what_is_due_later_holds_nothing_and_then_keeps_its_place():
    index = index_of(row(1, due_us=5000), row(2))
    assert take(index) == [2]
    index.advance(5000)
    # The later one is held by a worker: it is not overtaken.
    assert take(index) == []
    index.remove(index.entries[2, 0])
    assert take(index) == [1]
    index = index_of(row(1, due_us=5000), row(2))
    index.advance(5000)
    assert take(index) == [1]


def test_a_retry_read_again_holds_the_later_ones():
    index = index_of(row(1, attempt_count=2, due_us=5000), row(2))
    assert take(index) == []
    index.advance(5000)
    assert take(index) == [1]


def test_the_more_urgent_first_and_the_low_not_never():
    step = URGENCY_STEP_US
    rows = [
        row(1, "a", urgency=1, due_us=0),
        row(2, "b", urgency=0, due_us=1),
        row(3, "c", urgency=4, due_us=2),
        row(4, "d", urgency=4, due_us=3 * step + 1),
        row(5, "e", urgency=2, due_us=0),
    ]
    index = index_of(*rows, now_us=10 * step)
    # 4 came three steps later than 1, which three steps of urgency make up for, but for 1 us; and
    # what says no urgency is low.
    assert take(index) == [3, 5, 1, 2, 4]


def test_choice_by_channel_and_type():
    rows = [
        row(1, "a", channel=3), row(2, "b", channel=4), row(3, "c", action=b"\x0a\x03sms"),
        row(4, "d", action=b""),
    ]  # fmt: skip
    assert take(index_of(*rows), choice=EffectChoice(frozenset({4}))) == [2]
    assert take(index_of(*rows), choice=EffectChoice(frozenset(), frozenset({"sms"}))) == [3]
    both = EffectChoice(frozenset({3}), frozenset({"mail", "sms"}))
    assert take(index_of(*rows), choice=both) == [1, 3]


def test_leases_end_once_and_only_their_own():
    index = index_of(row(1))
    entry = next(index.take(ALL, 1, lambda _: True))
    index.lease(entry, "a", 100)
    index.lease(entry, "a", 300)
    assert index.leases_ended(299) == []
    assert index.leases_ended(300) == [entry]
    assert index.leases_ended(10**9) == []


def test_heaps_do_not_grow_with_leases_that_were_settled():
    index = EffectIndex(lambda _: False)
    for number in range(1, 30_000):
        index.admit(Entry(row(number), ordered=True), 1000)
        assert take(index, 1) == [number]
        index.remove(index.entries[number, 0])
    assert len(index._leases) < 5_000
    assert not any(index._lanes.values())
    assert sum(index.counts) == 0


@dataclass
class Plain:
    """One effect of the reference."""

    number: int
    subject: str
    due_us: int
    urgency: int
    attempts: int = 0
    held: bool = False


def free(effects: list[Plain], effect: Plain, now_us: int) -> bool:
    """The rule, spelled out: due, not held, and nobody else of the subject is in the way."""
    if effect.held or effect.due_us > now_us:
        return False
    return not any(
        other.subject == effect.subject
        and other is not effect
        and (
            other.held
            or (other.attempts and other.due_us > now_us)
            or (other.due_us <= now_us and other.number < effect.number)
        )
        for other in effects
    )


@pytest.mark.parametrize("seed", range(20))
def test_against_a_search_of_everything(seed):
    """Random arrivals, hand-outs, acknowledgements, failures and passing time."""
    source = random.Random(seed)
    index = EffectIndex(lambda _: False)
    effects: list[Plain] = []
    now_us, number = 0, 0
    for _ in range(400):
        now_us += source.choice((0, 1, 10, 100))
        index.advance(now_us)
        act = source.random()
        if act < 0.4:
            number += 1
            due_us = source.choice((0, now_us, now_us + source.randrange(200)))
            subject, urgency = source.choice("abcd"), source.randrange(5)
            effects.append(Plain(number, subject, due_us, urgency))
            each = row(number, subject, due_us=due_us, urgency=urgency)
            index.admit(Entry(each, ordered=True), now_us)
        elif act < 0.7:
            for entry in index.take(ALL, source.randrange(1, 4), lambda _: True):
                index.lease(entry, "t", 10**12)
                effect = next(each for each in effects if each.number == entry.id[0])
                possible = [each for each in effects if free(effects, each, now_us)]
                assert effect in possible
                ranks = [each.due_us - max(each.urgency, 1) * URGENCY_STEP_US for each in possible]
                assert effect.due_us - max(effect.urgency, 1) * URGENCY_STEP_US == min(ranks)
                effect.held = True
        else:
            held = [effect for effect in effects if effect.held]
            if held:
                effect = source.choice(held)
                entry = index.entries[effect.number, 0]
                effect.held = False
                if source.random() < 0.6:
                    effects.remove(effect)
                    index.remove(entry)
                else:
                    effect.attempts += 1
                    effect.due_us = now_us + source.randrange(100)
                    index.retry(entry, effect.due_us, now_us)
        ready = [effect for effect in effects if free(effects, effect, now_us)]
        assert index.counts[EntryState.READY] == len(ready)
        assert index.counts[EntryState.LEASED] == sum(effect.held for effect in effects)
        assert sum(index.counts) == len(effects)
