"""The outbox of the engine against a plain dictionary, live, replayed, and rebuilt from checkpoints
that were taken while it changed.
"""

import random
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from kairos_native import checkpoints
from kairos_native.engine import LIMITS, OUTCOMES, Engine, Refusal

TENANT = 2
OTHER = 3
NOW = 1_700_000_000_000_000
DAY = 86_400_000_000
ACTION = b"\x0a\x03abc"
MAP_SIZE = 1 << 28


@dataclass(frozen=True)
class Effect:
    """What is compared of an effect."""

    identifier: bytes
    action: bytes
    due_us: int
    attempts: int = 0
    reason: bytes = b""


@dataclass
class Model:
    """What the log records mean, written down a second time."""

    pending: dict[tuple[int, int], Effect] = field(default_factory=dict)
    dead: dict[tuple[int, int], Effect] = field(default_factory=dict)
    keys: dict[bytes, int] = field(default_factory=dict)

    def outcome(self, effect_id: tuple[int, int], kind: str, due_us: int, reason: bytes) -> bool:
        source = self.dead if kind in ("replayed", "discarded") else self.pending
        effect = source.get(effect_id)
        if effect is None:
            return False
        if kind == "failed":
            self.pending[effect_id] = replace(
                effect, attempts=effect.attempts + 1, due_us=due_us, reason=reason
            )
            return True
        del source[effect_id]
        if kind == "dead":
            self.dead[effect_id] = replace(
                effect, attempts=effect.attempts + 1, due_us=due_us, reason=reason
            )
        elif kind == "replayed":
            self.pending[effect_id] = replace(effect, attempts=0, due_us=due_us)
        return True


class Node:
    """An engine and the model beside it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.now_us = NOW
        self.model = Model()
        self.engine = opened(folder)
        for tenant in (TENANT, OTHER):
            self.commit(self.engine.tenant_settings(tenant, f"t{tenant}", b"k" * 16, 0, NOW))

    def commit(self, *pendings: object) -> None:
        self.engine.commit(list(pendings), self.now_us)

    def enqueue(self, count: int) -> None:
        """Some keys are used again, also within one commit."""
        keys = [b"key%d" % self.random.randrange(3000) for _ in range(count)]
        rows = []
        for key in keys:
            identifier = b"subject%d" % self.random.randrange(20)
            action = ACTION + bytes([0x12, 0]) * self.random.choice((0, 30, 1500))
            due_us = self.random.choice((0, self.now_us + 50))
            rows.append((identifier, 0, key, due_us, 3, 4, action))
        pending = self.engine.enqueue_all(TENANT, rows, self.now_us)
        self.commit(pending)
        for row, (sequence, repeat, _) in zip(
            rows, self.engine.effect_results(pending), strict=True
        ):
            known = self.model.keys.get(row[2])
            assert repeat == (known is not None)
            assert known in (None, sequence)
            if not repeat:
                self.model.keys[row[2]] = sequence
                effect = Effect(row[0], row[6], max(row[3], self.now_us))
                self.model.pending[sequence, 0] = effect

    def settle(self, count: int) -> None:
        """Outcomes of effects that are there, and of some that are not."""
        rows = []
        for _ in range(count):
            known = [*self.model.pending, *self.model.dead, (1, 0), (10**6, 0)]
            kind = self.random.choice((*OUTCOMES, "dead", "replayed"))
            rows.append((self.random.choice(known), kind, self.now_us + 9, b"why" * 3))
        pending = self.engine.outcomes(
            TENANT,
            [(*each, OUTCOMES[kind], due, why) for each, kind, due, why in rows],
            self.now_us,
        )
        self.commit(pending)
        found = [was for _, _, was in self.engine.effect_results(pending)]
        assert found == [self.model.outcome(*row) for row in rows]

    def step(self) -> None:
        self.now_us += self.random.randrange(1000)
        self.enqueue(12) if self.random.random() < 0.5 else self.settle(10)

    def check(self) -> None:
        assert effects(self.engine) == self.model.pending
        assert effects(self.engine, dead=True) == self.model.dead
        assert self.engine.effects_count(TENANT) == len(self.model.pending)
        assert self.engine.effects_count(TENANT, dead=True) == len(self.model.dead)
        assert self.engine.effects(OTHER) == []

    def databases(self) -> dict[str, list[tuple[bytes, bytes]]]:
        return {name: list(self.engine.dump(name)) for name in ("outbox", "dead", "meta")}

    def again(self, folder: Path) -> Engine:
        """Another engine on a copy of log and checkpoints."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("view"))
        return opened(folder)


def opened(folder: Path) -> Engine:
    return Engine.open(str(folder), map_size=MAP_SIZE, segment_size=1 << 18, now_us=NOW)


def effects(engine: Engine, *, dead: bool = False) -> dict[tuple[int, int], Effect]:
    """Every effect, read in small pages."""
    found: dict[tuple[int, int], Effect] = {}
    after = (0, 0)
    while rows := engine.effects(TENANT, after, 7, dead):
        for row in rows:
            assert (row[0], row[1]) > after
            after = row[0], row[1]
            found[after] = Effect(row[5], row[6], row[9], row[17], row[7])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_outbox_is_what_the_log_says(tmp_path, seed):
    node = Node(tmp_path / "data", seed)
    for _ in range(40):
        node.step()
    node.check()
    before = node.databases()
    node.engine.close()
    node.engine = opened(tmp_path / "data")
    node.check()
    copy = node.again(tmp_path / "copy")
    assert effects(copy) == node.model.pending
    assert effects(copy, dead=True) == node.model.dead
    copy.close()
    assert {**node.databases(), "meta": 0} == {**before, "meta": 0}
    node.engine.close()


