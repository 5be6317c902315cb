"""Numbers of producers against sets of plain Python: any order, repeats, restarts, aborted work."""

import importlib.util
import os
import random
from pathlib import Path

import producer_door
import pytest
import store_door
from hypothesis import given, settings
from hypothesis import strategies as st
from producer_door import KEPT, WINDOW, ProducerError, Producers

KEY = b"sixteen bytes ok"
GREATEST = (1 << 64) - 1


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    spec = importlib.util.find_spec("lmdb")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    store_door.load(os.fsencode(next(folder.glob("cpython*.so"))))


class Plain:
    """What the contract says, with a set of every number ever seen."""

    def __init__(self, other: "Plain | None" = None) -> None:
        self.greatest: dict[tuple[int, bytes], int] = dict(other.greatest) if other else {}
        self.seen: dict[tuple[int, bytes], set[int]] = (
            {who: set(numbers) for who, numbers in other.seen.items()} if other else {}
        )

    def note(self, tenant: int, producer: bytes, number: int) -> bool:
        who = (tenant, producer)
        greatest = self.greatest.get(who, 0)
        if number in self.seen.setdefault(who, set()) or greatest - number > WINDOW:
            return True
        self.seen[who].add(number)
        self.greatest[who] = max(greatest, number)
        return False


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.integers(1, 2),
            st.sampled_from([b"a", b"b" * 128, b"\0"]),
            st.one_of(
                # Beside the greatest seen so far: before, at and beyond both ends of the window.
                st.integers(-3, 3),
                st.sampled_from([WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 10**9]).flatmap(
                    lambda step: st.sampled_from([step, -step])
                ),
                st.integers(-2 * WINDOW, 70),
            ),
        ),
        st.sampled_from(["commit", "abort", "reopen"]),
    ),
    max_size=80,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, start=st.sampled_from([1, 5, 1 << 40, GREATEST - 3 * 10**9]))
def test_notes_as_a_set_of_all_numbers_would(tmp_path_factory, steps, start) -> None:
    folder = os.fsencode(tmp_path_factory.mktemp("view"))
    table = Producers(folder)
    kept = Plain()
    working = Plain(kept)
    sequence = 0
    table.begin()
    for step in [*steps, "commit"]:
        if isinstance(step, tuple):
            tenant, producer, distance = step
            number = max(1, working.greatest.get((tenant, producer), start) + distance)
            number = min(number, GREATEST)
            sequence += 1
            expected = working.note(tenant, producer, number)
            assert table.note(tenant, KEY, producer, number, sequence) == expected
            continue
        if step == "abort":
            table.abort()
            working = Plain(kept)
        else:
            table.commit()
            assert table.changed() == 0
            kept = Plain(working)
        if step == "reopen":
            table.close()
            table = Producers(folder)
        table.begin()
    table.abort()
    table.close()


def test_shuffled_numbers_with_repeats_count_once(tmp_path) -> None:
    source = random.Random(5)
    table = Producers(os.fsencode(tmp_path))
    sequence = new = 0
    for first in range(1, 20_001, WINDOW):
        numbers = list(range(first, min(first + WINDOW, 20_001))) * 2
        source.shuffle(numbers)
        table.begin()
        for number in numbers:
            sequence += 1
            new += not table.note(1, KEY, b"till 7", number, sequence)
        table.commit()
    table.close()
    assert new == 20_000


def test_more_producers_than_places_in_memory(tmp_path) -> None:
    """Windows leave memory, changed ones too, and come back as they were."""
    table = Producers(os.fsencode(tmp_path))
    names = [b"%d" % index for index in range(KEPT + 500)]
    sequence = 0
    for number in (1, 3, 2, 3, 1):
        table.begin()
        for name in names:
            sequence += 1
            expected = number != 2 and sequence > 2 * len(names)
            assert table.note(1, KEY, name, number, sequence) == expected
        assert table.changed() <= KEPT
        table.commit()
    assert len(table.entries()) == len(names)
    table.close()


def test_keys_hold_partition_tenant_and_a_keyed_hash(tmp_path) -> None:
    table = Producers(os.fsencode(tmp_path), 3)
    table.begin()
    table.note(258, KEY, b"till", 1, 1)
    table.note(259, b"another key here", b"till", 1, 2)
    table.commit()
    keys = [key for key, _ in table.entries()]
    assert [key[:6] for key in keys] == [b"\0\3\0\0\1\2", b"\0\3\0\0\1\3"]
    assert len({key[6:] for key in keys}) == 2
    assert all(len(key) == 22 and b"till" not in key for key in keys)
    table.close()


def test_same_record_may_ask_again_and_an_older_one_stops_the_node(tmp_path) -> None:
    table = Producers(os.fsencode(tmp_path))
    table.begin()
    assert not table.note(1, KEY, b"till", 7, 10)
    assert not table.note(1, KEY, b"till", 7, 10)
    assert table.note(1, KEY, b"till", 7, 11)
    with pytest.raises(ProducerError):
        table.note(1, KEY, b"till", 8, 9)
    table.commit()
    table.close()


def test_damaged_windows_stop_the_node(tmp_path) -> None:
    table = Producers(os.fsencode(tmp_path))
    table.begin()
    table.note(1, KEY, b"till", 7, 1)
    table.commit()
    (key, value), *_ = table.entries()
    for damaged in (value[:-1], value[:20] + bytes([value[20] ^ 1]) + value[21:], b""):
        table.close()
        table = Producers(os.fsencode(tmp_path))
        table.begin()
        table.put(key, damaged)
        with pytest.raises(ProducerError) as error:
            table.note(1, KEY, b"till", 8, 2)
        assert error.value.args == (producer_door.RECORD_CORRUPT,)
        table.abort()
    table.close()
