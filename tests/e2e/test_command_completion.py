"""Completion scripts as shells take them."""

import shutil
import subprocess

import pytest
from e2e.command_program import program
from e2e.server_process import DEADLINE_S


def completed(words, tmp_path):
    script = tmp_path / "completion.bash"
    script.write_text(program("completion", "bash", cwd=tmp_path).stdout)
    array = " ".join(f"'{word}'" for word in words)
    found = subprocess.run(
        ["bash", "--norc", "-c",
         (f"source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _kairos; "
          'printf "%s\\n" "${COMPREPLY[@]}"')],
        capture_output=True, text=True, timeout=DEADLINE_S, check=True, cwd=tmp_path,
    )  # fmt: skip
    return found.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["kairos", "pl"], {"plan"}),
        (["kairos", "plan", ""], {"list", "show", "activate", "roll-back"}),
        (["kairos", "decide", "a", "b", "--device", "t"], {"tablet", "tv"}),
        (["kairos", "plan", "list", "--li"], {"--limit"}),
        (["kairos", "completion", "f"], {"fish"}),
        (["kairos", "import", "--map", "some"], {"some.yaml"}),
        (["kairos", "import", "some"], {"some.yaml"}),
    ],
)
def test_bash_completes(words, expected, tmp_path):
    (tmp_path / "some.yaml").write_text("")
    found = {word for word in completed(words, tmp_path) if not word.startswith("-h")}
    if words[-1] == "":
        assert expected <= found
    else:
        assert found == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_accepted_by_their_shells(shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(program("completion", shell, cwd=tmp_path).stdout)
    assert "roll-back" in script.read_text()
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True, timeout=DEADLINE_S)
