"""The contract of kairos.v1.TriggerService, Evaluate excepted."""

import asyncio
import json

import pytest
from contract.desk import OTHER_KEY, START_US, TENANT, desk
from contract.transport import run
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import document_pb2, event_pb2
from kairos.v1 import trigger_service_pb2 as pb
from kairos_server.errors import Code
from reference.packs import EXIT_PREVENTION

SCHEMA = document_pb2.Document(
    body="""
kind: schema
attributes: {time_on_page: int, scroll_depth: double, price: double, traffic_source: string}
traits: {persona: string}
"""
)
SCORE = document_pb2.Document(
    body="""
kind: score
id: engagement_score
type: engagement
terms: [{feature: count("page_view"), weight: 1.0}]
"""
)


def spec_trigger() -> pb.Trigger:
    """The trigger as the specification prints it, read as JSON of the contract."""
    return json_format.Parse(EXIT_PREVENTION, pb.Trigger())


def event(event_type: str, subject: str = "user_456", **fields: object) -> event_pb2.Event:
    return event_pb2.Event(event_type=event_type, subject_id=subject, **fields)


async def with_schema(server) -> None:
    await server.call("ApplyDocuments", documents=[SCHEMA, SCORE], activate=True)


def test_the_trigger_of_the_specification_is_created_as_printed(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            answer = await server.call(
                "CreateTrigger", trigger=spec_trigger(), author="ann", request_id="r"
            )
            made = answer.trigger
            assert made.trigger_id == "high_intent_exit_prevention"
            assert (made.status, made.version, made.author) == (pb.TRIGGER_STATUS_ACTIVE, 1, "ann")
            assert made.create_time_us == made.update_time_us >= START_US
            assert 'event.type == "exit_intent"' in made.canonical_condition
            assert "profile.engagement_score > 0.7" in made.canonical_condition
            assert (made.performance.fired_count, made.performance.HasField("trigger_rate")) == (
                0, False,
            )  # fmt: skip
            sent = spec_trigger()
            for field in ("name", "description", "conditions", "actions", "personalization"):
                assert getattr(made, field) == getattr(sent, field), field
            assert made.schedule.start_date == "2024-01-01"
            assert made.schedule.active
            got = await server.call("GetTrigger", trigger_id=made.trigger_id)
            assert got.trigger == made
            stored = await server.call(
                "GetDocument", kind="trigger", document_id="high_intent_exit_prevention"
            )
            assert stored.document.etag == made.etag
            assert (
                await server.call(
                    "CreateTrigger", trigger=spec_trigger(), author="ann", request_id="r"
                )
                == answer
            )
            again = await server.refusal("CreateTrigger", trigger=spec_trigger())
            assert (again.code, again.reason) == (Code.ALREADY_EXISTS, "DOCUMENT_EXISTS")

    run(test())


def words(cel: str) -> list[str]:
    """The words of a condition; the typed form keeps groups and ranges in an order of its own."""
    return sorted(cel.replace("(", " ").replace(")", " ").split())


SPELLED = [
    'event.type == "exit_intent" && event.time_on_page > 30000',
    {"eventType": "exit_intent", "filters": [{"field": "timeOnPage", "value": 3}]},
    {"event_type": "a", "any": ["event.price > 1.5", {"field": "price", "operator": "exists"}],
     "none": [{"price": {"min": 1, "max": 2.5}}], "all": [{"any": ["true"]}]},
    {"timeOnPage": {"min": 30000}, "device_type": "mobile", "price": [1, 2.5]},
    [{"field": "price", "operator": "between", "value": [1, 2]}, "event.price > 1"],
    {"field": "price", "operator": "in", "value": [1, 2]},
]  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLED, ids=range(len(SPELLED)))
def test_every_spelling_survives_the_typed_form(tmp_path, spelled):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            key = "condition" if isinstance(spelled, str) else "conditions"
            body = {
                "kind": "trigger", "id": "t", key: spelled, "priority": 3, "urgency": "high",
                "actions": [{"type": "a", "parameters": {"n": {"deep": [1, 2.5, "x", None]}}}],
                "schedule": {"active": True, "end_date": "2031-01-01", "timeZone": "Europe/Rome"},
                "personalization": {"persona": "all", "deviceType": "mobile"},
            }  # fmt: skip
            await server.put(document_pb2.Document(body=json.dumps(body)))
            first = (await server.call("GetTrigger", trigger_id="t")).trigger
            await server.call("DeleteTrigger", trigger_id="t")
            second = (await server.call("CreateTrigger", trigger=first)).trigger
            assert words(second.canonical_condition) == words(first.canonical_condition)
            assert second.version == 3
            for message in (first, second):
                for field in (
                    "version", "create_time_us", "update_time_us", "etag", "canonical_condition",
                ):  # fmt: skip
                    message.ClearField(field)
            assert second == first
            assert (first.priority, first.urgency) == (3, event_pb2.URGENCY_HIGH)

    run(test())


