"""A real server process against the independent expectations: once, twice,
after every kind of end, after a rebuild.

By default the generator's events and the first lines of both data sets;
KAIROS_DEMO_FULL=1 runs them whole.
"""

import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path

import expectations
import grpc
import pytest
from kairos_native.engine import Engine
from kairos_server.demo.client import Client
from kairos_server.demo.events import event_of
from kairos_server.demo.generator import generated_rows
from kairos_server.demo.inputs import inputs_of
from kairos_server.demo.report import Tally, report_faults, report_gather
from kairos_server.demo.run import input_run, repeat_faults
from kairos_server.demo.server_process import server_prepare

EXPECTED = Path(__file__).parent / "expected"
FULL = os.environ.get("KAIROS_DEMO_FULL", "") == "1"
SUBJECTS = 60
SLICE_ROWS = 3000
STATE = ("subjects", "sessions", "totals", "subjects_sha256", "ten")
# Later than anything in the log: received time never goes back.
NOW_US = 4_000_000_000_000_000
DATABASES = (
    "meta", "subjects", "identities", "documents", "plans", "timers", "outbox", "dead", "producers",
    "history", "counters", "dedupe",
)  # fmt: skip


def small_input():
    [source] = inputs_of(None)
    return replace(source, rows=lambda: generated_rows(SUBJECTS))


def small_expected():
    rows = json.loads(json.dumps(list(generated_rows(SUBJECTS))))
    return expectations.compute(expectations.GENERATED, rows)[0]


@contextmanager
def running(folder, *sources):
    """A server that is ended, however the test ends."""
    server = server_prepare(folder, {source.name: source.tenant_number for source in sources})
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def client_of(server, source):
    with grpc.insecure_channel(server.address) as channel:
        yield Client(channel, server.keys[source.name])


def state_of(server, source, subject_ids):
    """Everything that can be read back of an input's subjects."""
    with client_of(server, source) as client:
        report = report_gather(client, source, Tally(), client.profiles(sorted(subject_ids)))
    return {name: report[name] for name in STATE}


def subjects_of(rows, outcomes):
    return {
        row["subject_id"] for row, outcome in zip(rows, outcomes, strict=True) if not outcome.reason
    }


def dump_of(folder, *, view):
    """Every database of a copy of a stopped server's data, as sorted pairs; with its view, or
    rebuilt from the log.

    A copy, because opening an engine is an entry of its log:
    two dumps are equal only from the same log.
    """
    copy = folder / f"copy-{view}"
    # The view is a sparse file of the map's size, far larger than what it holds;
    # only cp keeps the holes.
    subprocess.run(
        ["cp", "-a", "--sparse=always", folder / "data" / "partition-0", copy], check=True
    )
    if not view:
        shutil.rmtree(copy / "view")
        shutil.rmtree(copy / "checkpoints")
    engine = Engine.open(str(copy), now_us=NOW_US)
    try:
        return {name: list(engine.dump(name)) for name in DATABASES}
    finally:
        engine.close()


def test_generated_events_agree_with_the_committed_numbers(tmp_path):
    [source] = inputs_of(None)
    with running(tmp_path, source) as server, client_of(server, source) as client:
        report, rows, outcomes = input_run(client, source)
        assert report_faults(report, json.loads((EXPECTED / "generated.json").read_text())) == []
        assert report["triggers"]["high_intent_exit_prevention"] > 0
        assert {person["subject"] for person in report["people"]} == {
            ten["subject"] for ten in report["ten"]
        }
        assert repeat_faults(client, source, report, rows, outcomes) == []


