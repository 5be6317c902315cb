"""Power loss: from the calls that a writer really made, every moment and many ways in which the
disk can have stopped.

What was not synced may be there or not, sector by sector; a rename may be there or not until the
folder is synced. SIGKILL does not test this, because the page cache survives it. The last test lets
one call after the other fail with EIO.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from log_door import Log, LogError, Reader

SECTOR = 512
WRITER = """
import os, sys
from log_door import Log
from reference.log_format import Frame
folder, commits = sys.argv[1], int(sys.argv[2])
ack = os.open(folder + "/ack", os.O_WRONLY | os.O_CREAT)
log = Log((folder + "/log").encode(), 4096)
status = log.begin_epoch(0)
for commit in range(commits):
    last = log.state[0]
    if status == 0:
        os.pwrite(ack, b"%d" % last, 0)
    status = log.append([Frame(0, b"%d " % (last + i) * 60) for i in range(1, 2 + commit % 5)])[0]
if status == 0:
    os.pwrite(ack, b"%d" % log.state[0], 0)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler, "the build needs a C compiler as well"
    path = tmp_path_factory.mktemp("shim") / "disk_trace.so"
    source = Path(__file__).parent / "disk_trace.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"], check=True)
    return path


def run_writer(shim: Path, path: Path, commits: int, **fault: str) -> None:
    (path / "disk" / "log").mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-c", WRITER, path / "disk", str(commits)],
        check=True,
        env={
            **os.environ,
            **fault,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LD_PRELOAD": str(shim),
            "DISK_TRACE": str(path / "trace"),
            "DISK_FOLDER": str(path / "disk"),
        },
    )


def read_trace(path: Path) -> list[tuple[str, int, int, str, str, bytes]]:
    calls = []
    data = path.read_bytes()
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        kind, offset, size, source, target = data[place:end].decode().split(" ")
        place = end + 1
        content = b""
        if kind == "W":
            content = data[place : place + int(size)]
            place += int(size)
        calls.append((kind, int(offset), int(size), Path(source).name, target, content))
    return calls


class Disk:
    """What a disk may hold after the calls so far."""

    def __init__(self) -> None:
        self.files: list[dict] = []
        self.named: dict[str, int] = {}
        self.durable_names: dict[str, int] = {}
        self.renames: list[tuple[str, int]] = []
        self.acknowledged = 0

    def call(
        self, kind: str, offset: int, size: int, name: str, target: str, content: bytes
    ) -> None:
        if name == "ack":
            self.acknowledged = int(content)
        elif kind == "A":
            self.files.append({"durable": b"", "size": size, "writes": []})
            self.named[name] = len(self.files) - 1
        elif kind == "W":
            self.files[self.named[name]]["writes"].append((offset, content))
        elif kind == "R":
            self.named[target] = self.named.pop(name)
            self.renames.append((target, self.named[target]))
        elif name == "log":
            self.durable_names.update(self.renames)
            self.renames = []
        else:
            file = self.files[self.named[name]]
            image = bytearray(file["durable"].ljust(file["size"], b"\0"))
            for place, data in file["writes"]:
                image[place : place + len(data)] = data
            file["durable"], file["writes"] = bytes(image), []

    def stop(self, source: random.Random, folder: Path) -> None:
        """Writes one of the states that the disk can be in."""
        names = {
            **self.durable_names,
            **dict(self.renames[: source.randrange(len(self.renames) + 1)]),
        }
        survival = source.choice([0.0, 0.3, 0.7, 1.0])
        for name, number in names.items():
            file = self.files[number]
            size = file["size"] if file["durable"] or source.random() < survival else 0
            image = bytearray(file["durable"].ljust(size, b"\0"))
            for place, data in file["writes"]:
                for begin in range(place // SECTOR * SECTOR, place + len(data), SECTOR):
                    first, last = max(begin, place), min(begin + SECTOR, place + len(data))
                    if source.random() < survival and last <= len(image):
                        image[first:last] = data[first - place : last - place]
            (folder / name).write_bytes(image)


def judge(folder: Path, acknowledged: int) -> str:
    """Opens a state of the disk; returns what is wrong, or nothing."""
    try:
        log = Log(os.fsencode(folder), 4096)
        frames = Reader(os.fsencode(folder)).all()
    except LogError as error:
        return str(error)
    last = log.state[0]
    log.close()
    if [frame[0] for frame in frames] != list(range(1, last + 1)):
        return "sequences"
    if any(frame[1] != b"%d " % frame[0] * 60 for frame in frames[1:]):
        return "payloads"
    return "lost" if last < acknowledged else ""


def stopped_states(calls: list, path: Path, seed: int, rounds: int) -> list[str]:
    source = random.Random(seed)
    wrong = []
    for _ in range(rounds):
        disk = Disk()
        for call in calls:
            disk.call(*call)
            folder = path / "state"
            folder.mkdir()
            disk.stop(source, folder)
            wrong.append(judge(folder, disk.acknowledged))
            shutil.rmtree(folder)
    return wrong


def test_no_moment_of_power_loss_loses_an_acknowledged_record(shim, tmp_path) -> None:
    run_writer(shim, tmp_path, 12)
    calls = read_trace(tmp_path / "trace")
    assert [call[0] for call in calls].count("R") >= 2, "the run crosses segments"
    states = stopped_states(calls, tmp_path, 1, 8)
    assert len(states) > 400
    assert set(states) == {""}


@pytest.mark.parametrize("forgotten", ["log", "segment.new", "fdatasync"])
def test_the_test_finds_a_writer_that_forgets_to_sync(shim, tmp_path, forgotten) -> None:
    """The same calls without the syncs of the folder, of new segments, or of commits:
    some state must be wrong.
    """
    run_writer(shim, tmp_path, 12)
    calls = [
        call
        for call in read_trace(tmp_path / "trace")
        if call[0] != "S"
        or not (call[3] == forgotten or (forgotten == "fdatasync" and call[3].startswith("0")))
    ]
    assert set(stopped_states(calls, tmp_path, 1, 4)) != {""}


def test_whatever_call_fails_the_acknowledged_records_stay(shim, tmp_path) -> None:
    failed = 0
    for number in range(1, 26, 2):
        path = tmp_path / str(number)
        run_writer(shim, path, 5, DISK_FAIL=str(number))
        acknowledged = int((path / "disk" / "ack").read_bytes() or b"0")
        failed += acknowledged < 16
        log = Log(os.fsencode(path / "disk" / "log"), 4096)
        assert log.state[0] >= acknowledged
        frames = Reader(os.fsencode(path / "disk" / "log")).all()
        assert [frame[0] for frame in frames] == list(range(1, log.state[0] + 1))
        log.close()
        calls = [(call[0], call[3][0]) for call in read_trace(path / "trace") if call[3] != "ack"]
        if ("F", "0") in calls:
            # After a write or a sync of a segment has failed, the writer never
            # touches a segment again.
            assert calls[-1] == ("F", "0")
    assert failed > 5
