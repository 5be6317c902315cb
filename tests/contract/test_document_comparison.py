"""The contract of DiffDocuments and ValidateDocuments."""

import pytest
from contract.desk import desk, trigger
from contract.transport import run
from kairos.v1 import document_pb2, document_service_pb2

ADDED, CHANGED, REMOVED, DRAFTED = (
    document_pb2.DOCUMENT_CHANGE_ADDED,
    document_pb2.DOCUMENT_CHANGE_CHANGED,
    document_pb2.DOCUMENT_CHANGE_REMOVED,
    document_pb2.DOCUMENT_CHANGE_DRAFTED,
)


@pytest.mark.parametrize("given", ["versions", "documents"])
def test_differences(tmp_path, given):
    async def test():
        async with desk(tmp_path / "data") as server:
            old = "kind: trigger\nid: t\ncondition: 'true'\npriority: 1\n"
            new = "kind: trigger\nid: t\ncondition: 'true'\npriority: 2\nname: T\n"
            await server.put(document_pb2.Document(body=old))
            document = document_pb2.Document(body=new)
            if given == "versions":
                await server.put(document)
                pair = document_service_pb2.VersionPair(kind="trigger", document_id="t")
                answer = await server.call("DiffDocuments", versions=pair)
            else:
                answer = await server.call("DiffDocuments", documents=[document])
            (diff,) = answer.diffs
            assert (diff.kind, diff.document_id, diff.change) == ("trigger", "t", CHANGED)
            assert diff.text_diff == (
                "--- a/trigger/t\n+++ b/trigger/t\n@@ -1,4 +1,5 @@\n kind: trigger\n id: t\n"
                " condition: 'true'\n-priority: 1\n+priority: 2\n+name: T\n"
            )
            assert [(p.path, p.old_value, p.new_value) for p in diff.paths] == [
                ("priority", "1", "2"), ("name", "", '"T"'),
            ]  # fmt: skip

    run(test())


def test_differences_of_a_whole_folder_and_their_refusals(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await server.call(
                "ApplyDocuments", documents=[trigger("a"), trigger("b")], activate=True
            )
            request = {"documents": [trigger("a"), trigger("c")], "prune": True}
            answer = await server.call("DiffDocuments", **request)
            assert [(d.document_id, d.change) for d in answer.diffs] == [
                ("b", REMOVED), ("c", ADDED),
            ]  # fmt: skip
            dry = await server.call(
                "ApplyDocuments", **request, validate_only=True, include_diffs=True
            )
            assert list(dry.diffs) == list(answer.diffs)
            done = await server.call(
                "ApplyDocuments", **request, activate=True, include_diffs=True, request_id="r"
            )
            assert list(done.diffs) == list(answer.diffs)
            assert done.plan.active
            assert done.plan.plan_id == dry.plan.plan_id
            assert (
                await server.call(
                    "ApplyDocuments", **request, activate=True, include_diffs=True, request_id="r"
                )
                == done
            )
            pair = document_service_pb2.VersionPair(kind="trigger", document_id="b")
            gone = await server.call("DiffDocuments", versions=pair)
            assert gone.diffs[0].change == REMOVED
            for fields, reason in (
                ({}, "FIELD_REQUIRED"),
                ({"versions": pair, "prune": True}, "FIELD_INVALID"),
                ({"documents": [document_pb2.Document(body="a: [")]}, "DOCUMENT_INVALID"),
                ({"removed_names": ["trigger/z"]}, "DOCUMENT_INVALID"),
                ({"versions": document_service_pb2.VersionPair(kind="trigger", document_id="z")},
                 "DOCUMENT_NOT_FOUND"),
                ({"versions": document_service_pb2.VersionPair(
                    kind="trigger", document_id="b", old_version=9)}, "DOCUMENT_NOT_FOUND"),
            ):  # fmt: skip
                error = await server.refusal("DiffDocuments", **fields)
                assert error.reason == reason, fields

    run(test())


def test_validation_tells_every_fault(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await server.put(trigger("t", 'event.type == "a"'))
            good = await server.call("ValidateDocuments", documents=[trigger("u", "false")])
            assert good.valid
            assert good.warnings == ["trigger/u: its condition can never fire."]
            bad = await server.call(
                "ValidateDocuments",
                documents=[trigger("u", "event.prise > 1"), trigger("v", "x +")],
                removed_names=["trigger/none"],
            )
            assert not bad.valid
            assert [(v.document, v.path, v.reason) for v in bad.violations] == [
                ("removed_names[0]", "", "REFERENCE_UNKNOWN"),
            ]  # fmt: skip
            bad = await server.call(
                "ValidateDocuments",
                documents=[trigger("u", "event.prise > 1"), trigger("v", "x +")],
            )
            assert [(v.document, v.path, v.reason) for v in bad.violations] == [
                ("trigger/u", "condition", "NAME_UNKNOWN"), ("trigger/v", "condition", "SYNTAX"),
            ]  # fmt: skip
            assert server.engine.documents_of(3, "document/").keys() == {"document/trigger/t"}

    run(test())
