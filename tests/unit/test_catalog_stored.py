"""What the catalog stores, and that it compiles to the same plan when read back."""

import json

import pytest
from kairos_server.catalog import (
    Catalog,
    DocumentInput,
    DocumentsRefused,
    build_image,
    split_documents,
)
from reference.packs import BASE, CONTENTS, EXIT_PREVENTION, apply


def stored(
    catalog_entries: list[tuple[str, bytes]], before: dict[str, bytes] | None = None
) -> dict[str, bytes]:
    result = dict(before or {})
    for key, value in catalog_entries:
        if value:
            result[key] = value
        else:
            del result[key]
    return result


def test_storing_and_reading_back_gives_the_same_plan() -> None:
    first = apply(CONTENTS, DocumentInput(EXIT_PREVENTION, kind="trigger"))
    kept = stored(first.entries) | {"plan/00": b"{}"}
    again = Catalog.from_documents(1, kept)
    assert again.compiled().model == first.model
    assert build_image(again.compiled().model) == build_image(first.model)
    unchanged = again.apply(split_documents(BASE), [], "someone", "else", 9)
    assert unchanged.entries == []
    assert unchanged.model == first.model


def test_revisions_and_removals() -> None:
    first = apply("kind: trigger\nid: t\ncondition: event.price > 1")
    changed = first.catalog.apply(
        [DocumentInput('{"condition": "event.price > 2"}', "trigger", "t")], [], "b", "why", 9
    )
    assert [key for key, _ in changed.entries] == ["document/trigger/t"]
    document = changed.catalog.documents["trigger/t"]
    assert (
        document.version,
        document.create_time_us,
        document.update_time_us,
        document.author,
        document.cel,
    ) == (2, 7, 9, "b", "event.price > 2")
    assert document.etag != first.catalog.documents["trigger/t"].etag
    gone = changed.catalog.apply([], ["trigger/t"], "", "", 10)
    assert gone.entries == [("document/trigger/t", b"")]
    assert (gone.model.trigger_rules, gone.model.trigger_names) == ((), ("t",))
    assert (
        Catalog.from_documents(
            1, stored(gone.entries, stored(changed.entries, stored(first.entries)))
        )
        .compiled()
        .model
        == gone.model
    )


def test_requests_that_contradict_themselves() -> None:
    catalog = apply("kind: trigger\nid: t\ncondition: 'event.price > 1'").catalog
    same = DocumentInput("kind: trigger\nid: t\ncondition: 'true'")
    for documents, removed, words in [
        ([same, same], [], "stands twice"),
        ([same], ["trigger/t"], "stands twice"),
        ([], ["trigger/x"], "there is no document trigger/x"),
        (
            [DocumentInput("kind: trigger\nid: t\ncondition: 'true'", "content")],
            [],
            "the request says content, the body trigger",
        ),
        ([], ["trigger/t", "trigger/t"], "stands twice"),
    ]:
        with pytest.raises(DocumentsRefused, match=words):
            catalog.apply(documents, removed, "", "", 8)


def test_the_parser_remembers_stored_documents_only() -> None:
    catalog = apply("kind: trigger\nid: t\ncondition: event.price > 1").catalog
    count = len(catalog._parser._parsed)
    for index in range(5):
        kept = set(catalog._parser._parsed)
        changed = DocumentInput(
            json.dumps({"kind": "trigger", "id": "t", "condition": f"event.price > {index}.5"})
        )
        bad = DocumentInput('{"kind": "trigger", "id": "u", "condition": "event.nope"}')
        with pytest.raises(DocumentsRefused):
            catalog.apply([changed, bad], [], "", "", 8)
        assert set(catalog._parser._parsed) == kept
        catalog = catalog.apply([changed], [], "", "", 8).catalog
        assert len(catalog._parser._parsed) == count