def test_an_update_changes_what_its_mask_names(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            text = (
                "kind: trigger\nid: t\nname: Old\ncondition: event.price > 1 # kept\n"
                "actions: [{type: a, parameters: {b: 1.0}}]\nschedule: {startDate: 2024-01-01}\n"
            )
            await server.put(document_pb2.Document(body=text))
            first = (await server.call("GetTrigger", trigger_id="t")).trigger
            new = pb.Trigger(
                trigger_id="t", name="New", priority=5, condition="false", etag=first.etag,
                schedule=pb.TriggerSchedule(active=False),
            )  # fmt: skip
            mask = FieldMask(paths=["name", "schedule.active"])
            seen = await server.call(
                "UpdateTrigger", trigger=new, update_mask=mask, validate_only=True
            )
            answer = await server.call(
                "UpdateTrigger", trigger=new, update_mask=mask, author="bob", request_id="r"
            )
            assert seen.trigger.etag == answer.trigger.etag
            changed = answer.trigger
            assert (changed.name, changed.priority, changed.condition) == (
                "New", 0, "event.price > 1",
            )  # fmt: skip
            assert changed.status == pb.TRIGGER_STATUS_PAUSED
            assert changed.schedule.start_date == "2024-01-01"
            assert (changed.version, changed.author) == (2, "bob")
            body = json.loads(
                (await server.call("GetDocument", kind="trigger", document_id="t")).document.body
            )
            assert body["actions"] == [{"type": "a", "parameters": {"b": 1.0}}]
            repeated = await server.call(
                "UpdateTrigger", trigger=new, update_mask=mask, author="bob", request_id="r"
            )
            assert repeated == answer
            stale = await server.refusal("UpdateTrigger", trigger=new, update_mask=mask)
            assert (stale.code, stale.reason) == (Code.ABORTED, "ETAG_MISMATCH")
            new.etag = ""
            whole = await server.call("UpdateTrigger", trigger=new)
            assert (whole.trigger.priority, whole.trigger.condition) == (5, "false")
            assert whole.warnings == ["trigger/t: its condition can never fire."]
            other = pb.Trigger(trigger_id="t")
            other.condition_ranges.update({"price": {"min": 3}})
            mask = FieldMask(paths=["condition_ranges", "actions"])
            ranged = (await server.call("UpdateTrigger", trigger=other, update_mask=mask)).trigger
            assert ranged.WhichOneof("spelling") == "condition_ranges"
            assert not ranged.actions
            for path in ("etag", "nothing", "performance.fired_count", "canonical_condition"):
                error = await server.refusal(
                    "UpdateTrigger", trigger=other, update_mask=FieldMask(paths=[path])
                )
                assert error.reason == "FIELD_MASK_INVALID"
            error = await server.refusal("UpdateTrigger", trigger=pb.Trigger(trigger_id="x"))
            assert (error.code, error.reason) == (Code.NOT_FOUND, "TRIGGER_UNKNOWN")
            error = await server.refusal("UpdateTrigger")
            assert error.reason == "FIELD_REQUIRED"

    run(test())


def test_updates_of_different_fields_that_come_together_all_hold(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.call("CreateTrigger", trigger=pb.Trigger(trigger_id="t", condition="true"))
            changes = [
                pb.Trigger(trigger_id="t", name="N"), pb.Trigger(trigger_id="t", priority=9),
                pb.Trigger(trigger_id="t", description="D"),
            ]  # fmt: skip
            await asyncio.gather(
                *(server.call("UpdateTrigger", trigger=change) for change in changes)
            )
            got = (await server.call("GetTrigger", trigger_id="t")).trigger
            assert (got.name, got.priority, got.description, got.version) == ("N", 9, "D", 4)

    run(test())


def test_triggers_are_listed_and_removed(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            for number in range(5):
                schedule = pb.TriggerSchedule(active=number != 2)
                await server.call(
                    "CreateTrigger",
                    trigger=pb.Trigger(
                        trigger_id=f"t{number}", name=f"Name {number}", condition="true",
                        schedule=schedule,
                    ),
                )  # fmt: skip
            future = pb.TriggerSchedule(start_date="2200-01-01")
            past = pb.TriggerSchedule(end_date="2001-01-01")
            await server.call(
                "CreateTrigger",
                trigger=pb.Trigger(trigger_id="u", condition="true", schedule=future),
            )
            await server.call(
                "CreateTrigger", trigger=pb.Trigger(trigger_id="v", condition="true", schedule=past)
            )
            ids, token = [], ""
            while True:
                page = await server.call("ListTriggers", page_size=3, page_token=token)
                ids.append([t.trigger_id for t in page.triggers])
                token = page.next_page_token
                if not token:
                    break
            assert ids == [["t0", "t1", "t2"], ["t3", "t4", "u"], ["v"]]
            listed = {t.trigger_id: t.status for t in (await server.call("ListTriggers")).triggers}
            assert listed["t2"] == pb.TRIGGER_STATUS_PAUSED
            assert listed["u"] == pb.TRIGGER_STATUS_SCHEDULED
            assert listed["v"] == pb.TRIGGER_STATUS_EXPIRED
            active = await server.call("ListTriggers", active_only=True, name_prefix="Name")
            assert [t.trigger_id for t in active.triggers] == ["t0", "t1", "t3", "t4"]
            mask = FieldMask(paths=["trigger_id"])
            masked = await server.call("ListTriggers", read_mask=mask, page_size=1)
            assert masked.triggers[0] == pb.Trigger(trigger_id="t0")
            assert not (await server.call("ListTriggers", key=OTHER_KEY)).triggers
            for fields, reason in (
                ({"page_size": -1}, "PAGE_INVALID"),
                ({"page_token": "x"}, "PAGE_INVALID"),
                ({"read_mask": FieldMask(paths=["x"])}, "FIELD_MASK_INVALID"),
            ):
                assert (await server.refusal("ListTriggers", **fields)).reason == reason
            stale = await server.refusal("DeleteTrigger", trigger_id="t0", etag="00")
            assert stale.reason == "ETAG_MISMATCH"
            await server.call("DeleteTrigger", trigger_id="t0", validate_only=True)
            await server.call("DeleteTrigger", trigger_id="t0", request_id="d")
            await server.call("DeleteTrigger", trigger_id="t0", request_id="d")
            for name in ("DeleteTrigger", "GetTrigger", "MonitorTrigger"):
                error = await server.refusal(name, trigger_id="t0" if "Mon" not in name else "x")
                assert (error.code, error.reason) == (Code.NOT_FOUND, "TRIGGER_UNKNOWN")

    run(test())


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
            given = pb.Trigger(trigger_id="t", condition='event.type == "a"')
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
                trigger=pb.Trigger(
                    trigger_id="t", condition='event.type == "a"',
                    personalization=pb.TriggerPersonalization(
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
                    personalization=pb.TriggerPersonalization(
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
            given = pb.Trigger(
                trigger_id="new", condition='count("page_view") >= 3 && session.event_count > 2',
                actions=[pb.TriggerAction(type="x")],
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
            named = pb.Trigger(name="By Name", condition="event.price > 1.5")
            priced = event("a", attributes=[event_pb2.Attribute(name="price", double_value=2)])
            assert (await server.call("TestTrigger", trigger=named, event=priced)).triggered
            for fields, reason in (
                ({"trigger": given}, "EVENT_MISSING"),
                ({"event": event("a")}, "FIELD_REQUIRED"),
                ({"trigger_id": "no", "event": event("a")}, "TRIGGER_UNKNOWN"),
                ({"trigger": pb.Trigger(trigger_id="x"), "event": event("a")}, "DOCUMENT_INVALID"),
                ({"trigger": pb.Trigger(condition="true"), "event": event("a")},
                 "DOCUMENT_INVALID"),
                ({"trigger": pb.Trigger(trigger_id="x", condition="event.no > 1"),
                  "event": event("a")}, "DOCUMENT_INVALID"),
                ({"trigger_id": "new", "event": event("")}, "EVENT_TYPE_MISSING"),
            ):  # fmt: skip
                error = await server.refusal("TestTrigger", **fields)
                assert error.reason == reason, fields

    run(test())


def test_without_a_plan_there_is_nothing_to_execute(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            given = pb.Trigger(trigger_id="t", condition="true")
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


def test_firings_are_counted_by_minute_hour_and_day(tmp_path):
    async def test():
        hour_us = 3_600_000_000
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.call(
                "CreateTrigger",
                trigger=pb.Trigger(trigger_id="t", condition='event.type == "a"'),
            )
            first = await server.call("MonitorTrigger", trigger_id="t")
            assert (first.fired_count, first.last_fired_time_us, first.evaluated_count) == (0, 0, 0)
            await server.ingest(event("a"), event("b"), event("a", "v"))
            seen = await server.call("MonitorTrigger", trigger_id="t")
            assert (seen.fired_count, seen.evaluated_count) == (2, 3)
            assert 0 <= seen.last_fired_time_us - server.now_us < 100
            (minute,) = seen.minutes
            assert (minute.fired_count, minute.evaluated_count) == (2, 3)
            assert minute.start_time_us == server.now_us // 60_000_000 * 60_000_000
            shown = (await server.call("GetTrigger", trigger_id="t")).trigger.performance
            assert (shown.fired_count, shown.trigger_rate) == (2, pytest.approx(2 / 3))
            assert not shown.HasField("conversion_rate")
            server.now_us += hour_us
            await server.ingest(event("a"))
            await server.call("MonitorTrigger", trigger_id="t")
            server.now_us += 2 * hour_us
            await server.ingest(event("b"))
            await server.call("MonitorTrigger", trigger_id="t")
        async with desk(tmp_path / "data") as server:
            server.now_us += 3 * hour_us
            await server.ingest(event("a"))
            hours = await server.call(
                "GetTriggerPerformance", trigger_id="t", period=pb.PERFORMANCE_PERIOD_HOUR
            )
            assert hours.performance.fired_count == 4
            assert sum(p.fired_count for p in hours.periods) == 4
            assert sum(p.evaluated_count for p in hours.periods) == 6
            starts = [p.start_time_us for p in hours.periods]
            assert starts == sorted(starts)
            assert all(start % hour_us == 0 for start in starts)
            days = await server.call("GetTriggerPerformance", trigger_id="t")
            assert sum(p.fired_count for p in days.periods) == 4
            some = await server.call(
                "GetTriggerPerformance", trigger_id="t", period=pb.PERFORMANCE_PERIOD_HOUR,
                start_time_us=starts[1], end_time_us=starts[-1],
            )  # fmt: skip
            assert [p.start_time_us for p in some.periods] == starts[1:-1]
            error = await server.refusal(
                "GetTriggerPerformance", trigger_id="t", start_time_us=2, end_time_us=1
            )
            assert error.reason == "FILTER_INVALID"
            error = await server.refusal("GetTriggerPerformance", trigger_id="none")
            assert error.reason == "TRIGGER_UNKNOWN"

    run(test())
