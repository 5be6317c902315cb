"""Transcripts in documents: what stands in their ```console blocks is run and compared.

A line `$ command` is run, lines `> …` continue it, and what follows is its output, standard error
included. All blocks of a document share one shell in an empty folder, beside two servers of their
own: a local one, as `make run` starts, and one whose tenant runs on event time.

Before both sides are compared, what no two runs have in common is replaced: times, durations,
rates, ids in hexadecimal, API keys, ports, and runs of spaces. `…` in a document stands for
anything within a line, a line `…` for any lines.

`python tests/e2e/console.py FILE` writes the output of a run into a document.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from e2e.server_process import environment, server
from kairos_server.demo.server_process import server_prepare

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "@@transcript@@"
DEADLINE_S = 300
PLACEHOLDERS = (
    (re.compile(r"kairos_[A-Za-z0-9_-]{43}"), "KEY"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b"), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\b[\d,]+(?:\.\d+)?/s\b"), "RATE"),
    (re.compile(r"\b[\d,]+(?:\.\d+)? m?s\b"), "DURATION"),
    (re.compile(r"(processing_time_us: )\d+"), r"\1DURATION"),
    (re.compile(r"[ \t]+"), " "),
)
# As in a document, where the reader's own user stands.
USER = "ada"


@dataclass
class Step:
    """One command of a document and the output that stands below it."""

    command: str
    output: str
    line: int


def steps_of(text: str) -> list[Step]:
    """The commands of all blocks, in order."""
    found: list[Step] = []
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1)) + 1
        for number, line in enumerate(block[1].splitlines(), first):
            if line.startswith("$ "):
                found.append(Step(line[2:], "", number))
            elif line.startswith("> ") and not found[-1].output:
                found[-1].command += "\n" + line[2:]
            else:
                found[-1].output += line + "\n"
    return found


def normal(text: str) -> str:
    """The text with placeholders."""
    for pattern, name in PLACEHOLDERS:
        text = pattern.sub(name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


def matches(expected: str, found: str) -> bool:
    """True when an output is the expected one."""
    # `…` also stands at the end of what the product itself has shortened.
    lines = [
        "(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in normal(expected).splitlines()
    ]
    return re.fullmatch("".join(lines), normal(found) + "\n" if found.strip() else "") is not None


def outputs_of(steps: list[Step], folder: Path) -> list[str]:
    """Runs all commands in one shell and returns the output of each."""
    with servers(folder) as variables:
        script = "".join(
            f"__status=$?; printf '\\n{MARK}\\n'; (exit $__status)\n{step.command}\n"
            for step in steps
        )
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", f"exec 2>&1\n{script}"],
            cwd=folder, env=variables, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            timeout=DEADLINE_S, check=False,
        )  # fmt: skip
    parts = done.stdout.decode().split(f"\n{MARK}\n")[1:]
    assert len(parts) == len(steps), done.stdout.decode()[-2000:]
    return parts


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Both servers, and the environment in which a document's commands find them."""
    programs = folder.parent / "bin"
    programs.mkdir()
    program = programs / "kairos"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kairos_server "$@"\n')
    program.chmod(0o755)
    history = server_prepare(folder.parent / "history", {"history": 1})
    with server(folder / "data") as local:
        history.start()
        try:
            yield environment() | {
                "PATH": f"{programs}:{os.environ['PATH']}", "USER": USER, "LOGNAME": USER,
                "LC_ALL": "C.UTF-8", "COLUMNS": "100", "KAIROS_GRPC": local.address,
                "KAIROS_HTTP": local.http, "LOCAL": local.address, "HISTORY": history.address,
                "HISTORY_KEY": history.keys["history"],
            }  # fmt: skip
        finally:
            history.stop()


def written(text: str, outputs: list[str]) -> str:
    """The document with other outputs. A step whose output matches keeps the document's."""
    steps = iter(zip(steps_of(text), outputs, strict=True))

    def block_of(block: re.Match[str]) -> str:
        count = sum(line.startswith("$ ") for line in block[1].splitlines())
        parts = []
        for _ in range(count):
            step, output = next(steps)
            shown = step.output if matches(step.output, output) else output
            command = "$ " + step.command.replace("\n", "\n> ")
            parts.append(command + "\n" + (shown.rstrip("\n") + "\n" if shown.strip() else ""))
        return "```console\n" + "".join(parts) + "```"

    return BLOCK.sub(block_of, text)


def main() -> None:
    path = Path(sys.argv[1])
    folder = Path(tempfile.mkdtemp()) / "tour"
    folder.mkdir()
    try:
        text = path.read_text()
        path.write_text(written(text, outputs_of(steps_of(text), folder)))
    finally:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    main()
