"""Random triggers with timing under random events, ticks, plans and restarts: every effect stands
in the outbox as the reference says, once, under its own id; the index of timers is that of the
reference after every commit; and every way back gives the same view.

KAIROS_TIMER_RUNS sets how many lives are tried, KAIROS_TIMER_SEED the first seed. A failure names
its seed.
"""

import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native import checkpoints
from kairos_native.engine import Engine, Pending
from kairos_server.catalog import Catalog, build_image
from reference.identities import key_of
from reference.lockstep import copy_folder
from reference.tenants import DAY, HOUR, MINUTE, START, document
from reference.timers import Action, Effect, Event, Plan, Tenant, Trigger

RUNS = int(os.environ.get("KAIROS_TIMER_RUNS", "24"))
SEED = int(os.environ.get("KAIROS_TIMER_SEED", "0")) or random.SystemRandom().randrange(2**32)
NUMBER, KEY, GAP = 6, b"sixteen bytes ok", 30 * MINUTE
SECOND = 1_000_000
TYPES = ("view", "cart", "buy")
SUBJECTS = ((1, "s0"), (1, "s1"), (6, "s2"), (7, "s3"), (7, "s4"))
"""Identifiers: two users, whom nothing links with each other, and what may be linked with one."""
DATABASES = ("identities", "subjects", "timers", "outbox", "dead", "documents", "plans", "dedupe")
DELAYS = (3 * SECOND, 2 * MINUTE, 20 * MINUTE, 2 * HOUR, DAY)
HEADER = struct.Struct("<16s16sqqQQIIIIHHHBBBBBBI")
STORED = 16
STEP = tuple[Pending, Callable[[int, int], None], int]
"""A record on its way, what it means to the reference, and the wall clock when it came."""


def random_trigger(source: random.Random, name: str) -> Trigger:
    kind = source.choice(("after", "after", "inactivity", "next_session", ""))
    own = kind in ("after", "") and source.random() < 0.4
    actions = tuple(
        Action(source.choice(DELAYS) if own and source.random() < 0.6 else 0)
        for _ in range(source.choice((1, 1, 2)))
    )
    if not kind:
        actions = tuple(
            Action(a.delay_us, outbox=bool(a.delay_us) or source.random() < 0.5) for a in actions
        )
    later = bool(kind) or any(a.delay_us for a in actions)
    steps: tuple[tuple[int, int], ...] = ((0, 0),) if kind == "next_session" else ()
    if kind in ("after", "inactivity"):
        delays = source.sample(DELAYS, source.choice((1, 1, 2, 3)))
        steps = tuple((delay, source.choice((0, 0, 7 * SECOND))) for delay in delays)
    repeats = {"after": ("restart", "keep", "each"), "": ("each", "restart", "keep")}
    return Trigger(
        name=name,
        types=tuple(source.sample(TYPES, source.choice((1, 1, 2, 3)))),
        priority=source.choice((0, 0, 5)),
        active=source.random() < 0.9,
        kind=kind,
        steps=steps,
        repeat=source.choice(repeats.get(kind, ("restart", "keep"))),
        unless=source.choice(("", "", *TYPES)) if later else "",
        still_below=source.choice((None, None, 5, 12)) if later else None,
        still_consent=later and source.random() < 0.2,
        actions=actions,
    )


