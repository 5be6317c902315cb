"""Drafts: documents that are stored for people to see and that plans do not know."""

import asyncio

from kairos_server.catalog import DocumentInput, DocumentsRefused, Fault, Violation, read_document
from kairos_server.errors import Refused

from .edits import Edit, Heads, Outcome, Revision, draft_of, etag_check
from .store import DocumentStore, number_json
from .versions import DRAFT_PREFIX, REMOVED_PREFIX, Change, version_of


async def draft_put(store: DocumentStore, tenant: int, edit: Edit) -> Outcome:
    """Stores the only document of an edit as a draft; its faults become warnings, as far as it can
    be read at all.

    Errors: catalog.DocumentsRefused; Refused(ETAG_MISMATCH, DOCUMENT_EXISTS, …)
    """
    item, actor = edit.documents[0], edit.actor
    try:
        name, body = read_document(item)
    except Fault as fault:
        violation = Violation("documents[0]", fault.suffix, fault.reason, fault.description)
        raise DocumentsRefused([violation]) from None
    state = await store.state(tenant)
    async with state.lock:
        heads = state.heads
        etag_check(heads, name, edit.etag)
        if edit.create_only and heads.newest(name) is not None:
            raise Refused("DOCUMENT_EXISTS", "document.document_id", name)
        warnings = await asyncio.to_thread(_warnings, heads, item)
        draft = draft_of(heads, name, body, item.body, actor)
        changed = draft is not heads.newest(name)
        revisions = [Revision(draft, Change.DRAFTED)] if changed else []
        outcome = Outcome(revisions, {name: draft}, warnings)
        if edit.validate_only:
            return outcome
        entries = []
        if changed:
            entry = state.audit.entry(
                actor, "documents.draft", f"documents/{name}", version=draft.version,
                etag=draft.etag,
            )  # fmt: skip
            version = version_of(draft, Change.DRAFTED, entry.entry_id)
            entries = [
                (DRAFT_PREFIX + name, draft.to_json()),
                (version.key, version.to_json()),
                (entry.key, entry.to_json()),
            ]
        response = edit.respond(outcome) if edit.respond else b""
        await store.write(tenant, state, actor, entries, response)
        if changed:
            drafts = dict(sorted({**heads.drafts, name: draft}.items()))
            numbers = {**heads.numbers, name: draft.version}
            state.heads = Heads(heads.catalog, drafts, numbers)
        return outcome


async def draft_delete(store: DocumentStore, tenant: int, name: str, edit: Edit) -> Outcome:
    """Removes a draft; its version stays in the history.

    Errors: Refused(DOCUMENT_NOT_FOUND, ETAG_MISMATCH, …)
    """
    state, actor = await store.state(tenant), edit.actor
    async with state.lock:
        heads = state.heads
        draft = heads.drafts.get(name)
        if draft is None:
            raise Refused("DOCUMENT_NOT_FOUND", "document_id", name)
        etag_check(heads, name, edit.etag)
        current = heads.catalog.documents.get(name)
        outcome = Outcome(documents={name: current or draft})
        if edit.validate_only:
            return outcome
        entry = state.audit.entry(
            actor, "documents.draft_delete", f"documents/{name}", version=draft.version,
            etag=draft.etag,
        )  # fmt: skip
        entries = [
            (DRAFT_PREFIX + name, b""),
            (REMOVED_PREFIX + name, number_json(draft.version)),
            (entry.key, entry.to_json()),
        ]
        response = edit.respond(outcome) if edit.respond else b""
        await store.write(tenant, state, actor, entries, response)
        drafts = {other: item for other, item in heads.drafts.items() if other != name}
        state.heads = Heads(heads.catalog, drafts, heads.numbers)
        return outcome


def _warnings(heads: Heads, item: DocumentInput) -> list[str]:
    """Returns what would be wrong if the draft were in force now, with the other drafts."""
    name, _ = read_document(item)
    others = [
        DocumentInput(draft.text, draft.kind, draft.id)
        for other, draft in heads.drafts.items()
        if other != name
    ]
    try:
        changes = heads.catalog.changed([item, *others], [], "", "", 0)
        applied = changes.catalog.planned(heads.catalog)
    except DocumentsRefused as refused:
        return [
            ": ".join(part for part in (name, fault.path, fault.description) if part)
            for fault in refused.violations
            if fault.document == name
        ]
    return [text for text in applied.warnings if text.startswith(f"{name}:")]
