"""The view is a function of the log: thrown away, it comes back entry by entry, with and without
checkpoints.
"""

import random
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from kairos.v1 import ingest_service_pb2
from kairos_native import checkpoints
from kairos_server.catalog import build_image
from reference.engine import Settings
from reference.lockstep import DATABASES, EPOCHS_KEY, Lockstep
from reference.node import Request
from reference.tenants import DAY, HOUR, MINUTE, START, Documents, document
from reference.traffic import random_event

TENANT = 3
PLANS_LOADED_MAX = 1024
CROWDS = 5
"""Thousands of subjects whose records together fill more than one chunk of a checkpoint."""
STORED_SIZE = 16
"""Bytes of `kairos_stored` before the body of a value."""


class Shop:
    """A tenant with plans of several versions and a stream of random events."""

    def __init__(self, folder: Path, seed: int, *, live: bool = False) -> None:
        self.source = random.Random(seed)
        self.live = live
        self.lock = Lockstep(folder, START)
        self.documents = Documents(self.source)
        self.lock.commit(
            self.lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", not live))
        )
        self.swap()

    def swap(self) -> None:
        documents, removed = self.documents.version()
        model, stored = self.lock.compile(TENANT, documents, removed)
        self.lock.commit(stored, self.lock.activation(TENANT, model))

    def events(self, count: int) -> list:
        return [
            random_event(self.source, self.documents, self.lock.now_us, live=self.live)
            for _ in range(count)
        ]

    def ingest(self, count: int = 10) -> None:
        self.lock.now_us += self.source.choice((1, MINUTE, HOUR))
        self.lock.commit(self.lock.batch(TENANT, self.events(count)))


def databases(lock: Lockstep) -> dict[str, list[tuple[bytes, bytes]]]:
    return {name: list(lock.engine.dump(name)) for name in DATABASES}


def applied_of(dump: dict[str, list[tuple[bytes, bytes]]]) -> int:
    return int.from_bytes(dict(dump["meta"])[EPOCHS_KEY][STORED_SIZE : STORED_SIZE + 8], "little")


def differs_by_epochs_only(before: dict, after: dict, count: int) -> None:
    """Each start appends one record; it moves the applied position, and nothing else in any
    database.
    """
    for name in DATABASES:
        if name != "meta":
            assert after[name] == before[name]
    assert [entry for entry in after["meta"] if entry[0] != EPOCHS_KEY] == [
        entry for entry in before["meta"] if entry[0] != EPOCHS_KEY
    ]
    assert applied_of(after) == applied_of(before) + count


def test_every_way_back_gives_the_same_dump(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "data", 11)
    for number in range(6):
        shop.ingest(30)
        if number == 2:
            shop.swap()
            shop.lock.engine.checkpoint()
    before = databases(shop.lock)
    assert all(before[name] for name in ("meta", "subjects", "documents", "plans", "counters"))
    assert before["dedupe"]
    shop.lock.reopen()
    differs_by_epochs_only(before, databases(shop.lock), 1)
    shop.lock.crash(tmp_path / "copy")
    differs_by_epochs_only(before, databases(shop.lock), 2)
    shop.lock.rebuild(checkpoints=True)
    differs_by_epochs_only(before, databases(shop.lock), 3)
    shop.lock.rebuild(checkpoints=False)
    differs_by_epochs_only(before, databases(shop.lock), 4)
    shop.lock.profiles()
    shop.lock.close()


def test_everything_sent_twice_changes_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "data", 12)
    batches = [shop.events(40) for _ in range(5)]
    for batch in batches:
        for number, event in enumerate(batch):
            event.event_id = event.event_id[:120] and f"{number}-{event.event_id}"
    named = [[event for event in batch if event.event_id] for batch in batches]
    first = [shop.lock.commit(shop.lock.batch(TENANT, batch))[0] for batch in named]
    before = databases(shop.lock)
    second = [shop.lock.commit(shop.lock.batch(TENANT, batch))[0] for batch in named]
    fired = 0
    for one, two in zip(first, second, strict=True):
        assert two.accepted_count == 0
        assert two.refused_count == one.refused_count > 0
        for told, again in zip(one.results, two.results, strict=True):
            assert again.duplicate == told.processed
            assert again.error == told.error
            assert [t.trigger_id for t in again.triggers] == [t.trigger_id for t in told.triggers]
            fired += len(again.triggers)
    assert fired
    after = databases(shop.lock)
    differs_by_epochs_only(before, after, sum(r.duplicate_count for r in second))
    shop.lock.rebuild(checkpoints=False)
    differs_by_epochs_only(after, databases(shop.lock), 1)
    shop.lock.close()


