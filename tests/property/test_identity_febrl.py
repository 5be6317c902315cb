"""Records of the FEBRL data sets, linked by keys that their fields give: groups are those of a
union-find, folded counters are sums computed apart, and unlinking restores every byte.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from kairos.v1 import event_pb2, ingest_service_pb2, profile_service_pb2
from kairos_native.engine import Engine
from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import START, document

TENANT = 2
DEVICE, ANONYMOUS = 5, 7
SHARDS = 500
"""Records in one commit."""
Side = tuple[int, bytes]
DOCUMENTS = [
    document("schema", "main", attributes={"amount": "int"}),
    document("policy", "identity", link=["anonymous", "device"], unique=[]),
    document("feature", "visits", expression='count("visit")'),
    document("feature", "spent", expression='sum("visit", "amount")'),
    document("feature", "week", expression='sum("visit", "amount", "7d")'),
    document("feature", "newest", expression='last("visit").value'),
]


def records_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = csv.reader(file, skipinitialspace=True)
        names = next(rows)
        return [dict(zip(names, map(str.strip, row), strict=True)) for row in rows]


def keys_of(record: dict[str, str]) -> Iterator[Side]:
    """What the record's fields say for sure: the number of the social insurance; name, date of
    birth and postcode together; initials, street and date of birth together.
    """
    if record["soc_sec_id"]:
        yield ANONYMOUS, f"ssn:{record['soc_sec_id']}".encode()
    person = record["surname"], record["date_of_birth"], record["postcode"]
    if all(person):
        yield ANONYMOUS, ("person:" + "|".join(person)).encode()
    place = record["given_name"], record["address_1"], record["date_of_birth"]
    if all(place):
        yield ANONYMOUS, ("place:" + "|".join(place)).encode()


def groups_of(edges: Sequence[tuple[Side, Side]]) -> dict[Side, frozenset[Side]]:
    """A union-find with path halving."""
    parent: dict[Side, Side] = {}

    def root(side: Side) -> Side:
        parent.setdefault(side, side)
        while parent[side] != side:
            parent[side] = parent[parent[side]]
            side = parent[side]
        return side

    for left, right in edges:
        parent[root(left)] = root(right)
    members = defaultdict(set)
    for side in parent:
        members[root(side)].add(side)
    return {side: frozenset(members[root(side)]) for side in parent}


class People:
    """The records as subjects of one tenant, each with one to three visits."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.source = random.Random(7)
        self.records = records_of(path)
        lock = Lockstep(folder, START)
        lock.commit(lock.settings(TENANT, Settings("people", b"sixteen bytes ok", True)))
        model, stored = lock.compile(TENANT, DOCUMENTS, [])
        lock.commit(stored, lock.activation(TENANT, model))
        self.lock, self.engine = lock, lock.engine
        self.visits: dict[Side, list[tuple[int, int]]] = defaultdict(list)
        self.keys = {self.side(record): list(keys_of(record)) for record in self.records}
        self.ids = {
            side: self.engine.subject_id(TENANT, *side)
            for side in {*self.keys, *(key for keys in self.keys.values() for key in keys)}
        }

    @staticmethod
    def side(record: dict[str, str]) -> Side:
        return DEVICE, record["rec_id"].encode()

    def visit(self, *, named: bool) -> None:
        """Every record's visits; `named`: each carries the record's keys, which links them."""
        events = []
        for side, keys in self.keys.items():
            for _ in range(self.source.choice((1, 2, 3))):
                t, amount = START + len(events) * 1_000_000, self.source.randrange(100)
                self.visits[side].append((t, amount))
                event = event_pb2.Event(
                    event_type="visit", subject_id=side[1].decode(), subject_type=DEVICE,
                    occurred_time_us=t,
                )  # fmt: skip
                event.attributes.add(name="amount", int_value=amount)
                event.value_minor, event.currency_code = amount, "EUR"
                for kind, value in keys if named else ():
                    event.identifiers.add(type=kind, value=value.decode())
                events.append(event)
        for start in range(0, len(events), SHARDS):
            request = ingest_service_pb2.IngestBatchRequest(events=events[start : start + SHARDS])
            pending = self.engine.check_batch(TENANT, request.SerializeToString(), START)
            self.engine.commit([pending], START)
            answer = ingest_service_pb2.IngestBatchResponse.FromString(pending.response)
            assert answer.accepted_count == len(request.events)

    def check_groups(self, edges: Sequence[tuple[Side, Side]]) -> dict[Side, frozenset[Side]]:
        """Every identifier's group, as the engine has it, against the union-find."""
        expected = groups_of(edges)
        sides = {subject_id: side for side, subject_id in self.ids.items()}
        for side, subject_id in self.ids.items():
            members, _ = self.engine.group(TENANT, subject_id)
            found = frozenset(sides[member] for member, _ in members)
            group = expected.get(side, frozenset())
            assert found == (group if len(group) > 1 else frozenset())
        return expected

    def check_counters(self, groups: dict[Side, frozenset[Side]], sides: Sequence[Side]) -> None:
        """Profiles against sums over the visits of all records of the group."""
        for side in sides:
            group = groups.get(side, frozenset({side}))
            visits = sorted(visit for member in group for visit in self.visits.get(member, ()))
            profile = profile_of(self.engine, side)
            features = {feature.name: feature for feature in profile.features}
            assert profile.event_count == len(visits)
            assert features["visits"].value.int_value == len(visits)
            assert features["spent"].value.int_value == sum(amount for _, amount in visits)
            assert features["week"].value.int_value == sum(amount for _, amount in visits)
            assert features["newest"].value.int_value == visits[-1][1]
            assert features["newest"].time_us == visits[-1][0]
            assert (profile.first_seen_time_us, profile.last_seen_time_us) == (
                visits[0][0], visits[-1][0],
            )  # fmt: skip


