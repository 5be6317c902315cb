"""Data folders looked at and repaired without their server."""

import json
import os

import pytest
from e2e.command_program import lines, program
from e2e.server_process import server
from kairos_server.cli import main
from kairos_server.exits import Exit


@pytest.fixture
def stopped(tmp_path):
    """The data folder of a server that has stopped, with some events."""
    folder = tmp_path / "stopped"
    with server(folder) as one:
        events = tmp_path / "e.jsonl"
        events.write_text(
            "".join(f'{{"type":"x","userId":"u{i % 9}","url":"/{i}"}}\n' for i in range(400))
        )
        done = program("import", str(events), cwd=tmp_path, KAIROS_GRPC=one.address,
                       KAIROS_KEY=one.key)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert one.stop() == 0
    return folder


def test_log_and_view_of_a_stopped_server(stopped, capsys, tmp_path):
    def run(*arguments):
        code = main((*arguments, "--data", str(stopped)))
        found = capsys.readouterr()
        return code, found.out, found.err

    code, out, _ = run("log", "verify", "--json")
    whole = json.loads(out)
    assert (code, whole["kinds"]["event"]["records"]) == (0, 400)
    code, out, _ = run("log", "tail", "-n", "3", "--kind", "event", "--json")
    assert [row["event"]["url"] for row in lines(out)] == ["/397", "/398", "/399"]
    assert run("log", "tail", "-n", "1000")[1].count(" event ") == 400
    before = run("view", "dump", "--digest")[1]
    assert run("view", "rebuild", "--map-size", "1G", "--from-log")[0] == 0
    after = run("view", "dump", "--digest")[1]
    differing = {a.split()[0] for a, b in zip(before.splitlines(), after.splitlines(), strict=True)
                 if a != b}  # fmt: skip
    # The applied position moves: a start appends the beginning of its epoch.
    assert differing <= {"meta"}
    code, out, _ = run("view", "dump", "subjects", "--json")
    assert len(lines(out)) == 9
    assert run("view", "dump", "nonsense")[0] == Exit.USAGE
    assert run("doctor", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")[0] == 0


def test_damage_is_found_and_named(stopped, capsys):
    log = next((stopped / "partition-0" / "log").glob("*.log"))
    data = bytearray(log.read_bytes())
    data[data.index(b"/100")] ^= 1
    log.write_bytes(data)
    assert main(["log", "verify", "--data", str(stopped)]) == Exit.DATA
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert log.name in err
    os.chmod(stopped / "secrets.json", 0o644)
    free = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    assert main(["doctor", "--data", str(stopped), "--json", *free]) == Exit.REFUSED
    found = {row["check"]: row["status"] for row in lines(capsys.readouterr().out)}
    assert {name for name, status in found.items() if status == "FAIL"} == {"log", "secrets"}
