"""Documents of the administration as messages of the contract."""

from collections.abc import Iterable
from typing import Final

from kairos.v1 import document_pb2 as documents

from kairos_server.administration import Change, DocumentDiff, Heads, Version
from kairos_server.catalog import StoredDocument, Violation

_CHANGES: Final = {
    Change.ADDED: documents.DOCUMENT_CHANGE_ADDED,
    Change.CHANGED: documents.DOCUMENT_CHANGE_CHANGED,
    Change.REMOVED: documents.DOCUMENT_CHANGE_REMOVED,
    Change.DRAFTED: documents.DOCUMENT_CHANGE_DRAFTED,
}
PAGE_SIZE_MAX: Final = 2 << 20
"""Bytes of documents on one page: below the message size that clients accept by default."""


def document_message(
    document: StoredDocument | Version, state: documents.DocumentState
) -> documents.Document:
    """Returns one version of a document."""
    return documents.Document(
        kind=document.kind,
        document_id=document.id,
        body=document.text,
        version=document.version,
        etag=document.etag,
        state=state,
        canonical_condition=document.cel,
        create_time_us=document.create_time_us,
        update_time_us=document.update_time_us,
        author=document.author,
        note=document.note,
    )


def state_of(heads: Heads, document: StoredDocument | Version) -> documents.DocumentState:
    """Returns what a version of a document is now."""
    name = f"{document.kind}/{document.id}"
    for stored, state in (
        (heads.drafts.get(name), documents.DOCUMENT_STATE_DRAFT),
        (heads.catalog.documents.get(name), documents.DOCUMENT_STATE_CURRENT),
    ):
        if stored is not None and stored.version == document.version:
            return state
    if not document.text:
        return documents.DOCUMENT_STATE_DELETED
    return documents.DOCUMENT_STATE_SUPERSEDED


def change_value(change: Change) -> documents.DocumentChange:
    """Returns the enum's value of a change."""
    return _CHANGES[change]


def diff_messages(diffs: Iterable[DocumentDiff]) -> list[documents.DocumentDiff]:
    """Returns the differences of documents."""
    return [
        documents.DocumentDiff(
            kind=diff.kind,
            document_id=diff.id,
            change=change_value(diff.change),
            text_diff=diff.text,
            paths=[
                documents.PathDiff(path=p.path, old_value=p.old_value, new_value=p.new_value)
                for p in diff.paths
            ],
            truncated=diff.truncated,
        )
        for diff in diffs
    ]


def violation_messages(violations: Iterable[Violation]) -> list[documents.DocumentViolation]:
    """Returns the faults of documents."""
    return [
        documents.DocumentViolation(
            document=fault.document,
            path=fault.path,
            reason=fault.reason,
            description=fault.description,
        )
        for fault in violations
    ]