def test_checkpoint_between_whose_parts_the_writer_goes_on(tmp_path: Path, monkeypatch) -> None:
    """Meta, documents, plans, subjects, event ids: each of another moment."""
    write = checkpoints.write
    for seed in range(6):
        shop = Shop(tmp_path / str(seed), seed, live=seed % 2 == 0)
        for _ in range(3):
            shop.ingest()

        def slow(folder, position, chunks, *rest, shop=shop):
            def between():
                for number, chunk in enumerate(chunks):
                    yield chunk
                    shop.ingest()
                    if number == 0 and shop.source.random() < 0.7:
                        shop.swap()
                    shop.ingest()

            return write(folder, position, between(), *rest)

        monkeypatch.setattr(checkpoints, "write", slow)
        shop.lock.engine.checkpoint()
        monkeypatch.setattr(checkpoints, "write", write)
        if seed % 3 == 0:
            shop.ingest()
        before = databases(shop.lock)
        shop.lock.rebuild(checkpoints=True)
        differs_by_epochs_only(before, databases(shop.lock), 1)
        shop.ingest(20)
        shop.lock.profiles()
        shop.lock.close()
        shutil.rmtree(tmp_path / str(seed))


def test_checkpoint_of_another_thread_while_the_writer_commits(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "data", 21)
    batches = [
        ingest_service_pb2.IngestBatchRequest(events=shop.events(60)).SerializeToString()
        for _ in range(60)
    ]
    engine, failures = shop.lock.engine, []
    started, taken = threading.Event(), threading.Event()

    def take() -> None:
        try:
            started.wait()
            engine.checkpoint()
        except Exception as error:
            failures.append(error)
        taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    number = 0
    while number < len(batches) or not taken.is_set():
        engine.commit(
            [engine.check_batch(TENANT, batches[number % len(batches)], shop.lock.now_us + number)],
            0,
        )
        number += 1
        if number == 10:
            started.set()
    thread.join()
    assert not failures
    before = databases(shop.lock)
    shop.lock.node.sequence = engine.figures()["applied_sequence"]
    shop.lock.rebuild(checkpoints=True)
    differs_by_epochs_only(before, databases(shop.lock), 1)
    shop.lock.close()


def test_checkpoint_of_many_subjects_is_of_many_moments(tmp_path: Path, monkeypatch) -> None:
    """Subjects in several chunks: events go on between them, so that early subjects are older than
    late ones.
    """
    shop = Shop(tmp_path / "data", 31)
    lock, write, parts = shop.lock, checkpoints.write, []

    def crowd(round_: int) -> None:
        events = shop.events(1000)
        for number, event in enumerate(events):
            event.subject_id = f"s{number + round_ % CROWDS * 1000}"
            event.event_id = f"e{number % 300}"
            event.traits.add(name=f"text{number}", string_value="x" * 500)
        engine = lock.engine
        data = ingest_service_pb2.IngestBatchRequest(events=events).SerializeToString()
        engine.commit([engine.check_batch(TENANT, data, lock.now_us)], 0)

    for round_ in range(CROWDS):
        crowd(round_)

    def slow(folder, position, chunks, *rest):
        def between():
            for chunk in chunks:
                parts.append(chunk[0])
                yield chunk
                crowd(len(parts))

        return write(folder, position, between(), *rest)

    monkeypatch.setattr(checkpoints, "write", slow)
    lock.engine.checkpoint()
    monkeypatch.setattr(checkpoints, "write", write)
    assert parts.count(1) > 1, "subjects fit one chunk"
    before = databases(lock)
    lock.rebuild(checkpoints=True)
    differs_by_epochs_only(before, databases(lock), 1)
    lock.close()


