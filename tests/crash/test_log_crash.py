"""SIGKILL at any moment: what was acknowledged is there, byte for byte,
and nothing that was not sent.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys

from log_door import Log, Reader

# One more generation of the same log: says which sequence it starts from, appends group commits
# whose payloads follow from the sequence, and acknowledges each on the pipe after the append has
# returned.
WRITER = """
import hashlib, random, sys
from log_door import Log
from reference.log_format import Frame
log = Log(sys.argv[1].encode(), 1 << 15)
assert log.begin_epoch(0) == 0
source = random.Random(int(sys.argv[2]))
sequence = log.state[0]
print(sequence, flush=True)
while True:
    frames = []
    for _ in range(source.randrange(1, 30)):
        sequence += 1
        frames.append(Frame(0, hashlib.sha256(b"%d" % sequence).digest() * (sequence % 40)))
    assert log.append(frames)[0] == 0
    print(sequence, flush=True)
"""


def payload_of(sequence: int) -> bytes:
    return hashlib.sha256(b"%d" % sequence).digest() * (sequence % 40)


def test_acknowledged_records_survive_kill(tmp_path) -> None:
    source = random.Random()
    folder = os.fsencode(tmp_path)
    acknowledged = 0
    epochs: set[int] = set()
    for generation in range(1, 9):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, str(source.randrange(2**32))],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        epochs.add(int(child.stdout.readline()))
        for _ in range(source.randrange(40)):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        # What was acknowledged between the last read and the kill is still in the pipe; a torn last
        # line is not an ack.
        rest = child.stdout.read().rpartition(b"\n")[0]
        child.stdout.close()
        child.wait()
        acknowledged = max(acknowledged, *epochs, int(rest.splitlines()[-1]) if rest else 0)

        log = Log(folder, 1 << 15)
        frames = Reader(folder).all()
        assert log.state == (len(frames), 0, generation)
        log.close()
        assert len(frames) >= acknowledged
        assert [frame[0] for frame in frames] == list(range(1, len(frames) + 1))
        for frame in frames:
            if frame[0] in epochs:
                assert frame[4] == 1
            else:
                assert frame[1] == payload_of(frame[0])