def profile_of(engine: Engine, side: Side) -> profile_service_pb2.Profile:
    answer = engine.profile(TENANT, side[1], None, START, identifier_type=side[0])
    return profile_service_pb2.GetProfileResponse.FromString(answer).profile


@pytest.mark.parametrize("name", ["dataset1", "dataset2"])
def test_links_of_records_make_the_groups_of_a_union_find(
    name: str, shared: Path, tmp_path: Path
) -> None:
    people = People(tmp_path / "data", shared / "data" / "datasets" / "febrl" / f"{name}.csv")
    engine, source = people.engine, people.source
    people.visit(named=False)
    before = dict(engine.dump("subjects"))
    edges = [(side, key) for side, keys in people.keys.items() for key in keys]
    source.shuffle(edges)
    pendings = [engine.link(TENANT, *edge, 4, 1.0, b"", START) for edge in edges]
    for start in range(0, len(pendings), SHARDS):
        engine.commit(pendings[start : start + SHARDS], START)
    outcomes = [engine.link_outcome(pending) for pending in pendings]
    assert {status for status, _ in outcomes} == {0}
    groups = people.check_groups(edges)
    sides = list(people.keys)
    assert sum(len(group & set(sides)) > 1 for group in set(groups.values())) > 100
    people.check_counters(groups, sides)
    links = [(link_id, edge) for (_, link_id), edge in zip(outcomes, edges, strict=True)]
    source.shuffle(links)
    half = len(links) // 2
    for removed, left in ((links[:half], links[half:]), (links[half:], [])):
        pendings = [engine.unlink(TENANT, link_id, START) for link_id, _ in removed]
        for start in range(0, len(pendings), SHARDS):
            engine.commit(pendings[start : start + SHARDS], START)
        groups = people.check_groups([edge for _, edge in left])
        people.check_counters(groups, source.sample(sides, 200))
    assert dict(engine.dump("subjects")) == before
    engine.close()


def test_events_that_carry_keys_link_as_they_come(shared: Path, tmp_path: Path) -> None:
    people = People(tmp_path / "data", shared / "data" / "datasets" / "febrl" / "dataset1.csv")
    people.visit(named=True)
    edges = [(side, key) for side, keys in people.keys.items() for key in keys]
    groups = people.check_groups(edges)
    people.check_counters(groups, list(people.keys))
    before = {name: dict(people.engine.dump(name)) for name in ("subjects", "identities")}
    people.engine.checkpoint()
    for checkpoints in (True, False):
        people.lock.node.sequence = people.engine.figures()["applied_sequence"]
        people.lock.rebuild(checkpoints=checkpoints)
        people.engine = people.lock.engine
        after = {name: dict(people.engine.dump(name)) for name in before}
        assert after == before
    people.engine.close()
