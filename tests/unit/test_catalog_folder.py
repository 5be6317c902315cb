"""A folder of files becomes documents: order, places, faults of several files at once."""

from pathlib import Path

import pytest
from kairos_server.catalog import DocumentsRefused, read_folder, split_documents
from kairos_server.catalog.folder import FolderDocument


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def faults_of(root: Path) -> list[tuple[str, str]]:
    with pytest.raises(DocumentsRefused) as error:
        read_folder(root)
    return [(v.document, v.description) for v in error.value.violations]


def test_documents_come_by_path_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.yaml": "# shop\n---\n\nkind: score\nid: s\ntype: engagement\n--- # two\n"
            "kind: trigger\nid: t\ncondition: 'true'\n---\n# nothing\n",
            "a/z.json": '{"kind": "trigger", "name": "High Intent", "condition": "true"}',
            "a/b.yml": "\ufeffkind: schema\r\n---\r\nkind: placement\r\nid: p\r\n",
            "a.yaml": "kind: placement\nid: q\n",
            ".hidden.yaml": "kind: nonsense",
            ".git/c.yaml": "kind: nonsense",
            "README.md": "# not a document",
        },
    )
    documents = read_folder(tmp_path)
    assert [(d.name, d.where) for d in documents] == [
        ("schema/main", "a/b.yml:1"),
        ("placement/p", "a/b.yml:3"),
        ("trigger/high_intent", "a/z.json:1"),
        ("placement/q", "a.yaml:1"),
        ("score/s", "b.yaml:4"),
        ("trigger/t", "b.yaml:8"),
    ]
    assert documents[-1] == FolderDocument(
        "trigger", "t", "b.yaml", 8, "kind: trigger\nid: t\ncondition: 'true'\n"
    )
    assert documents[-1].input.body == documents[-1].body
    assert read_folder(tmp_path / "a.yaml")[0].where == "a.yaml:1"


def test_every_fault_of_every_file_is_told_with_its_place(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.yaml": "kind: trigger\nid: t\ncondition: 'true'\n---\nkind: trigger\nid: u\nid: u\n",
            "b.json": '{"kind": "trigger", "id": "t", "condition": "true"}',
            "c.yaml": b"kind: \xff",
            "d.yaml": "kind: segment\nid: s",
            "e.json": "[1]",
            "f.yaml": "kind: trigger\nid: v\ncondition: '" + "x" * 262_144 + "'",
        },
    )
    assert faults_of(tmp_path) == [
        ("a.yaml:5", "key id stands twice at line 7, column 1"),
        ("b.json:1", "trigger/t stands at a.yaml:1 already"),
        ("c.yaml", "not UTF-8 at byte 6; encode the file as UTF-8"),
        ("d.yaml:1", "this version does not serve segment documents"),
        ("e.json:1", "a document is an object with kind and id, not a list"),
        ("f.yaml:1", "a document has at most 262144 bytes"),
    ]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    write(tmp_path, {"..data/real.yaml": "kind: placement\nid: p", "in/x.yaml": "kind: schema"})
    (tmp_path / "linked.yaml").symlink_to(tmp_path / "..data" / "real.yaml")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [d.where for d in read_folder(tmp_path)] == ["in/x.yaml:1", "linked.yaml:1"]


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_folder(tmp_path / "none")
    assert read_folder(tmp_path) == []


def test_documents_of_one_text_keep_their_bodies() -> None:
    bodies = [d.body for d in split_documents("# c\n---\nkind: a\n---\n#\n---\nkind: b")]
    assert bodies == ["kind: a\n", "kind: b"]