def test_rebuild_of_a_log_of_quiet_months(tmp_path: Path) -> None:
    """Few records on each of many days: one replayed transaction must not hold the event ids of all
    of them.
    """
    shop = Shop(tmp_path / "data", 61, live=True)
    for _ in range(90):
        shop.lock.now_us += DAY
        shop.lock.commit(shop.lock.batch(TENANT, shop.events(2)))
    before = databases(shop.lock)
    shop.lock.rebuild(checkpoints=False)
    differs_by_epochs_only(before, databases(shop.lock), 1)
    shop.ingest(20)
    shop.lock.profiles()
    shop.lock.close()


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "no DONE"])
def test_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    shop = Shop(tmp_path / "data", 41)
    shop.ingest()
    older = Path(shop.lock.engine.checkpoint())
    shop.ingest()
    newer = Path(shop.lock.engine.checkpoint())
    shop.ingest()
    before = databases(shop.lock)
    data = (newer / "view.chunks").read_bytes()
    if damage == "no DONE":
        (newer / "DONE").unlink()
    else:
        changed = {
            "cut": data[:-7],
            "flip": data[:900] + bytes([data[900] ^ 1]) + data[901:],
            "empty": b"",
        }
        (newer / "view.chunks").write_bytes(changed[damage])
    assert older != newer
    shop.lock.rebuild(checkpoints=True)
    differs_by_epochs_only(before, databases(shop.lock), 1)
    shop.lock.close()


def test_unfinished_checkpoints_are_swept_away(tmp_path: Path) -> None:
    """A process that is killed while it copies leaves a part of a copy, which may be as large as
    the view.
    """
    shop = Shop(tmp_path / "data", 45)
    folder = tmp_path / "data" / "checkpoints"
    (folder / f"{7:020d}").mkdir()
    (folder / f"{7:020d}" / "view.chunks").write_bytes(b"part")
    taken = []
    for _ in range(3):
        shop.ingest()
        taken.append(Path(shop.lock.engine.checkpoint()))
    assert sorted(folder.iterdir()) == taken[1:]
    shop.lock.close()


def test_rebuild_keeps_the_days_of_event_ids_that_count(tmp_path: Path) -> None:
    """Weeks of events: old days are dropped on the way, live and in a rebuild alike."""
    shop = Shop(tmp_path / "data", 51)
    for _ in range(15):
        shop.lock.now_us += 2 * DAY
        shop.ingest(15)
    before = databases(shop.lock)
    days = {int.from_bytes(key[:4], "big") for key, _ in before["dedupe"]}
    assert max(days) - min(days) <= 10
    shop.lock.rebuild(checkpoints=False)
    differs_by_epochs_only(before, databases(shop.lock), 1)
    shop.lock.close()


def test_more_plans_than_can_be_loaded_at_once(tmp_path: Path) -> None:
    """A log names every plan that was ever active; a rebuild needs only one at a time."""
    lock = Lockstep(tmp_path / "data", START)
    lock.commit(lock.settings(TENANT, Settings("shop", b"sixteen bytes ok", True)))
    model, _ = lock.compile(TENANT, [document("trigger", "one", condition="event.late")], [])
    numbers = range(PLANS_LOADED_MAX + 3)
    plans = [replace(model, meta=b'{"features": [], "n": %d}' % number) for number in numbers]
    for start in range(0, len(plans), 100):
        staged = []
        for plan in plans[start : start + 100]:
            # As store_plan does, but for the syncs, of which two thousand would be slow.
            image = build_image(plan)
            (tmp_path / "data" / "plans" / f"{image[8:40].hex()}.plan").write_bytes(image)
            pending = lock.engine.activation(TENANT, image[8:40], lock.now_us)
            staged.append((pending, Request(TENANT, lock.now_us, silent_count=1)))
        lock.commit(*staged)
    before = databases(lock)
    lock.rebuild(checkpoints=False)
    differs_by_epochs_only(before, databases(lock), 1)
    lock.close()
