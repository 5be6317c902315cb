"""The contract of ExecuteTrigger and TestTrigger."""

import json

import pytest
from contract.desk import TENANT, desk
from contract.transport import run
from contract.trigger_samples import event, spec_trigger, with_schema
from kairos.v1 import document_pb2, event_pb2
from kairos.v1 import trigger_pb2 as tr
from kairos.v1 import trigger_service_pb2 as pb
from kairos_server.errors import Code


def context(event_type: str, **data: object) -> pb.ExecutionContext:
    result = pb.ExecutionContext(event_type=event_type)
    result.event_data.update(data)
    return result


def test_a_trigger_is_executed_by_hand(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.call("CreateTrigger", trigger=spec_trigger())
            await server.ingest(event("page_view"), event("page_view"))
            before = server.engine.profile(TENANT, b"user_456", None, server.now_us)
            request = {
                "trigger_id": "high_intent_exit_prevention", "user_id": "user_456",
                "session_id": "session_123",
                "context": context(
                    "exit_intent", timeOnPage=45000, scrollDepth=0.8,
                    mousePosition={"x": 100, "y": 50},
                ),
            }  # fmt: skip
            answer = await server.call("ExecuteTrigger", **request, author="ann", request_id="r")
            assert (answer.triggered, answer.condition_met) == (True, True)
            assert [(a.type, a.executed, a.result) for a in answer.actions] == [
                ("show_exit_offer", False, "caller"), ("capture_email", False, "caller"),
            ]  # fmt: skip
            assert {p.name: p for p in answer.actions[0].parameters}[
                "discount"
            ].double_value == 0.15
            assert answer.tracking.attribution == "exit_intent_trigger"
            assert answer.tracking.tracking_id.startswith("tracking_")
            assert (
                await server.call("ExecuteTrigger", **request, author="ann", request_id="r")
                == answer
            )
            entry = (await server.call("GetAuditEntry", entry_id=answer.execution_id)).entry
            assert (entry.action, entry.author) == ("triggers.execute", "ann")
            assert entry.resource == "triggers/high_intent_exit_prevention"
            assert {d.name: d.value for d in entry.details} == {
                "condition_met": "true", "triggered": "true",
            }  # fmt: skip
            request["context"] = context("exit_intent", timeOnPage=1)
            cold = await server.call("ExecuteTrigger", **request)
            assert (cold.triggered, list(cold.actions)) == (False, [])
            forced = await server.call("ExecuteTrigger", **request, force=True)
            assert (forced.triggered, forced.condition_met) == (True, False)
            assert len(forced.actions) == 2
            assert forced.tracking.attribution == "manual"
            after = server.engine.profile(TENANT, b"user_456", None, server.now_us)
            assert after == before, "an execution ingests nothing"

    run(test())


def test_actions_for_the_outbox_are_put_there_once(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            body = {
                "kind": "trigger", "id": "t", "condition": "true", "urgency": "high",
                "actions": [
                    {"type": "show"},
                    {"type": "mail", "deliver": "outbox", "channel": "email",
                     "parameters": {"text": "hello"}},
                    {"type": "later", "delay": "2h"},
                ],
            }  # fmt: skip
            await server.put(document_pb2.Document(body=json.dumps(body)))
            request = {"trigger_id": "t", "user_id": "u", "context": context("a")}
            answer = await server.call("ExecuteTrigger", **request, request_id="r")
            assert [(a.type, a.executed, a.result) for a in answer.actions] == [
                ("show", False, "caller"), ("mail", True, "accepted"), ("later", True, "accepted"),
            ]  # fmt: skip
            await server.call("ExecuteTrigger", **request, request_id="r")
            effects = server.engine.effects(TENANT)
            assert len(effects) == 2
            sent = [event_pb2.Action.FromString(effect[6]) for effect in effects]
            assert [action.type for action in sent] == ["mail", "later"]
            assert sent[0].parameters[0].string_value == "hello"
            created, due = effects[1][8], effects[1][9]
            assert due - created == pytest.approx(2 * 3_600_000_000, abs=1000)
            assert effects[0][14] == event_pb2.URGENCY_HIGH
            assert effects[0][15] == event_pb2.CHANNEL_EMAIL
            await server.call("ExecuteTrigger", **request, request_id="r-2")
            assert len(server.engine.effects(TENANT)) == 4, "another request, other effects"

    run(test())


def test_a_trigger_with_a_timing_is_executed_by_its_condition(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            given = tr.Trigger(trigger_id="t", condition='event.type == "a"')
            given.timing.string_value = "delayed_5min"
            given.actions.add(type="mail")
            stored = (await server.call("CreateTrigger", trigger=given)).trigger
            assert stored.timing.string_value == "delayed_5min"
            for event_type, met in (("a", True), ("b", False)):
                tested = await server.call("TestTrigger", trigger_id="t", event=event(event_type))
                assert tested.triggered is met
                tried = await server.call("TestTrigger", trigger=given, event=event(event_type))
                assert tried.triggered is met
                done = await server.call(
                    "ExecuteTrigger", trigger_id="t", user_id="u", context=context(event_type)
                )
                assert done.condition_met is met

    run(test())


def test_overrides_stand_in_for_facts(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.call(
                "CreateTrigger",
                trigger=tr.Trigger(
                    trigger_id="t", condition='event.type == "a"',
                    personalization=tr.TriggerPersonalization(
                        persona="Tech", device_type="mobile", traffic_source="ads"
                    ),
                ),
            )  # fmt: skip
            request = {"trigger_id": "t", "user_id": "u", "context": context("a")}
            assert not (await server.call("ExecuteTrigger", **request)).triggered
            for persona, device, source, triggered in (
                ("Tech", "mobile", "ads", True), ("Tech", "desktop", "ads", False),
                ("Other", "mobile", "ads", False), ("Tech", "mobile", "mail", False),
            ):  # fmt: skip
                override = pb.ExecutionOverride(
                    personalization=tr.TriggerPersonalization(
                        persona=persona, device_type=device, traffic_source=source
                    )
                )
                answer = await server.call("ExecuteTrigger", **request, override=override)
                assert answer.triggered is triggered
            override.personalization.device_type = "toaster"
            error = await server.refusal("ExecuteTrigger", **request, override=override)
            assert (error.reason, error.field) == (
                "FIELD_INVALID", "context.event_data.device_type",
            )  # fmt: skip
            for fields, reason in (
                ({"user_id": ""}, "FIELD_REQUIRED"),
                ({"trigger_id": ""}, "FIELD_REQUIRED"),
                ({"context": context("")}, "FIELD_REQUIRED"),
                ({"trigger_id": "none"}, "TRIGGER_UNKNOWN"),
                ({"context": context("a", price="dear")}, "ATTRIBUTE_TYPE_MISMATCH"),
                ({"request_id": "\n"}, "REQUEST_ID_INVALID"),
            ):
                error = await server.refusal("ExecuteTrigger", **{**request, **fields})
                assert error.reason == reason, fields

    run(test())


def test_a_trigger_that_is_not_stored_is_tested_on_what_is_known(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.ingest(event("page_view"), event("page_view"))
            sequence = server.engine.figures()["applied_sequence"]
            given = tr.Trigger(
                trigger_id="new", condition='count("page_view") >= 3 && session.event_count > 2',
                actions=[tr.TriggerAction(type="x")],
            )  # fmt: skip
            third = await server.call("TestTrigger", trigger=given, event=event("page_view"))
            assert third.triggered
            assert [a.type for a in third.actions] == ["x"]
            assert third.canonical_condition == given.condition
            assert third.applied_sequence == sequence
            other = await server.call("TestTrigger", trigger=given, event=event("click"))
            assert not other.triggered
            nobody = await server.call(
                "TestTrigger", trigger=given, event=event("page_view", "stranger")
            )
            assert not nobody.triggered
            given.condition = 'count("purchase") == 0'
            known = await server.call("TestTrigger", trigger=given, event=event("click"))
            assert not known.triggered, "nobody counted purchases of a subject that is known"
            new = await server.call("TestTrigger", trigger=given, event=event("click", "stranger"))
            assert new.triggered, "of a subject that is new everything is known"
            given.condition = 'event.type == "click"'
            assert server.engine.figures()["applied_sequence"] == sequence
            await server.call("CreateTrigger", trigger=given)
            stored = await server.call("TestTrigger", trigger_id="new", event=event("click"))
            assert stored.triggered
            named = tr.Trigger(name="By Name", condition="event.price > 1.5")
            priced = event("a", attributes=[event_pb2.Attribute(name="price", double_value=2)])
            assert (await server.call("TestTrigger", trigger=named, event=priced)).triggered
            for fields, reason in (
                ({"trigger": given}, "EVENT_MISSING"),
                ({"event": event("a")}, "FIELD_REQUIRED"),
                ({"trigger_id": "no", "event": event("a")}, "TRIGGER_UNKNOWN"),
                ({"trigger": tr.Trigger(trigger_id="x"), "event": event("a")}, "DOCUMENT_INVALID"),
                ({"trigger": tr.Trigger(condition="true"), "event": event("a")},
                 "DOCUMENT_INVALID"),
                ({"trigger": tr.Trigger(trigger_id="x", condition="event.no > 1"),
                  "event": event("a")}, "DOCUMENT_INVALID"),
                ({"trigger_id": "new", "event": event("")}, "EVENT_TYPE_MISSING"),
            ):  # fmt: skip
                error = await server.refusal("TestTrigger", **fields)
                assert error.reason == reason, fields

    run(test())


def test_without_a_plan_there_is_nothing_to_execute(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            given = tr.Trigger(trigger_id="t", condition="true")
            await server.call(
                "ApplyDocuments", documents=[document_pb2.Document(
                    body="kind: trigger\nid: t\ncondition: 'true'")], activate=False,
            )  # fmt: skip
            error = await server.refusal(
                "ExecuteTrigger", trigger_id="t", user_id="u", context=context("a")
            )
            assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "PLAN_MISSING")
            tried = await server.call("TestTrigger", trigger=given, event=event("a"))
            assert tried.triggered, "a given trigger brings its plan"

    run(test())