class Run:
    """One tenant of one engine, beside its reference."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.source = random.Random(seed)
        self.folder, self.home = folder / "data", folder
        self.now_us = START
        self.live = self.source.random() < 0.5
        # A third of all lives know no links; in the others they come and go.
        self.links = self.source.choice((0.0, 0.1, 0.2))
        self.reference = Tenant(KEY, live=self.live, gap_us=GAP)
        self.catalog = Catalog.from_documents(NUMBER, {})
        self.plans: list[tuple[bytes, Plan]] = []
        self.sequence = self.received_us = self.copies = 0
        self.names: set[str] = set()
        self.engine = self.opened()
        settings = self.engine.tenant_settings(
            NUMBER, "shop", KEY, int(not self.live), self.now_us, session_gap_us=GAP
        )
        self.commit([(settings, lambda *_: None, self.now_us)])
        self.commit(list(self.version()))

    def opened(self) -> Engine:
        engine = Engine.open(
            str(self.folder), now_us=self.now_us, map_size=1 << 28, segment_size=1 << 16
        )
        self.sequence += 1
        self.received_us = max(self.received_us, self.now_us)
        return engine

    # ---- records

    def version(self) -> Iterator[STEP]:
        """A new version of the triggers, or one that was active before."""
        source = self.source
        if self.plans and source.random() < 0.3:
            yield self.activation(*source.choice(self.plans))
            return
        names = source.sample("abcdef", source.choice((2, 3, 4)))
        gone = {name for name in sorted(self.names) if source.random() < 0.3}
        triggers = {
            name: trigger
            for name, trigger in (self.plans[-1][1].triggers if self.plans else {}).items()
            if name not in gone
        }
        triggers.update({name: random_trigger(source, name) for name in names})
        self.names = set(triggers)
        documents = [document("schema", "main", purposes=["marketing"])]
        documents += [document("trigger", t.name, **t.document()) for t in triggers.values()]
        removed = [
            name for name in self.catalog.documents
            if name.startswith("trigger/") and name.removeprefix("trigger/") not in triggers
        ]  # fmt: skip
        applied = self.catalog.apply(documents, removed, "a", "n", self.now_us)
        self.catalog = applied.catalog
        stored = self.engine.documents(NUMBER, applied.entries, self.now_us)
        yield stored, lambda *_: None, self.now_us
        registry = applied.catalog.registry
        plan = Plan(
            triggers,
            {name: i for i, name in enumerate(registry.triggers)},
            {name: i for i, name in enumerate(registry.timers)},
        )
        plan_id = self.engine.store_plan(build_image(applied.model))
        self.plans.append((plan_id, plan))
        yield self.activation(plan_id, plan)

    def activation(self, plan_id: bytes, plan: Plan) -> STEP:
        def activate(sequence: int, received_us: int) -> None:
            self.reference.plan = plan

        return self.engine.activation(NUMBER, plan_id, self.now_us), activate, self.now_us

    def event(self, kind: str = "") -> STEP:
        source = self.source
        occurred = self.now_us + source.choice((0, 0, 0, -MINUTE, -3 * HOUR, -2 * DAY, 4 * MINUTE))
        subject_type, subject = source.choice(SUBJECTS)
        named = source.sample(SUBJECTS, source.choice((1, 2)) if source.random() < 0.15 else 0)
        event = Event(
            kind or source.choice(TYPES),
            subject,
            occurred,
            source.choice((b"", b"", b"x", b"y")),
            source.choice((None, None, None, True, False)),
            subject_type,
            tuple((type_, name.encode()) for type_, name in named),
        )
        message = event_pb2.Event(
            event_type=event.type, subject_id=subject, subject_type=subject_type,
            occurred_time_us=occurred, session_id=event.session.decode(),
        )  # fmt: skip
        for type_, name in named:
            message.identifiers.add(type=type_, value=name)
        if event.consent is not None:
            message.consents.add(purpose="marketing", status=1 if event.consent else 2)
        request = ingest_service_pb2.IngestRequest(event=message).SerializeToString()
        pending = self.engine.check_ingest(NUMBER, request, self.now_us)
        return pending, lambda *where: self.reference.event(event, *where), self.now_us

    def relate(self) -> STEP:
        """A link that may be refused, or the removal of one that may be gone."""
        source, identities = self.source, self.reference.identities
        if identities.links and source.random() < 0.5:
            link_id = source.choice([*identities.links, 5])
            pending = self.engine.unlink(NUMBER, link_id, self.now_us)
            return pending, lambda *_: identities.unlink(link_id), self.now_us
        left, right = [(type_, name.encode()) for type_, name in source.choices(SUBJECTS, k=2)]

        def link(sequence: int, received_us: int) -> None:
            identities.link(key_of(*left), key_of(*right), 16 * sequence, automatic=False)

        pending = self.engine.link(NUMBER, left, right, 4, 0.5, b"", self.now_us)
        return pending, link, self.now_us

    def tick(self) -> STEP | None:
        count = self.source.choice((1, 3, 1000))
        named = self.reference.due(self.now_us, count)
        pending = self.engine.tick(NUMBER, self.now_us, count)
        assert (pending is None) == (not named)
        if pending is None:
            return None
        return pending, lambda *where: self.reference.tick(named, *where), self.now_us

    def commit(self, steps: list[STEP]) -> None:
        self.engine.commit([pending for pending, _, _ in steps], self.now_us)
        for _, apply, received_us in steps:
            self.sequence += 1
            self.received_us = max(self.received_us, received_us)
            apply(self.sequence, self.received_us)

    # ---- what must hold

    def compare(self) -> None:
        assert index_of(self.engine) == self.reference.index()
        first = self.reference.index()[:1]
        assert self.engine.next_due(NUMBER) == (first[0][0] if first else None)
        assert effects_of(self.engine) == self.reference.effects

    def dumps(self) -> dict[str, list[tuple[bytes, bytes]]]:
        return {name: list(self.engine.dump(name)) for name in DATABASES}

    def group(self) -> None:
        self.now_us += self.source.choice(
            (0, SECOND, 7 * SECOND, 3 * MINUTE, 25 * MINUTE, 3 * HOUR, DAY)
        )
        steps: list[STEP] = []
        kept = self.now_us
        for _ in range(self.source.choice((1, 2, 6))):
            # A wall clock that jumps: received times never go back along the log.
            self.now_us = kept + self.source.choice((0, 0, 0, -HOUR, -3 * DAY, MINUTE))
            kind = self.source.random()
            if kind < 0.25 and (tick := self.tick()) is not None:
                steps.append(tick)
            elif kind < 0.3:
                steps += self.version()
            elif kind < 0.3 + self.links:
                steps.append(self.relate())
            else:
                steps.append(self.event())
        self.commit(steps)
        self.now_us = kept

    def restart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        choice = self.source.randrange(10)
        before = self.dumps()
        if choice == 0:
            self.engine.close()
        elif choice == 1:
            self.copies += 1
            target = self.home / f"copy{self.copies}"
            copy_folder(self.folder, target, self.engine.figures()["view_bytes"])
            self.engine.close()
            shutil.rmtree(self.folder)
            self.folder = target
        elif choice in (2, 3):
            self.engine.close()
            shutil.rmtree(self.folder / "view")
            if choice == 3:
                shutil.rmtree(self.folder / "checkpoints")
        elif choice == 4:
            self.checkpoint(monkeypatch)
            return
        else:
            return
        self.now_us = max(self.now_us, self.received_us)
        self.engine = self.opened()
        assert self.dumps() == before

    def checkpoint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between whose parts the writer goes on, so that each is of another moment."""
        write = checkpoints.write

        def slow(folder, position, chunks, *rest):
            def between():
                for chunk in chunks:
                    yield chunk
                    self.group()

            return write(folder, position, between(), *rest)

        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "write", slow)
            self.engine.checkpoint()

    def life(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(14):
            self.group()
            self.compare()
            self.restart(monkeypatch)
            self.compare()
        self.drain()
        self.engine.close()
        shutil.rmtree(self.home)

    def drain(self) -> None:
        """Time goes on, without events that arm, until nothing is pending that has a due time."""
        while self.engine.next_due(NUMBER) is not None:
            if (tick := self.tick()) is not None:
                self.commit([tick])
                continue
            self.now_us += DAY
            self.commit([self.event("nothing")])
        self.compare()
        figures = self.engine.figures()
        assert figures["timers_pending"] == 0


def index_of(engine: Engine) -> list[tuple[int, bytes, int, int]]:
    found = []
    for key, value in engine.dump("timers"):
        assert len(value) == STORED
        due = int.from_bytes(key[6:14], "big") - (1 << 63)
        found.append(
            (due, key[14:30], int.from_bytes(key[30:32], "big"), int.from_bytes(key[32:], "big"))
        )
    return found


def effects_of(engine: Engine) -> list[Effect]:
    found = []
    for key, value in engine.dump("outbox"):
        (
            subject, _, created, due, sequence, origin, ordinal, trigger, attempts, action_size,
            identifier_size, reason_size, action, step, _, _, source, state, _, _,
        ) = HEADER.unpack_from(value, STORED)  # fmt: skip
        identifier = value[STORED + HEADER.size :][:identifier_size].decode()
        assert (due, attempts, reason_size, state) == (created, 0, 0, 1)
        assert key[6:] == sequence.to_bytes(8, "big") + ordinal.to_bytes(4, "big")
        assert len(value) == STORED + HEADER.size + identifier_size + action_size
        found.append(
            Effect(
                sequence, ordinal, subject, identifier, trigger, action, step, origin, created,
                source,
            )
        )  # fmt: skip
    return found


@pytest.mark.parametrize("part", range(4))
def test_timers_are_those_of_the_reference(part: int, tmp_path: Path, monkeypatch) -> None:
    for number in range(part, RUNS, 4):
        seed = SEED + number
        try:
            Run(seed, tmp_path / str(number)).life(monkeypatch)
        except Exception as error:
            raise AssertionError(f"KAIROS_TIMER_SEED={seed} KAIROS_TIMER_RUNS=1") from error
