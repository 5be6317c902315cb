"""Random links, removals and events: groups, folded profiles and fired triggers are those of the
reference, to the bit, and every way back from disk gives the same view.

KAIROS_IDENTITY_RUNS sets how many lives are tried, KAIROS_IDENTITY_SEED the first seed. A failure
names its seed.
"""

import os
import random
import shutil
from pathlib import Path

import pytest
from kairos.v1 import event_pb2
from kairos_native import checkpoints
from reference.engine import Settings
from reference.identities import ACCOUNT, Key, hash_of, key_of, type_of
from reference.lockstep import Lockstep, Staged
from reference.tenants import HOUR, MINUTE, START, Documents
from reference.traffic import SUBJECTS, random_decide, random_event

RUNS = int(os.environ.get("KAIROS_IDENTITY_RUNS", "16"))
SEED = int(os.environ.get("KAIROS_IDENTITY_SEED", "0")) or random.SystemRandom().randrange(2**32)
TENANT = 6
GROUPS = 14
OTHERS: tuple[tuple[int, bytes], ...] = (
    (2, b"acme"), (3, b"a@b.example"), (5, b"phone"), (6, b"s1"), (6, b"s2"), (7, b"v1"),
    (7, b"v2"), (7, b"v3"),
)  # fmt: skip


class Life:
    """One tenant whose visitors log in, whose operators link and unlink, whose node restarts."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.source = random.Random(seed)
        self.folder = folder
        self.copies = 0
        self.lock = Lockstep(folder / "data", START)
        self.documents = Documents(self.source)
        settings = Settings("shop", b"sixteen bytes ok", self.source.random() < 0.5)
        self.event_time = settings.event_time
        self.lock.commit(self.lock.settings(TENANT, settings))
        self.lock.commit(*self.swap())

    def swap(self) -> list[Staged]:
        documents, removed = self.documents.version()
        model, stored = self.lock.compile(TENANT, documents, removed)
        return [stored, self.lock.activation(TENANT, model)]

    def key(self) -> Key:
        users = [subject.encode() for subject in SUBJECTS]
        return self.source.choice([*users, *[key for key in OTHERS if key[0] != ACCOUNT]])

    def event(self) -> event_pb2.Event:
        source = self.source
        event = random_event(source, self.documents, self.lock.now_us, live=not self.event_time)
        if source.random() < 0.4:
            kind, value = source.choice(OTHERS)
            event.subject_type, event.subject_id = kind, value.decode()
        for kind, value in source.sample(OTHERS, source.choice((0, 0, 1, 2))):
            event.identifiers.add(type=kind, value=value.decode())
        if source.random() < 0.1:
            event.identifiers.add(type=1, value=source.choice(SUBJECTS))
        return event

    def relate(self) -> Staged:
        links = list(self.lock.node.tenants[TENANT].identities.links)
        if links and self.source.random() < 0.5:
            return self.lock.unlink(TENANT, self.source.choice([*links, 5]))
        return self.lock.link(TENANT, self.key(), self.key())

    def group(self) -> list[Staged]:
        """What one commit takes: links and events in any order."""
        staged: list[Staged] = []
        for _ in range(self.source.choice((1, 2, 3))):
            if self.source.random() < 0.5:
                staged.append(self.relate())
            else:
                events = [self.event() for _ in range(self.source.choice((1, 4, 9)))]
                staged.append(self.lock.batch(TENANT, events))
        if self.source.random() < 0.1:
            staged = [*self.swap(), *staged]
        return staged

    def commit(self) -> None:
        self.lock.now_us += self.source.choice((1, MINUTE, 20 * MINUTE, HOUR))
        self.lock.commit(*self.group())

    def compare(self) -> None:
        self.groups()
        self.lock.profiles()
        tenant = self.lock.node.tenants[TENANT]
        for _ in range(2):
            self.lock.decide(
                TENANT, random_decide(self.source, self.documents, tenant.event_time_us)
            )
            self.lock.evaluate(TENANT, self.event(), [])
        self.lock.commit(self.lock.decisions())

    def groups(self) -> None:
        """Members and links of every identifier."""
        identities = self.lock.node.tenants[TENANT].identities
        engine = self.lock.engine
        for key in [*[subject.encode() for subject in SUBJECTS], *OTHERS]:
            group = identities.group(key)
            expected = [(hash_of(identities.hash_key, member), type_of(member)) for member in group]
            own = engine.subject_id(TENANT, type_of(key), key[1] if isinstance(key, tuple) else key)
            members, links = engine.group(TENANT, own)
            assert members == (expected if len(group) > 1 else [])
            assert [row[0] for row in links] == sorted(identities.within(group))
            for link_id, left, right, *_ in links:
                assert {key_of(*left), key_of(*right)} == set(identities.links[link_id])

    def restart(self) -> None:
        choice = self.source.randrange(5)
        before = self.lock.dumps()
        self.lock.now_us = max(self.lock.now_us, self.lock.node.received_us)
        if choice == 0:
            self.lock.reopen()
        elif choice == 1:
            self.copies += 1
            self.lock.crash(self.folder / f"copy{self.copies}")
        else:
            self.lock.rebuild(checkpoints=choice != 2)
        assert self.lock.dumps() == before

    def checkpoint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The writer goes on between any two parts of the checkpoint."""
        write = checkpoints.write

        def slow(folder, position, chunks, *rest):
            def between():
                for chunk in chunks:
                    yield chunk
                    if self.source.random() < 0.8:
                        self.commit()

            return write(folder, position, between(), *rest)

        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "write", slow)
            self.lock.engine.checkpoint()

    def run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(GROUPS):
            self.commit()
            self.compare()
            if self.source.random() < 0.35:
                self.checkpoint(monkeypatch)
                if self.source.random() < 0.5:
                    self.commit()
            if self.source.random() < 0.3 or number == GROUPS - 1:
                self.restart()
                self.compare()
        self.lock.close()
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("part", range(2))
def test_groups_are_those_of_the_reference(part: int, tmp_path: Path, monkeypatch) -> None:
    for number in range(part, RUNS, 2):
        try:
            Life(SEED + number, tmp_path / str(number)).run(monkeypatch)
        except Exception as error:
            raise AssertionError(
                f"KAIROS_IDENTITY_SEED={SEED + number} KAIROS_IDENTITY_RUNS=1"
            ) from error
