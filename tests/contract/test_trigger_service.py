"""The contract of kairos.v1.TriggerService, Evaluate excepted."""

import asyncio
import json

import pytest
from contract.desk import OTHER_KEY, START_US, desk
from contract.transport import run
from contract.trigger_samples import event, spec_trigger, with_schema
from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import document_pb2, event_pb2
from kairos.v1 import trigger_pb2 as tr
from kairos.v1 import trigger_service_pb2 as pb
from kairos_server.errors import Code


def test_the_trigger_of_the_specification_is_created_as_printed(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            answer = await server.call(
                "CreateTrigger", trigger=spec_trigger(), author="ann", request_id="r"
            )
            made = answer.trigger
            assert made.trigger_id == "high_intent_exit_prevention"
            assert (made.status, made.version, made.author) == (
                tr.TRIGGER_STATUS_ACTIVE,
                1,
                "ann",
            )
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
            new = tr.Trigger(
                trigger_id="t", name="New", priority=5, condition="false", etag=first.etag,
                schedule=tr.TriggerSchedule(active=False),
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
            assert changed.status == tr.TRIGGER_STATUS_PAUSED
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
            other = tr.Trigger(trigger_id="t")
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
            error = await server.refusal("UpdateTrigger", trigger=tr.Trigger(trigger_id="x"))
            assert (error.code, error.reason) == (Code.NOT_FOUND, "TRIGGER_UNKNOWN")
            error = await server.refusal("UpdateTrigger")
            assert error.reason == "FIELD_REQUIRED"

    run(test())


def test_updates_of_different_fields_that_come_together_all_hold(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.call("CreateTrigger", trigger=tr.Trigger(trigger_id="t", condition="true"))
            changes = [
                tr.Trigger(trigger_id="t", name="N"), tr.Trigger(trigger_id="t", priority=9),
                tr.Trigger(trigger_id="t", description="D"),
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
                schedule = tr.TriggerSchedule(active=number != 2)
                await server.call(
                    "CreateTrigger",
                    trigger=tr.Trigger(
                        trigger_id=f"t{number}", name=f"Name {number}", condition="true",
                        schedule=schedule,
                    ),
                )  # fmt: skip
            future = tr.TriggerSchedule(start_date="2200-01-01")
            past = tr.TriggerSchedule(end_date="2001-01-01")
            await server.call(
                "CreateTrigger",
                trigger=tr.Trigger(trigger_id="u", condition="true", schedule=future),
            )
            await server.call(
                "CreateTrigger",
                trigger=tr.Trigger(trigger_id="v", condition="true", schedule=past),
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
            assert listed["t2"] == tr.TRIGGER_STATUS_PAUSED
            assert listed["u"] == tr.TRIGGER_STATUS_SCHEDULED
            assert listed["v"] == tr.TRIGGER_STATUS_EXPIRED
            active = await server.call("ListTriggers", active_only=True, name_prefix="Name")
            assert [t.trigger_id for t in active.triggers] == ["t0", "t1", "t3", "t4"]
            mask = FieldMask(paths=["trigger_id"])
            masked = await server.call("ListTriggers", read_mask=mask, page_size=1)
            assert masked.triggers[0] == tr.Trigger(trigger_id="t0")
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


def test_firings_are_counted_by_minute_hour_and_day(tmp_path):
    async def test():
        hour_us = 3_600_000_000
        async with desk(tmp_path / "data") as server:
            await with_schema(server)
            await server.call(
                "CreateTrigger",
                trigger=tr.Trigger(trigger_id="t", condition='event.type == "a"'),
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
