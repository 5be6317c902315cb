"""A tenant's documents as they are stored, and what changes when some are applied."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from . import limits
from .cel import Parser
from .compile import Compiled, compile_documents
from .documents import KINDS, Body, DocumentInput, canonical_json, read_body
from .model import PlanModel, SlotKind
from .registry import Registry
from .schema import EVENT_FIELDS, canonical_name
from .shapes import identity
from .violations import DocumentsRefused, Fault, Place, Reason, Violation, nearest

_DOCUMENT, _PLAN, _REGISTRY = "document/", "plan/", "registry"
NO_NUMBERS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document with its history.

    `body`: parsed; `text`: as given; `cel`: its condition in canonical CEL, or empty.
    """

    kind: str
    id: str
    body: Body
    text: str
    cel: str
    author: str
    note: str
    create_time_us: int
    update_time_us: int
    etag: str
    version: int

    def to_json(self) -> bytes:
        """Returns the canonical JSON that the engine keeps."""
        return canonical_json({name: getattr(self, name) for name in self.__slots__})

    @staticmethod
    def from_json(data: bytes) -> "StoredDocument":
        """Returns the document of to_json."""
        return StoredDocument(**json.loads(data))


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of applying documents; nothing is stored before the caller stores `entries`."""

    model: PlanModel
    entries: list[tuple[str, bytes]]
    """What to give to Engine.documents; an empty value removes."""
    warnings: list[str]
    catalog: "Catalog"
    """The catalog once the entries are stored."""

    @property
    def trigger_count(self) -> int:
        """Triggers in the plan."""
        return len({rule.number for rule in self.model.trigger_rules})

    @property
    def content_count(self) -> int:
        """Contents in the documents."""
        return sum(document.kind == "content" for document in self.catalog.documents.values())

    @property
    def feature_count(self) -> int:
        """Features in the plan, retired ones not counted."""
        return sum(slot.kind is not SlotKind.RETIRED for slot in self.model.slots)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All documents of one tenant. Immutable; apply returns the next one."""

    tenant: int
    documents: Mapping[str, StoredDocument]
    """By `kind/id`."""
    registry: Registry
    _parser: Parser = field(default_factory=Parser, compare=False, repr=False)

    @staticmethod
    def from_documents(tenant: int, stored: Mapping[str, bytes]) -> "Catalog":
        """Returns the catalog of what Engine.documents_of gives.

        Plan summaries (`plan/…`) are the caller's own.
        Errors: ValueError when an entry is not of this format
        """
        documents: dict[str, StoredDocument] = {}
        registry = Registry()
        for key, value in sorted(stored.items()):
            if key == _REGISTRY:
                registry = Registry.from_json(value)
            elif key.startswith(_DOCUMENT):
                documents[key.removeprefix(_DOCUMENT)] = StoredDocument.from_json(value)
            elif not key.startswith(_PLAN):
                raise ValueError(f"stored document {key} is of no known kind")
        parser = Parser(document.cel for document in documents.values() if document.cel)
        return Catalog(tenant, documents, registry, parser)

    def apply(
        self,
        documents: Sequence[DocumentInput],
        removed: Sequence[str],
        author: str,
        note: str,
        now_us: int,
    ) -> Applied:
        """Returns the plan of all documents after adding or replacing some and removing
        others (`kind/id`).

        Cost: about 0.9 ms per new condition (most of it Google's checker), 0.3 ms per known one
        Errors: DocumentsRefused with every fault of every document; nothing changes
        """
        changes = self.changed(documents, removed, author, note, now_us)
        try:
            applied = changes.catalog.planned(self)
        except DocumentsRefused as refused:
            raise DocumentsRefused([*changes.violations, *refused.violations]) from None
        if changes.violations:
            raise DocumentsRefused(changes.violations)
        return applied

    def changed(
        self,
        documents: Sequence[DocumentInput],
        removed: Sequence[str],
        author: str,
        note: str,
        now_us: int,
        numbers: Mapping[str, int] = NO_NUMBERS,
    ) -> "Changes":
        """Returns the documents after adding or replacing some and removing others, not yet
        compiled; `violations` are the faults that are seen without it.

        `numbers`: by name the highest version number ever given, where it is not that of the
        document that is there.
        """
        violations: list[Violation] = []
        inputs = _read_inputs(documents, violations)
        for name, limit, size in (
            ("author", limits.AUTHOR_SIZE_MAX, len(author.encode())),
            ("note", limits.NOTE_SIZE_MAX, len(note.encode())),
        ):
            if size > limit:
                Place(violations, name).fault(Reason.LIMIT_EXCEEDED, f"at most {limit} bytes")
        self._check_removed(removed, inputs, violations)
        gone = set(removed)
        after = {name: item for name, item in self.documents.items() if name not in gone}
        revisions: list[StoredDocument] = []
        for name, (body, text) in inputs.items():
            before = self.documents.get(name)
            number = max(before.version if before else 0, numbers.get(name, 0)) + 1
            after[name] = revised(before, name, body, text, author, note, now_us, number)
            if after[name] is not before:
                revisions.append(after[name])
        catalog = replace(self, documents=dict(sorted(after.items())))
        return Changes(catalog, revisions, list(inputs), violations)

    def planned(self, before: "Catalog") -> Applied:
        """Returns the plan of these documents, and what to store where `before` is stored.

        Errors: DocumentsRefused with every fault of every document
        """
        compiled = self.compiled()
        documents = dict(self.documents)
        for name, document in documents.items():
            cel = compiled.texts.get(name, "")
            if cel != document.cel:
                documents[name] = replace(document, cel=cel)
        entries = [(_DOCUMENT + name, b"") for name in before.documents if name not in documents]
        entries += [
            (_DOCUMENT + name, document.to_json())
            for name, document in documents.items()
            if document is not before.documents.get(name) and document != before.documents.get(name)
        ]
        if compiled.registry != before.registry:
            entries.append((_REGISTRY, compiled.registry.to_json()))
        catalog = replace(self, documents=documents, registry=compiled.registry)
        return Applied(compiled.model, entries, list(compiled.warnings), catalog)

    def with_documents(self, documents: Mapping[str, StoredDocument]) -> "Catalog":
        """Returns these documents in place of all, not yet compiled."""
        return replace(self, documents=documents)

    def trait_names(self) -> frozenset[str]:
        """Returns the traits that the schema has."""
        schema = self.documents.get("schema/main")
        traits = schema.body.get("traits") if schema else None
        return frozenset(map(canonical_name, traits)) if isinstance(traits, dict) else frozenset()

    def without(self, names: Iterable[str]) -> "Catalog":
        """Returns the documents that are not of these names, not yet compiled."""
        gone = set(names)
        kept = {name: item for name, item in self.documents.items() if name not in gone}
        return replace(self, documents=kept)

    def dictionary(self) -> list[tuple[int, str]]:
        """Returns (id, name) of every attribute that a schema ever held: what events may send
        instead of the name.
        """
        return list(enumerate(self.registry.attributes, len(EVENT_FIELDS)))

    def compiled(self) -> Compiled:
        """Returns the plan of the stored documents as they are.

        Errors: DocumentsRefused when this version no longer accepts them
        """
        bodies = {name: document.body for name, document in self.documents.items()}
        return compile_documents(self.tenant, bodies, self.registry, self._parser)

    def trial(self, name: str, body: Body) -> Compiled:
        """Returns a plan that has one trigger only: the given one, over the schema, the scores and
        the features of these documents, whose numbers it shares.

        Cost: that of one document; any thread, because the parser is its own
        Errors: DocumentsRefused
        """
        kinds = ("schema/", "score/", "feature/")
        bodies = {
            other: document.body
            for other, document in self.documents.items()
            if other.startswith(kinds)
        }
        return compile_documents(self.tenant, {**bodies, name: body}, self.registry, Parser())

    def _check_removed(
        self, removed: Sequence[str], inputs: Mapping[str, Any], violations: list[Violation]
    ) -> None:
        seen: set[str] = set()
        for index, name in enumerate(removed):
            place = Place(violations, f"removed_names[{index}]")
            if name not in self.documents:
                place.fault(
                    Reason.REFERENCE_UNKNOWN,
                    f"there is no document {name}.{nearest(name, self.documents)}",
                )
            elif name in inputs or name in seen:
                place.fault(Reason.KEY_DUPLICATE, f"{name} stands twice in the request")
            seen.add(name)