@pytest.mark.parametrize("seed", range(6))
def test_rebuild_from_a_checkpoint_taken_while_effects_move(tmp_path, seed, monkeypatch):
    node = Node(tmp_path / "data", seed)
    for _ in range(20):
        node.step()
    write = checkpoints.write
    moved = 0

    def slow_write(folder, position, chunks, crc32c, stop):
        def between():
            nonlocal moved
            for chunk in chunks:
                yield chunk
                for _ in range(node.random.randrange(6)):
                    moved += 1
                    node.step()

        return write(folder, position, between(), crc32c, stop)

    monkeypatch.setattr(checkpoints, "write", slow_write)
    assert node.engine.checkpoint() is not None
    assert moved
    for _ in range(10):
        node.step()
    wanted = node.databases()
    copy = node.again(tmp_path / "copy")
    # What stood in the checkpoint was not emitted again.
    assert copy.figures()["effects_emitted"] < len(node.model.keys)
    assert list(copy.dump("outbox")) == wanted["outbox"]
    assert list(copy.dump("dead")) == wanted["dead"]
    # Nothing is left of the way in which the view was made.
    assert [key for key, _ in copy.dump("meta")] == [key for key, _ in wanted["meta"]]
    copy.close()
    node.check()
    node.engine.close()


def test_key_is_known_for_eight_days(tmp_path):
    node = Node(tmp_path / "data", 0)

    def ask(now_us: int) -> tuple[int, bool]:
        pending = node.engine.enqueue(TENANT, b"ann", 0, b"key", 0, 1, 1, ACTION, now_us)
        node.engine.commit([pending], now_us)
        sequence, repeat, _ = node.engine.effect_results(pending)[0]
        return sequence, repeat

    first = ask(NOW)
    assert not first[1]
    assert ask(NOW + 8 * DAY) == (first[0], True)
    assert not ask(NOW + 10 * DAY)[1]
    # A key belongs to its tenant.
    pending = node.engine.enqueue(OTHER, b"ann", 0, b"key", 0, 1, 1, ACTION, NOW + 10 * DAY)
    node.commit(pending)
    assert not node.engine.effect_results(pending)[0][1]
    node.engine.close()


def test_key_of_an_effect_is_that_of_no_event(tmp_path):
    """Both stand in the same tables."""
    node = Node(tmp_path / "data", 0)
    first = node.engine.enqueue(TENANT, b"ann", 0, b"same", 0, 1, 1, ACTION, NOW)
    second = node.engine.enqueue(TENANT, b"bob", 0, b"same", 0, 1, 1, ACTION, NOW)
    node.commit(first, second)
    results = [node.engine.effect_results(each)[0] for each in (first, second)]
    assert results[1] == (results[0][0], True, False)
    node.engine.close()


def test_what_is_refused(tmp_path):
    node = Node(tmp_path / "data", 0)
    enqueue = node.engine.enqueue
    with pytest.raises(Refusal) as error:
        enqueue(TENANT, b"no address", 3, b"k", 0, 1, 1, ACTION, NOW)
    assert error.value.field == "subject_id"
    with pytest.raises(Refusal):
        enqueue(TENANT, b"ann", 0, b"k", 0, 1, 1, bytes(LIMITS["action_size_max"] + 1), NOW)
    with pytest.raises(Refusal):
        enqueue(9, b"ann", 0, b"k", 0, 1, 1, ACTION, NOW)
    with pytest.raises(ValueError, match="1 to 1000"):
        node.engine.enqueue_all(TENANT, [], NOW)
    node.engine.close()


def test_greatest_effect_fits(tmp_path):
    node = Node(tmp_path / "data", 0)
    action = bytes(LIMITS["action_size_max"])
    name = b"n" * LIMITS["subject_id_size_max"]
    pending = node.engine.enqueue(TENANT, name, 0, b"k", 0, 1, 1, action, NOW)
    node.commit(pending)
    sequence = node.engine.effect_results(pending)[0][0]
    reason = b"r" * (LIMITS["effect_reason_size_max"] + 5)
    rows = [(sequence, 0, OUTCOMES["failed"], NOW + 5, reason)]
    node.commit(node.engine.outcomes(TENANT, rows, NOW))
    (row,) = node.engine.effects(TENANT)
    assert (row[5], row[6]) == (name, action)
    assert row[7] == reason[: LIMITS["effect_reason_size_max"]]
    assert node.engine.effects_at(TENANT, [(sequence, 0), (sequence, 1)]) == [row, None]
    node.engine.close()


def test_counters_follow(tmp_path):
    node = Node(tmp_path / "data", 7)
    for _ in range(30):
        node.step()
    figures = node.engine.figures()
    assert figures["effects_emitted"] == len(node.model.keys)
    assert (
        figures["effects_emitted"] - figures["effects_acked"] - figures["effects_dead"]
        + figures["effects_replayed"]
        == len(node.model.pending)
    )  # fmt: skip
    assert figures["effects_dead"] - figures["effects_replayed"] - figures[
        "effects_discarded"
    ] == len(node.model.dead)
    assert node.engine.effects_made() == figures["effects_emitted"] + figures["effects_replayed"]
    node.engine.close()
