"""The demo's client and report against a reference server: numbers, repeats,
lost answers, refusals.
"""

import argparse
import io
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import expectations
import grpc
import pytest
from kairos_server.catalog import Catalog, DocumentInput
from kairos_server.demo.client import Client
from kairos_server.demo.datasets import RETAIL_FILE
from kairos_server.demo.events import event_of
from kairos_server.demo.generator import generated_rows
from kairos_server.demo.inputs import DemoInput, inputs_of
from kairos_server.demo.pack import PACKS, read_pack
from kairos_server.demo.progress import Progress
from kairos_server.demo.report import report_faults, report_text
from kairos_server.demo.run import demo_run, input_run, repeat_faults
from reference_server import KEY, State, reference_server

SUBJECTS = 40


@dataclass
class Stage:
    """A reference server with a client of it and a small input."""

    state: State
    address: str
    client: Client
    source: DemoInput


@pytest.fixture
def stage():
    [full] = inputs_of(None)
    source = replace(full, rows=lambda: generated_rows(SUBJECTS))
    state = State(expectations.GENERATED, source.features)
    with reference_server(state) as address, grpc.insecure_channel(address) as channel:
        yield Stage(state, address, Client(channel, KEY), source)


def expected_small():
    rows = json.loads(json.dumps(list(generated_rows(SUBJECTS))))
    return expectations.compute(expectations.GENERATED, rows)[0]


def test_report_holds_what_the_server_said(stage):
    report, rows, _ = input_run(stage.client, stage.source)
    expected = expected_small()
    assert report_faults(report, expected) == []
    assert expected["duplicates"] > 0
    assert expected["refused"]
    assert report["sent"] == len(rows) == sum(stage.state.batch_sizes)
    assert max(stage.state.batch_sizes) <= 1000
    assert len(stage.state.documents) == len(read_pack("demo"))
    text = report_text(report)
    assert f"{report['accepted']:,}" in text
    for subject in expected["ten"]:
        assert f"    {subject['subject']}: " in text


def test_a_fault_names_the_number(stage):
    report, _, _ = input_run(stage.client, stage.source)
    expected = {**expected_small(), "sessions": 1}
    [fault] = report_faults(report, expected)
    assert fault.startswith("generated: sessions is ")
    assert fault.endswith("expected 1")


def test_sending_twice_changes_nothing(stage):
    report, rows, outcomes = input_run(stage.client, stage.source)
    assert repeat_faults(stage.client, stage.source, report, rows, outcomes) == []


def test_sending_twice_finds_forgotten_triggers(stage):
    report, rows, outcomes = input_run(stage.client, stage.source)
    stage.state.forget_triggers = True
    faults = repeat_faults(stage.client, stage.source, report, rows, outcomes)
    assert len(faults) == sum(bool(outcome.trigger_ids) for outcome in outcomes)


def test_a_lost_answer_is_asked_again_and_nothing_counts_twice(stage, monkeypatch):
    monkeypatch.setattr("kairos_server.demo.client.TRY_WAIT_S", 0.0)
    stage.state.refuse_calls = 2
    plan = stage.client.apply_pack("demo", "test")
    assert plan.active
    stage.state.lose_answers = 1
    rows = list(generated_rows(SUBJECTS))[:300]
    outcomes = list(stage.client.send(map(event_of, rows), lambda count: None))
    expected = expectations.compute(expectations.GENERATED, rows)[0]
    assert len(outcomes) == len(rows)
    assert len(stage.state.seen) == expected["accepted"]
    assert (
        sum(outcome.duplicate for outcome in outcomes)
        == expected["accepted"] + expected["duplicates"]
    )


def test_a_server_that_stays_away_is_an_error(stage, monkeypatch):
    monkeypatch.setattr("kairos_server.demo.client.TRY_WAIT_S", 0.0)
    stage.state.refuse_calls = 100
    with pytest.raises(grpc.RpcError) as caught:
        stage.client.apply_pack("demo", "test")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert stage.state.refuse_calls == 94


def test_a_wrong_key_is_not_tried_again(stage):
    stage.client.key = "another"
    with pytest.raises(grpc.RpcError) as caught:
        stage.client.apply_pack("demo", "test")
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_run_prints_reports_and_faults(stage, tmp_path, capsys):
    (tmp_path / "generated.json").write_text(json.dumps({**expected_small(), "late": -1}))
    server = argparse.Namespace(address=stage.address, keys={"generated": KEY})
    options = argparse.Namespace(twice=True, verify=tmp_path, json=True)
    faults = demo_run(server, [stage.source], options)
    assert [fault.split(" is ")[0] for fault in faults] == ["generated: late"]
    [report] = json.loads(capsys.readouterr().out)
    assert report["accepted"] == expected_small()["accepted"]
    assert report["latencies_ms"]["IngestBatch"]["count"] >= 2


def test_generator_is_the_same_everywhere():
    rows = list(generated_rows())
    committed = json.loads((Path(__file__).parent / "expected" / "generated.json").read_text())
    assert len(rows) == committed["sent"]
    assert committed["triggers"]["high_intent_exit_prevention"] > 0
    assert list(generated_rows(SUBJECTS)) == list(generated_rows(SUBJECTS))
    faults = {expectations.refusal(row) for row in rows} - {""}
    assert faults == set(committed["refused"])


def test_every_pack_has_one_schema_and_distinct_names():
    for name in PACKS:
        documents = read_pack(name)
        assert [document.kind for document in documents].count("schema") == 1
        names = [(document.kind, document.document_id) for document in documents]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", PACKS)
def test_every_pack_compiles_without_a_warning(name, tmp_path):
    documents = [
        DocumentInput(body=document.body, kind=document.kind, document_id=document.document_id)
        for document in read_pack(name)
    ]
    applied = Catalog.from_documents(1, {}).apply(documents, [], "test", "", 1)
    assert list(applied.warnings) == []
    kept = {slot.text for slot in applied.model.slots}
    for file in (RETAIL_FILE, "serenade/train.txt", "serenade/valid.txt"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    for source in [*inputs_of(None), *inputs_of(tmp_path)]:
        if source.pack == name:
            assert kept >= {*source.features, *source.totals.values()}


def test_a_folder_without_the_data_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "serenade/train.txt"))):
        inputs_of(tmp_path)


def test_the_matrix_has_twelve_cells():
    contents = {
        document.document_id for document in read_pack("demo") if document.kind == "content"
    }
    cells = {
        content for content in contents if content.endswith(("_mobile", "_desktop", "_tablet"))
    }
    assert len(cells) == 12


@pytest.mark.parametrize(("terminal", "mark"), [(True, "\r"), (False, "\n")])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(terminal, mark):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    stream = Stream()
    progress = Progress("sending", 1000, stream)
    for _ in range(100):
        progress.add(10)
    assert "1,000/1,000 100 %" in stream.getvalue()
    assert stream.getvalue().endswith("\n")
    if terminal:
        assert "[" + "#" * 30 + "]" in stream.getvalue()
    else:
        assert stream.getvalue().count(mark) == 10
