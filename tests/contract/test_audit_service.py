"""The contract of kairos.v1.AuditService: every administrative change has its entry."""

import json

from contract.desk import KEY, OTHER_KEY, START_US, TENANT, desk, trigger
from contract.transport import run
from kairos_server.administration import Actor
from kairos_server.errors import Code
from kairos_server.rpc import key_hash

FRAME_DOCUMENTS, FRAME_ACTIVATION = 3, 4


async def entries(server, **fields):
    """All entries that fit, over all pages; asserts that pages never lose their way."""
    found, token = [], ""
    for _ in range(1_000):
        page = await server.call("ListAuditEntries", page_token=token, **fields)
        found += page.entries
        token = page.next_page_token
        if not token:
            return found
    raise AssertionError("the pages have no end")


def test_every_change_has_its_entry(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            put = await server.put(trigger("t"), author="ann", note="first", request_id="r-1")
            await server.put(trigger("d"), draft=True, author="bob")
            applied = await server.call(
                "ApplyDocuments", documents=[trigger("t", "false")], author="cid", activate=True
            )
            await server.call("DeleteDocument", kind="trigger", document_id="d", author="dan")
            await server.call("DeleteDocument", kind="trigger", document_id="t", author="eve")
            await server.call("RollBackPlan", author="fay", note="oops")
            await server.call("ActivatePlan", plan_id=put.plan_id, author="gus")
            await server.call("ActivatePlan", plan_id=put.plan_id, author="nobody")
            seen = await entries(server)
            assert [(e.action, e.resource, e.author) for e in reversed(seen)] == [
                ("documents.put", "documents/trigger/t", "ann"),
                ("plans.activate", f"plans/{put.plan_id}", "ann"),
                ("documents.draft", "documents/trigger/d", "bob"),
                ("documents.apply", "documents/trigger/t", "cid"),
                ("plans.activate", f"plans/{applied.plan.plan_id}", "cid"),
                ("documents.draft_delete", "documents/trigger/d", "dan"),
                ("documents.delete", "documents/trigger/t", "eve"),
                ("plans.activate", seen[2].resource, "eve"),
                ("plans.roll_back", f"plans/{applied.plan.plan_id}", "fay"),
                ("plans.activate", f"plans/{put.plan_id}", "gus"),
            ]
            first = seen[-1]
            assert (first.version, first.etag) == (1, put.document.etag)
            assert (first.note, first.request_id) == ("first", "r-1")
            assert first.peer == "192.0.2.1:4711"
            assert first.key_id == key_hash(KEY).hex()[:16]
            assert first.method == "/kairos.v1.DocumentService/PutDocument"
            assert first.time_us == put.document.update_time_us
            assert {d.name: d.value for d in first.details} == {
                "change": "ADDED", "plan_id": put.plan_id,
            }  # fmt: skip
            history = await server.call("ListDocumentVersions", kind="trigger", document_id="t")
            assert history.versions[-1].entry_id == first.entry_id
            got = await server.call("GetAuditEntry", entry_id=first.entry_id)
            assert got.entry == first
        async with desk(tmp_path / "data") as server:
            assert await entries(server, page_size=3) == seen

    run(test())


def test_an_entry_stands_in_the_record_of_its_change(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            before = server.engine.figures()["applied_sequence"]
            await server.put(trigger("t"), author="ann")
            await server.put(trigger("d"), draft=True)
            records = server.engine.log_records(before + 1)
            assert [record[1] for record in records] == [FRAME_ACTIVATION, FRAME_DOCUMENTS]
            for record in records:
                assert b"server/audit/" in record[5]
                assert b"server/version/" in record[5]
            assert b"document/trigger/t" in records[0][5]

    run(test())


def test_filters(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            for number in range(6):
                server.now_us = START_US + number * 1_000
                await server.put(
                    trigger(f"t{number % 3}", f'event.type == "{number}"'), author=f"a{number % 2}"
                )
            of_one = await entries(server, resource_prefix="documents/trigger/t1")
            assert [e.version for e in of_one] == [2, 1]
            assert len(await entries(server, resource_prefix="plans/", page_size=4)) == 6
            assert len(await entries(server, author="a1", action="documents.put")) == 3
            assert await entries(server, author="nobody") == []
            some = await entries(
                server, start_time_us=START_US + 2_000, end_time_us=START_US + 4_000
            )
            assert {e.time_us // 1_000 for e in some} == {
                (START_US + 2_000) // 1_000, (START_US + 3_000) // 1_000,
            }  # fmt: skip
            assert len(some) == 4
            assert await entries(server, key=OTHER_KEY) == []

    run(test())


def test_a_filter_that_nothing_passes_ends(tmp_path, monkeypatch):
    async def test():
        monkeypatch.setattr("kairos_server.rpc.audit_service.SCANNED_MAX", 4)
        async with desk(tmp_path / "data") as server:
            for number in range(6):
                await server.put(trigger("t", f'event.type == "{number}"'))
            page = await server.call("ListAuditEntries", author="nobody")
            assert (list(page.entries), page.next_page_token != "") == ([], True)
            assert await entries(server, author="nobody") == []
            assert len(await entries(server)) == 12

    run(test())


def test_refusals(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            for entry_id in ("x", "0" * 16, "f" * 16, "1", "0x" + "0" * 14):
                error = await server.refusal("GetAuditEntry", entry_id=entry_id)
                assert (error.code, error.reason) == (Code.NOT_FOUND, "DOCUMENT_NOT_FOUND")
            error = await server.refusal("GetAuditEntry")
            assert error.reason == "FIELD_REQUIRED"
            error = await server.refusal("ListAuditEntries", start_time_us=5, end_time_us=4)
            assert error.reason == "FILTER_INVALID"
            error = await server.refusal("ListAuditEntries", page_token="!")
            assert error.reason == "PAGE_INVALID"

    run(test())


def test_other_parts_record_their_acts(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            actor = Actor(START_US, author="ops", method="/kairos.v1.EffectService/Replay")
            entry_id = await server.plans.record(
                TENANT, actor, "effects.replay", "effects/7", {"reason": "fixed"}
            )
            joined = await server.plans.audit_entries(TENANT, actor, "links.add", "links/1")
            assert json.loads(joined[0][1])["action"] == "links.add"
            got = (await server.call("GetAuditEntry", entry_id=entry_id)).entry
            assert (got.action, got.resource, got.details[0].value) == (
                "effects.replay", "effects/7", "fixed",
            )  # fmt: skip

    run(test())