def test_state_survives_every_end_and_a_rebuild(tmp_path):
    source, expected = small_input(), small_expected()
    with running(tmp_path, source) as server:
        with client_of(server, source) as client:
            _, rows, outcomes = input_run(client, source)
        subject_ids = subjects_of(rows, outcomes)
        whole = {name: expected[name] for name in STATE}
        assert state_of(server, source, subject_ids) == whole
        server.stop()
        server.start()
        assert state_of(server, source, subject_ids) == whole
        server.kill()
        server.start()
        assert state_of(server, source, subject_ids) == whole
        server.stop()
        kept, rebuilt = dump_of(tmp_path, view=True), dump_of(tmp_path, view=False)
        assert {name: len(pairs) for name, pairs in kept.items()}["subjects"] >= len(subject_ids)
        for name in DATABASES:
            assert rebuilt[name] == kept[name], name
        shutil.rmtree(tmp_path / "data" / "partition-0" / "view")
        server.start()
        assert state_of(server, source, subject_ids) == whole


def test_a_server_killed_while_it_ingests_loses_nothing_acknowledged(tmp_path, monkeypatch):
    monkeypatch.setattr("kairos_server.demo.client.TRY_WAIT_S", 0.0)
    source, expected = small_input(), small_expected()
    rows = list(source.rows())
    with running(tmp_path, source) as server:
        with client_of(server, source) as client:
            client.apply_pack(source.pack, "test")
        with client_of(server, source) as client:
            acknowledged = killed_while_sending(server, client, rows)
        server.start()
        with client_of(server, source) as client:
            outcomes = list(client.send(map(event_of, rows), lambda count: None))
        known = acknowledged[: len(rows)]
        for first, again in zip(known, outcomes, strict=False):
            assert again.reason == first.reason
            assert again.trigger_ids == first.trigger_ids
            assert again.duplicate or first.reason
        assert state_of(server, source, subjects_of(rows, outcomes)) == {
            name: expected[name] for name in STATE
        }


def killed_while_sending(server, client, rows):
    """Sends until the kill; returns what was acknowledged.

    The batch under way may have been taken or not.
    """
    killer = threading.Thread(target=server.kill)
    acknowledged = []
    try:
        # The rows again and again: however slow the kill, there is something under way.
        for outcome in client.send(map(event_of, cycle(rows)), lambda count: None):
            acknowledged.append(outcome)
            if len(acknowledged) == 1000:
                killer.start()
    except grpc.RpcError:
        killer.join()
    return acknowledged


@pytest.fixture(scope="module")
def datasets(shared):
    return shared / "data" / "datasets"


@pytest.mark.parametrize("name", ["serenade", "retail"])
def test_data_sets_agree_with_the_expectations(tmp_path, datasets, name):
    [source] = [source for source in inputs_of(datasets) if source.name == name]
    case = {"serenade": expectations.SERENADE, "retail": expectations.RETAIL}[name]
    read = {"serenade": expectations.serenade_rows, "retail": expectations.retail_rows}[name]
    rows = expectations.consented(read(datasets))
    if not FULL:
        whole = source.rows
        source = replace(source, rows=lambda: sliced(whole()))
        rows = sliced(rows)
    expected, lines = expectations.compute(case, rows)
    with running(tmp_path, source) as server:
        with client_of(server, source) as client:
            report, sent, outcomes = input_run(client, source)
            assert report_faults(report, expected) == []
            assert_lines_equal(client, source, lines)
            assert repeat_faults(client, source, report, sent, outcomes) == []
        server.kill()
        server.start()
        assert state_of(server, source, lines) == {name: expected[name] for name in STATE}


def sliced(rows):
    """All consents of the first lines' subjects, and the first lines."""
    rows = iter(rows)
    consents = []
    for row in rows:
        if row["event_type"] != "consent":
            break
        consents.append(row)
    lines = [row, *islice(rows, SLICE_ROWS - 1)]
    subject_ids = {line["subject_id"] for line in lines}
    return chain([consent for consent in consents if consent["subject_id"] in subject_ids], lines)


def assert_lines_equal(client, source, lines):
    """Customer by customer, so that a difference has a name."""
    for profile in client.profiles(sorted(lines)):
        values = {feature.name: feature.value.int_value for feature in profile.features}
        counts = [profile.event_count, profile.session_count, profile.late_count]
        assert counts + [values[name] for name in source.features] == lines[profile.subject_id], (
            profile.subject_id
        )
