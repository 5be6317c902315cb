"""Reads the demo's packs: folders of YAML documents that configure one tenant each."""

from dataclasses import dataclass
from importlib import resources

import yaml

PACKS = ("demo", "retail", "serenade")


@dataclass(frozen=True, slots=True)
class PackDocument:
    """One document as ApplyDocuments takes it; an empty id is derived from the document's
    name by the server.
    """

    kind: str
    document_id: str
    body: str


def read_pack(name: str) -> list[PackDocument]:
    """Returns the documents of a pack, in the order of file names and of the
    documents within a file.

    A document that does not state its kind takes the first part of its file's name, so that a
    document of the specification can stand in a pack exactly as it is printed there.
    Errors: KeyError when there is no such pack.
    """
    if name not in PACKS:
        raise KeyError(name)
    folder = resources.files(__name__) / name
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")),
        key=lambda file: file.name,
    )
    documents = []
    for file in files:
        for body in file.read_text(encoding="utf-8").split("\n---\n"):
            content = yaml.safe_load(body)
            kind = content.get("kind", file.name.split(".")[0])
            documents.append(PackDocument(kind, content.get("id", ""), body))
    return documents
