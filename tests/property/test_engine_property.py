"""Random tenants under random calls: the engine answers what the reference answers, always and to
the bit.

KAIROS_ENGINE_TENANTS sets how many tenants are tried, KAIROS_ENGINE_SEED the first seed. A failure
names its seed.
"""

import os
import random
import shutil
from pathlib import Path

import pytest
from kairos.v1 import event_pb2
from kairos_server.catalog import PlanModel
from reference.engine import Settings
from reference.lockstep import Lockstep, Staged
from reference.tenants import DAY, HOUR, MINUTE, START, Documents
from reference.traffic import SUBJECTS, random_decide, random_event

TENANTS = int(os.environ.get("KAIROS_ENGINE_TENANTS", "64"))
SEED = int(os.environ.get("KAIROS_ENGINE_SEED", "0")) or random.SystemRandom().randrange(2**32)
GROUPS = 8


class Shop:
    """One tenant: versions of its documents, and requests that go with them."""

    def __init__(self, number: int, source: random.Random, lock: Lockstep) -> None:
        self.number, self.source, self.lock = number, source, lock
        self.live = source.random() < 0.5
        self.documents = Documents(source)
        self.models: list[PlanModel] = []
        lock.commit(self.settings())
        lock.commit(*self.swap())

    def settings(self) -> Staged:
        source = self.source
        settings = Settings(
            f"shop{self.number}",
            self.number.to_bytes(16, "big"),
            not self.live,
            gap_us=source.choice((30 * MINUTE, 10 * MINUTE, 2 * HOUR)),
            lateness_us=source.choice((DAY, 2 * HOUR, 0)),
        )
        return self.lock.settings(self.number, settings)

    def swap(self) -> list[Staged]:
        """A new version, or a roll-back to one that was active before."""
        if self.models and self.source.random() < 0.4:
            return [self.lock.activation(self.number, self.source.choice(self.models))]
        documents, removed = self.documents.version()
        model, stored = self.lock.compile(self.number, documents, removed)
        self.models.append(model)
        return [stored, self.lock.activation(self.number, model)]

    def events(self, clock_us: int, count: int) -> list[event_pb2.Event]:
        return [
            random_event(self.source, self.documents, clock_us, live=self.live)
            for _ in range(count)
        ]

    def ingest(self, clock_us: int) -> list[Staged | None]:
        if self.source.random() < 0.3:
            return [self.lock.ingest(self.number, event) for event in self.events(clock_us, 2)]
        events = self.events(clock_us, self.source.choice((1, 3, 8, 14)))
        return [self.lock.batch(self.number, events)]

    def reads(self, clock_us: int) -> None:
        source, tenant = self.source, self.lock.node.tenants[self.number]
        for _ in range(3):
            request = random_decide(source, self.documents, tenant.event_time_us)
            self.lock.decide(self.number, request)
        model = tenant.active.model
        live = {rule.number for rule in model.trigger_rules}
        wanted = [
            name
            for number, name in enumerate(model.trigger_names)
            if number in live and source.random() < 0.2
        ]
        self.lock.evaluate(self.number, self.events(clock_us, 1)[0], wanted)
        at_us = source.choice((None, None, tenant.event_time_us + HOUR, tenant.event_time_us - 1))
        self.lock.profile(self.number, source.choice((*SUBJECTS, "stranger")), at_us)


class Run:
    """The life of a node: one or two tenants, events in any order, reads, restarts."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.source = random.Random(seed)
        self.clock_us = START
        self.folder = folder
        self.copies = 0
        self.lock = Lockstep(folder / "data", START)
        numbers = self.source.choice(((5,), (5,), (3, 900)))
        self.shops = [Shop(number, self.source, self.lock) for number in numbers]

    def tick(self) -> None:
        step = self.source.choice(
            (0, 1, 1000, MINUTE, MINUTE, 20 * MINUTE, HOUR, 7 * HOUR, 2 * DAY, 8 * DAY)
        )
        self.clock_us += step
        # Schedules, buckets and days begin and end on whole times, which must be met exactly.
        if self.source.random() < 0.25:
            self.clock_us = -(-self.clock_us // DAY) * DAY
        elif self.source.random() < 0.25:
            self.clock_us = -(-self.clock_us // (20 * MINUTE)) * 20 * MINUTE
        # A clock may be set back: the log raises received times.
        self.lock.now_us = self.clock_us - self.source.choice((0, 0, 0, 0, 1, 2 * MINUTE))

    def group(self) -> None:
        """One group commit. A plan may become active between an event's check and its commit."""
        staged: list[Staged | None] = []
        for _ in range(self.source.choice((1, 1, 2, 3))):
            shop = self.source.choice(self.shops)
            staged += shop.ingest(self.clock_us)
            if self.source.random() < 0.15:
                staged = [*shop.swap(), *staged]
            if self.source.random() < 0.05:
                staged.append(shop.settings())
        if self.source.random() < 0.3:
            staged.append(self.lock.decisions())
        self.lock.commit(*staged)

    def restart(self) -> None:
        choice = self.source.randrange(8)
        if choice == 0:
            self.lock.reopen()
        elif choice == 1:
            self.copies += 1
            self.lock.crash(self.folder / f"copy{self.copies}")
        elif choice == 2:
            self.rebuild(checkpoints=self.source.random() < 0.6)
        elif choice == 3:
            self.lock.engine.checkpoint()

    def rebuild(self, *, checkpoints: bool) -> None:
        """The start comes at the time of the last record: a later one would drop more days."""
        before = self.lock.dumps()
        self.lock.now_us = self.lock.node.received_us
        self.lock.rebuild(checkpoints=checkpoints)
        assert self.lock.dumps() == before

    def life(self) -> None:
        for _ in range(GROUPS):
            self.tick()
            self.group()
            self.source.choice(self.shops).reads(self.clock_us)
            self.restart()
        self.lock.profiles()
        self.rebuild(checkpoints=True)
        self.lock.profiles()
        self.lock.close()
        # The view's file has room reserved on disk, which many tenants together would not find.
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("part", range(4))
def test_engine_answers_as_the_reference(part: int, tmp_path: Path) -> None:
    for number in range(part, TENANTS, 4):
        seed = SEED + number
        try:
            Run(seed, tmp_path / str(number)).life()
        except Exception as error:
            raise AssertionError(f"KAIROS_ENGINE_SEED={seed} KAIROS_ENGINE_TENANTS=1") from error
