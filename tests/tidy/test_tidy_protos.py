"""The contract is linted, never breaks its callers, and what is generated from it is
what is committed.
"""

import subprocess

import pytest
from tidy.protos import CLIENT, PROTO, ROOT, buf, generate, workspace


def test_generated_files_are_those_of_the_contract(tmp_path):
    generate(tmp_path)
    fresh = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.py*")}
    kept = {
        path.relative_to(CLIENT): path.read_bytes()
        for path in (CLIENT / "kairos" / "v1").glob("*.py*")
        if path.name != "__init__.py"
    }
    assert sorted(fresh) == sorted(kept)
    assert [str(name) for name in fresh if fresh[name] != kept[name]] == [], "run `make proto`"


def test_contract_has_no_lint_fault(tmp_path):
    done = buf("lint", "proto", cwd=workspace(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_lint_would_find_a_fault(tmp_path):
    folder = workspace(tmp_path)
    file = folder / "proto" / "kairos" / "v1" / "error.proto"
    file.write_text(file.read_text() + "\nmessage bad_name {}\n")
    assert buf("lint", "proto", cwd=folder).returncode != 0


def test_contract_breaks_nobody(tmp_path):
    archive = subprocess.run(
        ["git", "archive", "--format=tar", "main", "proto"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        pytest.skip("no branch main with a proto folder here to compare the contract with")
    before = tmp_path / "archive"
    before.mkdir()
    subprocess.run(["tar", "-x", "-C", before], input=archive.stdout, check=True)
    old = workspace(tmp_path / "old", before / "proto")
    new = workspace(tmp_path / "new", PROTO)
    done = buf("breaking", "--against", str(old), cwd=new)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
