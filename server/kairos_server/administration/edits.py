"""Changes of documents, and how several that wait become one plan."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kairos_server.catalog import (
    Applied,
    Body,
    Catalog,
    DocumentInput,
    DocumentsRefused,
    StoredDocument,
    Violation,
    build_image,
    revised,
)
from kairos_server.errors import Refused

from .acts import Actor
from .rows import PlanRow, row_new
from .versions import Change

_PLAN_ID_AT: Final = slice(8, 40)


@dataclass(frozen=True, slots=True)
class Revision:
    """One document that an edit changed; `document` is its new version, without text in a
    removal.
    """

    document: StoredDocument
    change: Change

    @property
    def name(self) -> str:
        """`kind/id`."""
        return f"{self.document.kind}/{self.document.id}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an edit."""

    revisions: Sequence[Revision] = ()
    documents: Mapping[str, StoredDocument] = field(default_factory=dict)
    """Every document that the edit gave, changed or not, as it is stored."""
    warnings: Sequence[str] = ()
    row: PlanRow | None = None
    """The row of the plan; None where none was compiled."""

    @property
    def plan_id(self) -> str:
        """Id of the plan in hexadecimal digits; empty where none was compiled."""
        return self.row.plan_id.hex() if self.row else ""


@dataclass(eq=False, slots=True)
class Edit:
    """A change that somebody asks for.

    `respond` makes the answer that is kept for repeats; it is called before the change is durable.
    """

    actor: Actor
    action: str
    documents: Sequence[DocumentInput] = ()
    removed: Sequence[str] = ()
    prune: bool = False
    include_drafts: bool = False
    etags: Mapping[str, str] = field(default_factory=dict)
    """By name the version that the author saw; `""` there, or no entry: not compared."""
    etag: str = ""
    """The same for an edit of one document, whose name its body may state."""
    create_only: bool = False
    activate: bool = True
    validate_only: bool = False
    respond: Callable[[Outcome], bytes] | None = None
    response: bytes = b""
    done: "asyncio.Future[Outcome] | None" = None


@dataclass(frozen=True, slots=True)
class Heads:
    """What an edit is checked against: documents, drafts, and the greatest version number of each
    name that has, or had, any.
    """

    catalog: Catalog
    drafts: Mapping[str, StoredDocument]
    numbers: Mapping[str, int]

    def newest(self, name: str) -> StoredDocument | None:
        """Returns the newest version of a document, drafts included."""
        draft = self.drafts.get(name)
        return draft if draft is not None else self.catalog.documents.get(name)


@dataclass(slots=True)
class Staged:
    """An edit whose change is known and not yet compiled."""

    edit: Edit
    revisions: list[Revision]
    names: list[str]


@dataclass(slots=True)
class Group:
    """Edits that are compiled together, and what came of it.

    `refused` holds the edits that failed, each with its own error.
    """

    heads: Heads
    staged: list[Staged] = field(default_factory=list)
    refused: list[tuple[Edit, Exception]] = field(default_factory=list)
    applied: Applied | None = None
    image: bytes = b""

    @property
    def row(self) -> PlanRow:
        """The row of the plan, as of now."""
        assert self.applied is not None
        actor = self.staged[-1].edit.actor
        return row_new(self.applied, bytes(self.image[_PLAN_ID_AT]), len(self.image), actor)


def compile_group(heads: Heads, edits: Sequence[Edit]) -> Group:
    """Returns the plan of as many of the edits as are right, one after the other.

    When the plan of all is refused, those that the faults do not name are tried alone, then each
    half of the rest: one bad edit costs about two compilations more, and fails nobody else. Edits
    that wait together have no order among them.

    Cost: that of Catalog.planned and build_image; to be called off the event loop
    """
    group = Group(heads)
    _try(group, list(edits))
    if group.applied is not None:
        group.image = build_image(group.applied.model)
    return group


def _try(group: Group, edits: list[Edit]) -> None:
    if not edits:
        return
    heads, staged_before = group.heads, len(group.staged)
    for edit in edits:
        try:
            group.heads, staged = stage(group.heads, edit)
        except (DocumentsRefused, Refused) as error:
            group.refused.append((edit, error))
        else:
            group.staged.append(staged)
    tried = group.staged[staged_before:]
    if not tried:
        return
    try:
        base = group.applied.catalog if group.applied else heads.catalog
        applied = group.heads.catalog.planned(base)
    except DocumentsRefused as refused:
        group.heads = heads
        del group.staged[staged_before:]
        if len(tried) == 1:
            group.refused.append((tried[0].edit, refused))
            return
        for part in _parts(tried, refused.violations):
            _try(group, part)
        return
    if group.applied is not None:
        applied = _joined(group.applied, applied)
    group.applied = applied
    group.heads = Heads(applied.catalog, group.heads.drafts, group.heads.numbers)


