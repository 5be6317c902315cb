"""The command as a process of its own, and what it printed as JSON lines."""

import json
import subprocess
import sys

from e2e.server_process import DEADLINE_S, environment


def lines(text):
    """The rows of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def program(*arguments, cwd, **variables):
    """Runs a command to its end, without settings of the person who runs the tests."""
    return subprocess.run(
        [sys.executable, "-m", "kairos_server", *arguments],
        cwd=cwd, env={**environment(), **variables}, capture_output=True, text=True,
        timeout=DEADLINE_S, check=False,
    )  # fmt: skip