@dataclass(frozen=True, slots=True)
class Changes:
    """Documents after a change, before anybody compiled them."""

    catalog: Catalog
    revisions: list[StoredDocument]
    """New versions of documents; the same content in another dress is none."""
    names: list[str]
    """`kind/id` of every document that was given."""
    violations: list[Violation]


def read_document(document: DocumentInput) -> tuple[str, Body]:
    """Returns (`kind/id`, content) of a document as it came.

    Errors: Fault when it cannot be read, or when kind or id are missing or contradict the body
    """
    body = read_body(document.body)
    kind, document_id = identity(body, document.kind, document.document_id, KINDS)
    return f"{kind}/{document_id}", body


def _read_inputs(
    documents: Sequence[DocumentInput], violations: list[Violation]
) -> dict[str, tuple[Body, str]]:
    result: dict[str, tuple[Body, str]] = {}
    if len(documents) > limits.DOCUMENTS_MAX:
        Place(violations, "documents").fault(
            Reason.LIMIT_EXCEEDED, f"at most {limits.DOCUMENTS_MAX} documents in one call"
        )
        return result
    for index, document in enumerate(documents):
        place = Place(violations, f"documents[{index}]")
        with place.catch():
            name, body = read_document(document)
            if name in result:
                raise Fault(Reason.KEY_DUPLICATE, f"{name} stands twice in the request")
            result[name] = (body, document.body)
    return result


def revised(
    before: StoredDocument | None,
    name: str,
    body: Body,
    text: str,
    author: str,
    note: str,
    now_us: int,
    number: int,
) -> StoredDocument:
    """Returns the next version of a document, or the one before.

    The same body in another dress is the same document: it keeps text, author and time."""
    kind, _, document_id = name.partition("/")
    etag = etag_of(body)
    if before is not None and before.etag == etag:
        return before
    create_time_us = before.create_time_us if before else now_us
    return StoredDocument(
        kind, document_id, body, text, "", author, note, create_time_us, now_us, etag, number
    )


def etag_of(body: Body) -> str:
    """Returns the hash of a document's content, 32 hexadecimal digits."""
    return hashlib.blake2b(canonical_json(body), digest_size=16).hexdigest()