def _joined(before: Applied, after: Applied) -> Applied:
    """The entries of both; a key that stands twice keeps what was written last."""
    entries = dict(before.entries) | dict(after.entries)
    return Applied(after.model, list(entries.items()), after.warnings, after.catalog)


def _parts(tried: Sequence[Staged], violations: Sequence[Violation]) -> tuple[list[Edit], ...]:
    """Parts the edits that the faults name from the others; in two halves where that parts
    nothing.
    """
    named = {violation.document for violation in violations}
    suspects = [staged.edit for staged in tried if named & set(staged.names)]
    others = [staged.edit for staged in tried if not named & set(staged.names)]
    if suspects and others:
        return others, suspects
    edits = [staged.edit for staged in tried]
    middle = len(edits) // 2
    return edits[:middle], edits[middle:]


def stage(heads: Heads, edit: Edit) -> tuple[Heads, Staged]:
    """Returns the documents after an edit, and its new versions.

    Errors: DocumentsRefused; Refused(ETAG_MISMATCH, DOCUMENT_EXISTS, DOCUMENT_NOT_FOUND)
    """
    actor = edit.actor
    inputs = list(edit.documents)
    given = {f"{item.kind}/{item.document_id}" for item in inputs}
    if edit.include_drafts:
        inputs += [
            DocumentInput(draft.text, draft.kind, draft.id)
            for name, draft in heads.drafts.items()
            if name not in given and name not in edit.removed
        ]
    changes = heads.catalog.changed(
        inputs, edit.removed, actor.author, actor.note, actor.now_us, heads.numbers
    )
    if changes.violations:
        raise DocumentsRefused(changes.violations)
    catalog, removed = changes.catalog, list(edit.removed)
    if edit.prune:
        kept = set(changes.names)
        removed += [name for name in catalog.documents if name not in kept]
        catalog = catalog.without(removed)
    for name in [*changes.names, *removed]:
        etag_check(heads, name, edit.etag or edit.etags.get(name, ""))
        if edit.create_only and heads.newest(name) is not None:
            raise Refused("DOCUMENT_EXISTS", "document.document_id", name)
    revisions = [
        Revision(
            document,
            Change.CHANGED if f"{document.kind}/{document.id}" in heads.catalog.documents
            else Change.ADDED,
        )
        for document in changes.revisions
    ]  # fmt: skip
    revisions += [Revision(removal(heads, name, actor), Change.REMOVED) for name in removed]
    drafts = {
        name: draft
        for name, draft in heads.drafts.items()
        if name not in set(changes.names) and name not in removed
    }
    numbers = dict(heads.numbers) | {r.name: r.document.version for r in revisions}
    return Heads(catalog, drafts, numbers), Staged(edit, revisions, [*changes.names, *removed])


def etag_check(heads: Heads, name: str, etag: str) -> None:
    """Refuses an edit of another version than its author saw.

    Errors: Refused(ETAG_MISMATCH)
    """
    newest = heads.newest(name)
    if etag and (newest is None or newest.etag != etag):
        raise Refused("ETAG_MISMATCH", "etag", newest.etag if newest else "")


def removal(heads: Heads, name: str, actor: Actor) -> StoredDocument:
    """Returns the version that says that a document is there no longer."""
    before = heads.newest(name)
    assert before is not None, "what is removed was there"
    return StoredDocument(
        before.kind, before.id, {}, "", "", actor.author, actor.note, before.create_time_us,
        actor.now_us, "", heads.numbers.get(name, before.version) + 1,
    )  # fmt: skip


def draft_of(heads: Heads, name: str, body: Body, text: str, actor: Actor) -> StoredDocument:
    """Returns the draft that a document becomes; its newest version where that has this content."""
    newest = heads.newest(name)
    number = max(newest.version if newest else 0, heads.numbers.get(name, 0)) + 1
    return revised(newest, name, body, text, actor.author, actor.note, actor.now_us, number)
