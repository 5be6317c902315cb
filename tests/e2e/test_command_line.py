"""The commands as people and scripts use them, against a real server and real data folders."""

import json
import os
import signal
import subprocess
import sys

import pytest
from e2e.command_program import lines, program
from e2e.server_process import DEADLINE_S, environment, server
from kairos.v1 import effect_service_pb2, event_pb2
from kairos.v1.effect_service_pb2_grpc import EffectServiceStub
from kairos_server.cli import main
from kairos_server.commands.parser import parser_of
from kairos_server.exits import Exit


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with server(tmp_path_factory.mktemp("cli") / "data") as found:
        yield found


@pytest.fixture
def kairos(running, monkeypatch, tmp_path, capsys):
    """Runs a command in this process: exit code, standard output, standard error."""
    for name in [name for name in os.environ if name.startswith("KAIROS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAIROS_GRPC", running.address)
    monkeypatch.setenv("KAIROS_HTTP", running.http)
    monkeypatch.setenv("KAIROS_DATA", str(running.log.with_suffix("")))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


# ------------------------------------------------------------------ all commands


def leaves(parser, path=()):
    for action in parser._actions:
        if type(action).__name__ == "_SubParsersAction":
            for name, child in action.choices.items():
                yield from leaves(child, (*path, name))
            return
    yield path, parser


def test_every_command_has_help_with_examples_that_it_understands():
    found = list(leaves(parser_of(complete=True)))
    assert len(found) > 20
    for path, parser in found:
        text = parser.format_help()
        examples = text.partition("examples:\n")[2].splitlines()
        assert examples, path
        assert all(line.strip().startswith("kairos ") or "|" in line for line in examples), path
        assert all(action.help for action in parser._actions if action.option_strings), path


def test_wrong_command_lines_are_one_line(kairos):
    wrong_lines = (
        (), ("nonsense",), ("plan",), ("decide", "a"), ("plan", "list", "--limit", "0"),
        ("evaluate", "x", "--attribute", "novalue"), ("profile", "a", "--at", "soon"),
        ("decide", "a", "b", "--grpc", "nowhere"), ("profile", "a", "--jso"),
    )  # fmt: skip
    for wrong in wrong_lines:
        code, out, err = kairos(*wrong)
        assert (code, out) == (Exit.USAGE, ""), wrong
        assert err.count("\n") == 1, wrong
        assert err.startswith("kairos: "), wrong


def test_exit_codes_are_those_of_the_guides(root):
    guide = (root / "docs/guides/command-line.md").read_text()
    operations = (root / "docs/guides/operations.md").read_text()
    for code in Exit:
        assert f"| {int(code)} |" in guide + operations, code
    assert len({int(code) for code in Exit}) == len(Exit)


def test_keys_and_addresses_that_are_wrong(kairos, tmp_path, monkeypatch):
    code, _, err = kairos("profile", "ada", "--key", "wrong")
    assert (code, "CREDENTIAL_INVALID" in err) == (Exit.PERMISSION, True)
    code, _, err = kairos("profile", "ada", "--key-file", str(tmp_path / "none"))
    assert code == Exit.NO_INPUT
    monkeypatch.setenv("KAIROS_DATA", str(tmp_path))
    code, _, err = kairos("profile", "ada")
    assert (code, "--key" in err) == (Exit.PERMISSION, True)
    code, _, err = kairos("profile", "ada", "--grpc", "127.0.0.1:1", "--key", "x")
    assert (code, "kairos serve" in err) == (Exit.UNAVAILABLE, True)
    code, _, err = kairos("profile", "ada", "--key", "x", "--tls", str(tmp_path / "none"))
    assert code == Exit.NO_INPUT


def test_the_local_key_stays_on_this_machine(kairos):
    # The address is not asked: the key of the data folder is for loopback only.
    code, _, err = kairos("profile", "ada", "--grpc", "192.0.2.1:50051")
    assert (code, "no API key" in err) == (Exit.PERMISSION, True)


def test_quiet_and_json(kairos, tmp_path):
    (tmp_path / "e.jsonl").write_text('{"type":"page_view","userId":"quiet"}\n')
    assert kairos("import", "e.jsonl", "--quiet") == (0, "", "")
    assert kairos("profile", "quiet", "--quiet") == (0, "", "")
    code, out, _ = kairos("profile", "quiet", "--json")
    profile = json.loads(out)
    assert (code, profile["subjectId"], profile["eventCount"]) == (0, "quiet", "1")
    code, out, _ = kairos("plan", "list", "--json")
    assert [plan["active"] for plan in lines(out)].count(True) == 1
    code, out, _ = kairos("evaluate", "page_view", "--subject", "quiet", "--json")
    assert json.loads(out)["planId"] == json.loads(kairos("plan", "show", "--json")[1])["planId"]
    code, out, _ = kairos("decide", "quiet", "homepage_hero", "--json", "--max", "2")
    assert 1 <= len(json.loads(out)["decisions"]) <= 2
    code, out, _ = kairos("key", "new", "--json")
    assert set(json.loads(out)) == {"key", "keySha256"}
    code, out, _ = kairos("version", "--json")
    assert json.loads(out)["python"] == sys.version.split()[0]


def test_names_of_strangers_cannot_command_the_terminal(kairos, tmp_path):
    (tmp_path / "e.jsonl").write_text(
        json.dumps({"type": "x", "userId": "esc", "traits": {"t": "a\x1b[2Jb\nc"}}) + "\n"
    )
    assert kairos("import", "e.jsonl")[0] == 0
    code, out, _ = kairos("profile", "esc")
    assert code == 0
    assert "\x1b" not in out
    assert "a�[2Jb�c" in out
    assert json.loads(kairos("profile", "esc", "--json")[1])["traits"][0]["attribute"] == {
        "name": "t", "stringValue": "a\x1b[2Jb\nc", "nameId": 0,
    }  # fmt: skip


def test_events_from_files_are_evaluated(kairos, tmp_path):
    event = {"type": "exit_intent", "userId": "nobody-yet", "eventData": {"timeOnPage": 45000}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    code, out, _ = kairos("evaluate", "--event", "event.json", "--json")
    assert (code, json.loads(out)["allowed"]) == (0, False)
    assert kairos("evaluate", "--event", "none.json")[0] == Exit.NO_INPUT
    (tmp_path / "event.json").write_text("{")
    assert kairos("evaluate", "--event", "event.json")[0] == Exit.REFUSED
    code, _, err = kairos("evaluate", "x", "--subject", "a", "--trigger", "none")
    assert (code, "TRIGGER_UNKNOWN" in err) == (Exit.REFUSED, True)


def test_a_reader_who_has_seen_enough_and_one_who_is_not_there(running, tmp_path):
    where = {"KAIROS_GRPC": running.address, "KAIROS_KEY": running.key}
    for shell in ("kairos documents list --json | head -n 1", "kairos profile nobody | cat"):
        command = shell.replace("kairos", f"{sys.executable} -m kairos_server")
        found = subprocess.run(
            ["bash", "-c", command], env={**environment(), **where}, capture_output=True,
            text=True, timeout=DEADLINE_S, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert "Traceback" not in found.stderr
        assert found.returncode == 0


def test_consents_are_stated_shown_and_listed(kairos):
    code, out, _ = kairos(
        "consent", "set", "cora", "marketing=granted", "analytics=denied", "--source", "phone",
        "--request-id", "r1", "--json",
    )  # fmt: skip
    assert code == 0
    expected = {
        "marketing": "CONSENT_STATUS_GRANTED", "analytics": "CONSENT_STATUS_DENIED",
    }  # fmt: skip
    assert {row["purpose"]: row["status"] for row in lines(out)} == expected
    code, out, _ = kairos("consent", "set", "cora", "marketing=granted", "--request-id", "r1")
    assert (code, "nothing was changed" in out) == (0, True)
    assert kairos("consent", "set", "cora", "marketing=denied", "--quiet") == (0, "", "")
    expected["marketing"] = "CONSENT_STATUS_DENIED"
    code, out, _ = kairos("consent", "get", "cora", "--json")
    assert {row["purpose"]: row["status"] for row in lines(out)} == expected
    code, out, _ = kairos("consent", "history", "cora", "--json")
    assert [row["consentSource"] for row in lines(out)] == ["", "phone"]
    assert len(lines(kairos("consent", "history", "cora", "--limit", "1", "--json")[1])) == 1
    assert kairos("consent", "get", "nobody-at-all") == (0, "nothing was ever stated\n", "")
    assert kairos("consent", "set", "cora", "marketing=maybe")[0] == Exit.USAGE
    code, _, err = kairos("consent", "set", "cora", "nonsense=granted")
    assert (code, "CONSENT_PURPOSE_UNKNOWN" in err) == (Exit.REFUSED, True)
    code, out, _ = kairos("profile", "cora", "--events", "1", "--json")
    profile, event = lines(out)
    assert (code, profile["subjectId"], event["event"]["eventType"]) == (
        0, "cora", "consent_change",
    )  # fmt: skip
    assert kairos("profile", "cora", "--subject-type", "email")[0] == Exit.REFUSED


# ------------------------------------------------------------------ plans and documents

TRIGGER = (
    "kind: trigger\nid: {}\ncondition: event.type == 'page_view'\nactions: [{{type: greet}}]\n"
)


def test_a_folder_is_compared_applied_and_pruned(running, tmp_path, monkeypatch, capsys):
    # Not the common server: pruning removes the demo pack.
    with server(tmp_path / "data") as own:
        monkeypatch.setenv("KAIROS_GRPC", own.address)
        monkeypatch.setenv("KAIROS_KEY", own.key)
        folder = tmp_path / "rules"
        (folder / "sub").mkdir(parents=True)
        (folder / "one.yaml").write_text(TRIGGER.format("one") + "---\n" + TRIGGER.format("two"))
        (folder / "sub" / "three.yaml").write_text(TRIGGER.format("three"))

        def run(*arguments):
            code = main(("documents", *arguments))
            found = capsys.readouterr()
            return code, found.out, found.err

        code, out, _ = run("apply", str(folder), "--dry-run")
        assert (code, "3 added" in out) == (0, True)
        assert run("get", "trigger/one")[0] == Exit.REFUSED
        code, out, _ = run("apply", str(folder), "--author", "ada", "--note", "n", "--json")
        assert (code, json.loads(out.splitlines()[-1])["active"]) == (0, True)
        assert run("diff", str(folder)) == (0, "nothing changes\n", "")
        assert run("get", "trigger/two")[1] == TRIGGER.format("two")
        (folder / "sub" / "three.yaml").unlink()
        code, out, _ = run("diff", str(folder), "--prune", "--json")
        removed = {row["documentId"] for row in lines(out)}
        assert (code, "three" in removed, "homepage_hero" in removed) == (1, True, True)
        assert run("apply", str(folder), "--prune")[0] == 0
        code, out, _ = run("list", "--json")
        assert {(row["kind"], row["documentId"]) for row in lines(out)} == {
            ("trigger", "one"), ("trigger", "two"),
        }  # fmt: skip
        code, out, _ = run("history", "trigger/three", "--json")
        assert [row["change"] for row in lines(out)] == [
            "DOCUMENT_CHANGE_REMOVED", "DOCUMENT_CHANGE_ADDED",
        ]  # fmt: skip
        assert run("delete", "trigger/two", "--note", "over")[0] == 0
        assert run("delete", "trigger/two")[0] == Exit.REFUSED
        assert run("get", "nonsense")[0] == Exit.USAGE


def test_faults_of_a_folder_stand_at_their_place(kairos, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text("# first\n" + TRIGGER.format("a") + "---\nkind: nothing\n")
    code, out, err = kairos("documents", "validate", str(folder))
    assert (code, out) == (Exit.REFUSED, "")
    assert f"{folder}/a.yaml:" in err
    (folder / "a.yaml").write_text(TRIGGER.format("a") + "---\n" + TRIGGER.format("b") + "x: 1\n")
    code, out, err = kairos("documents", "apply", str(folder))
    assert code == Exit.REFUSED
    assert f"{folder}/a.yaml:6: x: " in err
    assert kairos("documents", "apply", str(tmp_path / "none"))[0] == Exit.NO_INPUT
    (folder / "a.yaml").unlink()
    assert kairos("documents", "apply", str(folder))[0] == Exit.NO_INPUT


def test_plans_are_named_by_their_beginning(kairos):
    plan = json.loads(kairos("plan", "show", "--json")[1])
    code, out, _ = kairos("plan", "show", plan["planId"][:8], "--json")
    assert json.loads(out)["planId"] == plan["planId"]
    assert kairos("plan", "show", "0000000000")[0] == Exit.REFUSED
    assert kairos("plan", "activate", plan["planId"][:8], "--quiet") == (0, "", "")
    code, _, err = kairos("plan", "activate", "ab" * 32)
    assert (code, "PLAN_UNKNOWN" in err) == (Exit.REFUSED, True)


# ------------------------------------------------------------------ the outbox


def test_effects_are_leased_acknowledged_failed_replayed_and_discarded(kairos, running):
    # No command enqueues: effects come from triggers and applications.
    actions = [event_pb2.Action(type="send_email") for _ in range(4)]
    effects = [
        effect_service_pb2.NewEffect(
            idempotency_key=f"cli-{index}", subject_id=f"cli{index}", action=action,
            channel=event_pb2.CHANNEL_EMAIL,
        )
        for index, action in enumerate(actions)
    ]  # fmt: skip
    with running.channel() as channel:
        EffectServiceStub(channel).EnqueueEffects(
            effect_service_pb2.EnqueueEffectsRequest(effects=effects),
            metadata=running.metadata(), timeout=DEADLINE_S,
        )  # fmt: skip
    only = ("--channel", "email", "--type", "send_email")
    code, out, _ = kairos("effects", "list", *only, "--json")
    assert (code, [row["subjectId"] for row in lines(out)]) == (0, ["cli0", "cli1", "cli2", "cli3"])
    code, out, _ = kairos("effects", "lease", "-n", "3", *only, "--json")
    leased = [(row["effectId"], row["leaseToken"]) for row in lines(out)]
    assert (code, len(leased)) == (0, 3)
    stats = json.loads(kairos("effects", "stats", "--json")[1])
    assert (stats["pendingCount"], stats["leasedCount"], stats["deadCount"]) == ("4", 3, "0")
    assert kairos("effects", "ack", *leased[0], "--quiet") == (0, "", "")
    assert kairos("effects", "ack", *leased[0])[0] == 0, "idempotent"
    code, _, err = kairos("effects", "ack", "999999-0", leased[1][1])
    assert (code, "perhaps it was done before" in err) == (Exit.REFUSED, True), err
    code, out, _ = kairos("effects", "fail", *leased[1], "--reason", "full", "--retry-after", "1h")
    assert (code, "counted as failed" in out) == (0, True)
    assert kairos("effects", "fail", *leased[2], "--reason", "gone", "--permanent")[0] == 0
    code, out, _ = kairos("effects", "dead", "--json")
    dead = lines(out)
    assert [(row["effectId"], row["failureReason"]) for row in dead] == [(leased[2][0], "gone")]
    assert kairos("effects", "replay")[0] == Exit.USAGE
    code, out, _ = kairos("effects", "replay", "--all", "--dry-run")
    assert (code, out) == (0, "1 would be pending again\n")
    assert kairos("effects", "replay", leased[2][0], "--note", "fixed")[1] == "1 pending again\n"
    assert kairos("effects", "dead")[1] == "nothing was given up\n"
    code, out, _ = kairos("effects", "discard", leased[2][0], leased[0][0], "--json")
    assert (code, json.loads(out)) == (
        Exit.REFUSED, {"effectCount": 1, "missingIds": [leased[0][0]]},
    )  # fmt: skip
    code, out, _ = kairos("effects", "lease", "-n", "9", *only, "--json")
    assert [row["subjectId"] for row in lines(out)] == ["cli3"]
    assert kairos("effects", "lease", *only)[:2] == (Exit.REFUSED, "nothing is due\n")


# ------------------------------------------------------------------ files of events


def test_an_import_killed_while_it_runs_is_complete_in_the_end(tmp_path, running):
    """kill -9 as soon as the state says that some of the file is in; then the same command."""
    subjects = 40
    events = tmp_path / "e.jsonl"
    events.write_text(
        "".join(
            f'{{"type":"x","userId":"k{i % subjects}","eventData":{{"n":{i}}}}}\n'
            for i in range(30_000)
        )
    )
    where = {"KAIROS_GRPC": running.address, "KAIROS_KEY": running.key}
    command = [sys.executable, "-m", "kairos_server", "import", str(events), "--json",
               "--in-flight", "3"]  # fmt: skip
    state = tmp_path / "e.jsonl.state"
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(
            command, env={**environment(), **where}, stdout=subprocess.DEVNULL, cwd=tmp_path
        )
        before = position(state)
        while process.poll() is None and position(state) == before:
            pass
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait(DEADLINE_S)
    done = program(*command[3:], cwd=tmp_path, **where)
    assert done.returncode == 0, done.stderr
    counts = json.loads(state.read_text())["counts"]
    assert counts["records"] == counts["accepted"] + counts["duplicates"] == 30_000
    assert kills > 0
    for number in (0, 7, subjects - 1):
        found = program("profile", f"k{number}", "--json", cwd=tmp_path, **where)
        assert json.loads(found.stdout)["eventCount"] == str(30_000 // subjects)


def position(state):
    try:
        return json.loads(state.read_text())["position"]["line"]
    except FileNotFoundError:
        return 0


def test_an_import_that_is_interrupted_says_how_to_go_on(tmp_path, running):
    events = tmp_path / "e.jsonl"
    # So many that no machine is through with them before the signal comes.
    events.write_text('{"type":"x","userId":"i"}\n' * 2_000_000)
    where = {"KAIROS_GRPC": running.address, "KAIROS_KEY": running.key}
    process = subprocess.Popen(
        [sys.executable, "-m", "kairos_server", "import", str(events)],
        env={**environment(), **where}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and position(tmp_path / "e.jsonl.state") == 0:
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == Exit.INTERRUPTED
    assert err.endswith("kairos: stopped; the same command goes on from here.\n")
    assert "Traceback" not in err


def test_places_that_cannot_be_written_are_told_before_anything_is_sent(kairos, tmp_path):
    (tmp_path / "e.jsonl").write_text('{"type":"x","userId":"ro"}\n')
    code, _, err = kairos("import", "e.jsonl", "--state", str(tmp_path / "none" / "s"))
    assert (code, "--state" in err) == (Exit.CANNOT_CREATE, True)
    assert kairos("profile", "ro")[0] == Exit.REFUSED
    (tmp_path / "e.jsonl.state").write_text("{}")
    code, _, err = kairos("import", "e.jsonl")
    assert (code, "--restart" in err) == (Exit.DATA, True)
    assert kairos("import", "e.jsonl", "--restart", "--quiet") == (0, "", "")


def test_mappings_that_are_wrong_are_told(kairos, tmp_path):
    (tmp_path / "e.csv").write_text("a,b\n1,2\n")
    (tmp_path / "m.yaml").write_text("subject_id: {column: c}\n")
    code, _, err = kairos("import", "e.csv", "--map", "m.yaml")
    assert (code, "no column `c`" in err) == (Exit.CONFIG, True)
    (tmp_path / "m.yaml").write_text("{")
    assert kairos("import", "e.csv", "--map", "m.yaml")[0] == Exit.CONFIG
    assert kairos("import", "e.csv", "--map", "none")[0] == Exit.NO_INPUT
    (tmp_path / "unknown").write_text("what is this\n")
    assert kairos("import", "unknown")[0] == Exit.USAGE
    code, out, _ = kairos(
        "import", "e.csv", "--column", "subject_id=a", "--type", "x", "--others", "attributes",
        "--dry-run", "--json",
    )  # fmt: skip
    assert json.loads(out)["event"]["attributes"] == [{"name": "b", "intValue": "2"}]


# ------------------------------------------------------------------ data folders


def test_folders_that_are_none(kairos, tmp_path):
    for command in (("log", "verify"), ("log", "stats"), ("view", "stats"), ("view", "rebuild")):
        code, _, err = kairos(*command, "--data", str(tmp_path / "none"))
        assert (code, err.count("\n")) == (Exit.NO_INPUT, 1)
    code, _, err = kairos("view", "rebuild")
    assert (code, "Stop it first" in err) == (Exit.UNAVAILABLE, True)


def test_doctor_of_a_running_server(kairos):
    code, out, _ = kairos("doctor", "--json")
    found = {row["check"]: row for row in lines(out)}
    assert code == 0
    assert found["server"]["status"] == found["log"]["status"] == found["secrets"]["status"] == "OK"
    assert found["native core"]["status"] == "OK"
