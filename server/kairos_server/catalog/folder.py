"""A folder of YAML and JSON files -> documents, each with the file and line where it stands."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import limits
from .documents import KINDS, DocumentInput, read_body, split_lines
from .shapes import identity
from .violations import DocumentsRefused, Place, Reason, Violation

SUFFIXES: Final = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class FolderDocument:
    """One document of a folder: readable, of a known kind, its name unique in the folder.

    What it says is checked by the server, or by Catalog.apply.
    """

    kind: str
    id: str
    path: str
    """The file below the folder, with `/` between its parts."""
    line: int
    """Where the document begins in the file, from 1."""
    body: str
    """The text of the document as the file spells it."""

    @property
    def name(self) -> str:
        """`kind/id`."""
        return f"{self.kind}/{self.id}"

    @property
    def where(self) -> str:
        """`path:line`, as compilers write it."""
        return f"{self.path}:{self.line}"

    @property
    def input(self) -> DocumentInput:
        """What Catalog.apply takes."""
        return DocumentInput(self.body, self.kind, self.id)


def read_folder(path: str | os.PathLike[str]) -> list[FolderDocument]:
    """Returns the documents of all `.yaml`, `.yml` and `.json` files of a folder and the folders in
    it, by path and then by line; `path` may also be one file.

    Files and folders whose names begin with a dot are left out, files of other suffixes too. A YAML
    file may hold several documents, parted by `---` lines. Links to files are followed, links to
    folders are not.

    Errors: DocumentsRefused with every fault of every file; `Violation.document` is `path:line`.
        OSError when the folder or a file cannot be read
    """
    violations: list[Violation] = []
    found: dict[str, FolderDocument] = {}
    root = Path(path)
    for file, shown in _files(root):
        for document in _read_file(file, shown, violations):
            first = found.setdefault(document.name, document)
            if first is not document:
                Place(violations, document.where).fault(
                    Reason.KEY_DUPLICATE, f"{document.name} stands at {first.where} already"
                )
    if len(found) > limits.DOCUMENTS_MAX:
        Place(violations, str(root)).fault(
            Reason.LIMIT_EXCEEDED,
            f"{len(found)} documents; at most {limits.DOCUMENTS_MAX} in one folder",
        )
    if violations:
        raise DocumentsRefused(violations)
    return list(found.values())


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yields (file, its path below the root) in order of the parts of the path."""
    if not root.is_dir():
        root.stat()
        yield root, root.name
        return
    found: list[Path] = []

    def unreadable(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(folder, name)
            for name in names
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    for file in sorted(found, key=lambda file: file.relative_to(root).parts):
        yield file, file.relative_to(root).as_posix()


def _read_file(file: Path, shown: str, violations: list[Violation]) -> Iterator[FolderDocument]:
    # More than this could not be documents of one call, whatever stands in it.
    if file.stat().st_size > limits.DOCUMENTS_MAX * limits.DOCUMENT_SIZE_MAX:
        Place(violations, shown).fault(Reason.LIMIT_EXCEEDED, "the file is too large")
        return
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        Place(violations, shown).fault(
            Reason.SYNTAX, f"not UTF-8 at byte {error.start}; encode the file as UTF-8"
        )
        return
    parts = [(1, text)] if shown.lower().endswith(".json") else split_lines(text)
    for line, body in parts:
        with Place(violations, f"{shown}:{line}").catch():
            kind, document_id = identity(read_body(body, line), "", "", KINDS)
            yield FolderDocument(kind, document_id, shown, line, body)
