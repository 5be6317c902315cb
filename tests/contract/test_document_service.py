"""The contract of kairos.v1.DocumentService."""

import asyncio
import json
import shutil

from contract.desk import OTHER_KEY, START_US, desk, trigger
from contract.transport import run
from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import document_pb2
from kairos_server.errors import Code

DRAFT = document_pb2.DOCUMENT_STATE_DRAFT
CURRENT = document_pb2.DOCUMENT_STATE_CURRENT
DELETED = document_pb2.DOCUMENT_STATE_DELETED
SUPERSEDED = document_pb2.DOCUMENT_STATE_SUPERSEDED
ADDED, CHANGED, REMOVED, DRAFTED = (
    document_pb2.DOCUMENT_CHANGE_ADDED,
    document_pb2.DOCUMENT_CHANGE_CHANGED,
    document_pb2.DOCUMENT_CHANGE_REMOVED,
    document_pb2.DOCUMENT_CHANGE_DRAFTED,
)


def policy(versions_kept: int) -> document_pb2.Document:
    return document_pb2.Document(
        body=json.dumps({"kind": "policy", "id": "documents", "versions_kept": versions_kept})
    )


def test_a_put_document_is_active_at_once(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            first = await server.put(trigger("t", 'event.type == "a"'), author="ann", note="why")
            document = first.document
            assert (document.kind, document.document_id, document.version) == ("trigger", "t", 1)
            assert (document.state, document.author, document.note) == (CURRENT, "ann", "why")
            assert document.canonical_condition == 'event.type == "a"'
            assert first.changed
            assert server.engine.active_plan(3).hex() == first.plan_id
            spelled = 'kind: trigger # dressed\nid: "t"\ncondition: event.type == "a"'
            again = await server.put(document_pb2.Document(body=spelled))
            assert (again.changed, again.document) == (False, document)
            second = await server.put(trigger("t", "false"))
            assert (second.document.version, second.document.create_time_us) == (
                2, document.create_time_us,
            )  # fmt: skip
            assert second.document.etag != document.etag
            assert second.warnings == ["trigger/t: its condition can never fire."]
            got = await server.call("GetDocument", kind="trigger", document_id="t")
            assert got.document == second.document
            old = await server.call("GetDocument", kind="trigger", document_id="t", version=1)
            assert (old.document.body, old.document.state) == (document.body, SUPERSEDED)

    run(test())


def test_a_put_that_only_validates_changes_nothing(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            before = server.engine.figures()["applied_sequence"]
            answer = await server.put(trigger("t"), validate_only=True, request_id="r")
            assert (answer.document.version, answer.changed) == (1, True)
            answer = await server.put(trigger("t"), validate_only=True, draft=True)
            assert answer.document.state == DRAFT
            assert server.engine.figures()["applied_sequence"] == before
            error = await server.refusal("GetDocument", kind="trigger", document_id="t")
            assert error.reason == "DOCUMENT_NOT_FOUND"

    run(test())


def test_puts_that_are_refused(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            first = await server.put(trigger("t"))
            await server.put(trigger("t", "false"))
            stale = await server.refusal("PutDocument", document=trigger("t", etag="ab"))
            assert (stale.code, stale.reason, stale.field) == (
                Code.ABORTED, "ETAG_MISMATCH", "etag",
            )  # fmt: skip
            for document, words in (
                (trigger("t", etag=first.document.etag), "ETAG_MISMATCH"),
                (trigger("new", etag=first.document.etag), "ETAG_MISMATCH"),
                (trigger("t", "event.prize == 1"), "DOCUMENT_INVALID"),
                (trigger("t", kind="content"), "DOCUMENT_INVALID"),
                (document_pb2.Document(), "FIELD_REQUIRED"),
                (document_pb2.Document(body="x" * 300_000), "DOCUMENT_INVALID"),
                (document_pb2.Document(body="kind: segment\nid: s"), "DOCUMENT_INVALID"),
            ):
                error = await server.refusal("PutDocument", document=document)
                assert error.reason == words, document
            error = await server.refusal("PutDocument", document=trigger("t"), create_only=True)
            assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "DOCUMENT_EXISTS")
            error = await server.refusal("PutDocument", document=trigger("u"), note="n" * 1025)
            assert error.violations[0].field == "note"
            error = await server.refusal("PutDocument", document=trigger("u"), request_id="x" * 65)
            assert error.reason == "REQUEST_ID_INVALID"

    run(test())


def test_a_repeat_gets_the_first_answer_also_after_a_restart(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            first = await server.put(trigger("t"), request_id="r-1")
            await server.put(trigger("t", "false"))
            sequence = server.engine.figures()["applied_sequence"]
            assert await server.put(trigger("t"), request_id="r-1") == first
            both = await asyncio.gather(
                *(server.put(trigger("two"), request_id="r-2") for _ in range(3))
            )
            assert both[0] == both[1] == both[2]
            assert server.engine.figures()["applied_sequence"] == sequence + 1
            reused = await server.refusal("PutDocument", document=trigger("x"), request_id="r-1")
            assert reused.reason == "REQUEST_ID_REUSED"
        async with desk(tmp_path / "data") as server:
            assert await server.put(trigger("t"), request_id="r-1") == first
            server.now_us += 3_600_000_000 - 1_000_000
            assert await server.put(trigger("t"), request_id="r-1") == first
            server.now_us += 1_000_000
            later = await server.put(trigger("t"), request_id="r-1")
            assert later.document.version == 3
            stored = server.engine.documents_of(3, "server/request/")
            assert list(stored) == ["server/request/r-1", "server/request/r-2"]
            await server.put(trigger("u"), request_id="r-3")
            stored = server.engine.documents_of(3, "server/request/")
            assert list(stored) == ["server/request/r-1", "server/request/r-3"]

    run(test())


def test_edits_that_come_together_are_compiled_together_and_judged_alone(tmp_path, monkeypatch):
    async def test():
        from kairos_server.catalog import Catalog

        counted = []
        planned = Catalog.planned
        monkeypatch.setattr(Catalog, "planned", lambda *given: counted.append(1) or planned(*given))
        async with desk(tmp_path / "data") as server:
            documents = [trigger(f"t{n}") for n in range(40)]
            documents[7] = trigger("t7", "event.nothing == 1")
            documents[30] = trigger("t30", etag="stale")
            sequence = server.engine.figures()["applied_sequence"]
            answers = await asyncio.gather(
                *(server.put(document) for document in documents), return_exceptions=True
            )
            failed = {i: a.reason for i, a in enumerate(answers) if isinstance(a, Exception)}
            assert failed == {7: "DOCUMENT_INVALID", 30: "ETAG_MISMATCH"}
            listed = await server.call("ListDocuments", page_size=100)
            assert len(listed.documents) == 38
            assert len(counted) <= 4, "one alone, the others together, the bad one again"
            assert server.engine.figures()["applied_sequence"] <= sequence + 2

    run(test())


def test_a_change_that_breaks_another_document_fails_alone(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            schema = "kind: schema\nattributes: {price: int, other: int}"
            await server.put(document_pb2.Document(body=schema))
            await server.put(trigger("t", "event.price > 1"))
            bad = document_pb2.Document(body="kind: schema\nattributes: {other: int}")
            answers = await asyncio.gather(
                server.put(trigger("a")), server.put(trigger("b")), server.put(bad),
                server.put(trigger("c")), return_exceptions=True,
            )  # fmt: skip
            assert [getattr(a, "reason", "") for a in answers] == ["", "", "DOCUMENT_INVALID", ""]

    run(test())


def test_edits_of_one_document_that_come_together_keep_every_version(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await server.put(trigger("first"))
            answers = await asyncio.gather(
                *(server.put(trigger("t", f'event.type == "{n}"')) for n in range(5))
            )
            assert sorted(a.document.version for a in answers) == [1, 2, 3, 4, 5]
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            assert [v.document.version for v in history.versions] == [5, 4, 3, 2, 1]
            assert [v.change for v in history.versions] == [CHANGED] * 4 + [ADDED]
            assert [v.document.body for v in reversed(history.versions)] == [
                a.document.body for a in sorted(answers, key=lambda a: a.document.version)
            ]

    run(test())


def test_drafts_are_seen_and_not_compiled(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await server.put(trigger("t", "true"))
            plan_id = server.engine.active_plan(3)
            draft = await server.put(trigger("t", "event.nothing > 1"), draft=True, author="bob")
            assert (draft.document.state, draft.document.version) == (DRAFT, 2)
            assert "event.nothing is not known" in draft.warnings[0]
            assert (draft.plan_id, server.engine.active_plan(3)) == ("", plan_id)
            got = await server.call("GetDocument", kind="trigger", document_id="t")
            assert (got.document.state, got.document.author) == (DRAFT, "bob")
            await server.put(trigger("other"))
            assert (await server.call("GetDocument", kind="trigger", document_id="t")) == got
            listed = await server.call("ListDocuments", state=DRAFT)
            assert [d.document_id for d in listed.documents] == ["t"]
            same = await server.put(trigger("t", "event.nothing > 1"), draft=True)
            assert not same.changed
            stale = await server.refusal(
                "PutDocument", document=trigger("t", "false", etag="00"), draft=True
            )
            assert stale.reason == "ETAG_MISMATCH"
            dropped = await server.call(
                "DeleteDocument", kind="trigger", document_id="t", draft=True
            )
            assert (dropped.document.state, dropped.document.version) == (CURRENT, 1)
            error = await server.refusal(
                "DeleteDocument", kind="trigger", document_id="t", draft=True
            )
            assert error.reason == "DOCUMENT_NOT_FOUND"
            after = await server.put(trigger("t", "false"))
            assert after.document.version == 3, "numbers are never given twice"
        async with desk(tmp_path / "data") as server:
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            assert [(v.change, v.document.state) for v in history.versions] == [
                (CHANGED, CURRENT), (DRAFTED, SUPERSEDED), (ADDED, SUPERSEDED),
            ]  # fmt: skip

    run(test())


def test_a_draft_becomes_a_document_when_it_is_applied(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await server.put(trigger("t", 'event.type == "x"'), draft=True)
            await server.put(trigger("u"), draft=True)
            await server.call("ApplyDocuments", documents=[trigger("u", "false")], activate=True)
            listed = await server.call("ListDocuments")
            states = {d.document_id: d.state for d in listed.documents}
            assert states == {"t": DRAFT, "u": CURRENT}
            await server.call("ApplyDocuments", include_drafts=True, activate=True)
            got = await server.call("GetDocument", kind="trigger", document_id="t")
            assert (got.document.state, got.document.version) == (CURRENT, 2)
            assert got.document.canonical_condition == 'event.type == "x"'

    run(test())


def test_a_removed_document_keeps_its_history_and_its_numbers(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            first = await server.put(trigger("t"))
            stale = await server.refusal(
                "DeleteDocument", kind="trigger", document_id="t", etag="00"
            )
            assert stale.reason == "ETAG_MISMATCH"
            seen = await server.call(
                "DeleteDocument", kind="trigger", document_id="t", validate_only=True
            )
            assert (seen.document.state, seen.document.version) == (DELETED, 2)
            gone = await server.call(
                "DeleteDocument", kind="trigger", document_id="t", author="eve",
                etag=first.document.etag, request_id="r",
            )  # fmt: skip
            assert (gone.document.version, gone.document.body) == (2, "")
            assert server.engine.active_plan(3).hex() == gone.plan_id
            again = await server.call(
                "DeleteDocument", kind="trigger", document_id="t", author="eve",
                etag=first.document.etag, request_id="r",
            )  # fmt: skip
            assert again == gone
            for name in ("GetDocument", "DeleteDocument"):
                error = await server.refusal(name, kind="trigger", document_id="t")
                assert (error.code, error.reason) == (Code.NOT_FOUND, "DOCUMENT_NOT_FOUND")
        async with desk(tmp_path / "data") as server:
            back = await server.put(trigger("t"))
            assert back.document.version == 3
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            assert [v.change for v in history.versions] == [ADDED, REMOVED, ADDED]
            assert history.versions[1].document.author == "eve"
            needed = document_pb2.Document(body="kind: content\nid: c\nplacements: [p]")
            place = document_pb2.Document(body="kind: placement\nid: p\nfallback: c")
            await server.call("ApplyDocuments", documents=[needed, place], activate=True)
            error = await server.refusal("DeleteDocument", kind="content", document_id="c")
            assert error.reason == "DOCUMENT_INVALID"

    run(test())


def test_as_many_versions_are_kept_as_the_policy_says(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await server.put(policy(3))
            for number in range(6):
                await server.put(trigger("t", f'event.type == "{number}"'))
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            assert [v.document.version for v in history.versions] == [6, 5, 4]
            error = await server.refusal("GetDocument", kind="trigger", document_id="t", version=3)
            assert error.reason == "DOCUMENT_NOT_FOUND"
            await server.put(policy(2))
            await server.put(trigger("t", "false"))
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            assert [v.document.version for v in history.versions] == [7, 6]

    run(test())


def test_lists_are_walked_page_by_page(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            documents = [trigger(f"t{n}") for n in range(7)] + [policy(5)]
            await server.call("ApplyDocuments", documents=documents, activate=True)
            await server.put(trigger("x"), draft=True)
            names, token = [], ""
            while True:
                page = await server.call("ListDocuments", page_size=3, page_token=token)
                names.append([d.document_id for d in page.documents])
                token = page.next_page_token
                if not token:
                    break
            assert names == [["documents", "t0", "t1"], ["t2", "t3", "t4"], ["t5", "t6", "x"]]
            some = await server.call("ListDocuments", kind="trigger", id_prefix="t1")
            assert [d.document_id for d in some.documents] == ["t1"]
            mask = FieldMask(paths=["document_id", "etag"])
            masked = await server.call("ListDocuments", read_mask=mask, page_size=1)
            assert [f.name for f, _ in masked.documents[0].ListFields()] == ["document_id", "etag"]
            for name, fields, reason in (
                ("ListDocuments", {"page_size": -1}, "PAGE_INVALID"),
                ("ListDocuments", {"page_token": "x"}, "PAGE_INVALID"),
                ("ListDocuments", {"state": DELETED}, "FIELD_INVALID"),
                ("ListDocuments", {"read_mask": FieldMask(paths=["x"])}, "FIELD_MASK_INVALID"),
                ("GetDocument", {"read_mask": FieldMask(paths=["x"])}, "FIELD_MASK_INVALID"),
                ("GetDocument", {"kind": "trigger"}, "FIELD_REQUIRED"),
                ("ListDocumentVersions", {"kind": "t", "document_id": "t"}, "DOCUMENT_NOT_FOUND"),
            ):
                error = await server.refusal(name, **fields)
                assert error.reason == reason, name
            other = await server.call("ListDocuments", key=OTHER_KEY)
            assert not other.documents, "tenants do not see each other"

    run(test())


def test_history_is_walked_page_by_page(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            for number in range(5):
                await server.put(trigger("t", f'event.type == "{number}"'))
            versions, token = [], ""
            while True:
                page = await server.call(
                    "ListDocumentVersions", kind="trigger", document_id="t", page_size=2,
                    page_token=token, read_mask=FieldMask(paths=["version"]),
                )  # fmt: skip
                versions.append([v.document.version for v in page.versions])
                token = page.next_page_token
                if not token:
                    break
            assert versions == [[5, 4], [3, 2], [1]]
            first = await server.call(
                "ListDocumentVersions", kind="trigger", document_id="t", page_size=2
            )
            error = await server.refusal(
                "ListDocumentVersions", kind="trigger", document_id="u",
                page_token=first.next_page_token,
            )  # fmt: skip
            assert error.reason == "PAGE_INVALID", "a token belongs to its document"

    run(test())


def test_a_page_ends_before_it_would_exceed_a_message(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            bodies = [
                json.dumps({"kind": "placement", "id": f"p{number}", "description": "x" * 250_000})
                for number in range(10)
            ]
            documents = [document_pb2.Document(body=body) for body in bodies]
            await server.call("ApplyDocuments", documents=documents, activate=True)
            first = await server.call("ListDocuments", page_size=100)
            assert first.ByteSize() < 2_200_000
            rest = await server.call(
                "ListDocuments", page_size=100, page_token=first.next_page_token
            )
            assert len(first.documents) + len(rest.documents) == 10

    run(test())


def test_the_log_alone_brings_everything_back(tmp_path):
    async def test():
        async def everything(server):
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            listed = await server.call("ListDocuments")
            audit = await server.call("ListAuditEntries")
            return history, listed, audit, server.engine.active_plan(3)

        async with desk(tmp_path / "data") as server:
            first = await server.put(trigger("t"), request_id="r")
            await server.put(trigger("t", "false"))
            await server.put(trigger("d"), draft=True)
            await server.call("DeleteDocument", kind="trigger", document_id="t")
            before = await everything(server)
        shutil.rmtree(tmp_path / "data" / "view")
        async with desk(tmp_path / "data") as server:
            assert await everything(server) == before
            assert await server.put(trigger("t"), request_id="r") == first

    run(test())


def test_times_are_those_of_the_calls(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            server.now_us = START_US + 5
            first = await server.put(trigger("t"))
            server.now_us = START_US + 50
            second = await server.put(trigger("t", "false"))
            assert first.document.update_time_us == START_US + 5
            assert second.document.create_time_us == START_US + 5
            assert second.document.update_time_us == START_US + 51

    run(test())
