"""Bad input against a real server: each is refused with its reason and field,
and good data beside it is kept.
"""

import math
import time
from typing import NamedTuple

import grpc
import pytest
from contract.transport import failure_of
from e2e.server_process import server
from kairos.v1 import (
    document_pb2,
    error_pb2,
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    plan_service_pb2,
    trigger_service_pb2,
)
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs
from kairos.v1 import personalization_service_pb2_grpc as personalization_stubs
from kairos.v1 import plan_service_pb2_grpc as plan_stubs
from kairos.v1 import trigger_service_pb2_grpc as trigger_stubs

TIMEOUT = 30
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with server(tmp_path_factory.mktemp("bad") / "data") as process:
        yield process


@pytest.fixture(scope="module")
def call(running):
    with running.channel() as channel:
        stubs = (
            ingest_stubs.IngestServiceStub(channel),
            personalization_stubs.PersonalizationServiceStub(channel),
            plan_stubs.PlanServiceStub(channel),
            trigger_stubs.TriggerServiceStub(channel),
        )

        def send(method, request):
            stub = next(stub for stub in stubs if hasattr(stub, method))
            return getattr(stub, method)(request, metadata=running.metadata(), timeout=TIMEOUT)

        yield send


def event(**fields):
    attributes = fields.pop("attributes", ())
    made = event_pb2.Event(**{"event_type": "page_view", "subject_id": "ada", **fields})
    for name, value in attributes:
        made.attributes.add(name=name, **value)
    return made


def now_us():
    return time.time_ns() // 1000


def one(name, **value):
    return {"attributes": [(name, value)]}


BAD = {
    "SUBJECT_MISSING": ("subject_id", lambda: event(subject_id="")),
    "SUBJECT_INVALID": ("subject_id", lambda: event(subject_id="x" * 257)),
    "EVENT_TYPE_MISSING": ("event_type", lambda: event(event_type="")),
    "EVENT_TYPE_INVALID": ("event_type", lambda: event(event_type="x" * 129)),
    "EVENT_ID_INVALID": ("event_id", lambda: event(event_id="x" * 129)),
    "SESSION_INVALID": ("session_id", lambda: event(session_id="x" * 257)),
    "TIME_TOO_OLD": ("occurred_time_us", lambda: event(occurred_time_us=now_us() - 9 * DAY_US)),
    "TIME_TOO_NEW": ("occurred_time_us", lambda: event(occurred_time_us=now_us() + DAY_US)),
    "TIME_INVALID": ("occurred_time_us", lambda: event(occurred_time_us=-1)),
    "ATTRIBUTE_NAME_MISSING": ("attributes[0]", lambda: event(**one("", int_value=1))),
    "ATTRIBUTE_NAME_INVALID": ("attributes[0].name", lambda: event(**one("a..b", int_value=1))),
    "ATTRIBUTE_VALUE_MISSING": ("attributes[0].value", lambda: event(**one("a"))),
    "ATTRIBUTE_DUPLICATE": (
        "attributes[1].name",
        lambda: event(
            attributes=[("timeOnPage", {"int_value": 1}), ("time_on_page", {"int_value": 1})]
        ),
    ),
    "ATTRIBUTE_RESERVED": ("attributes[0].name", lambda: event(**one("userId", string_value="x"))),
    "ATTRIBUTE_TYPE_MISMATCH": (
        "attributes[0].string_value",
        lambda: event(**one("time_on_page", string_value="long")),
    ),
    "ATTRIBUTE_COUNT_EXCEEDED": (
        "attributes",
        lambda: event(attributes=[(f"a{i}", {"int_value": i}) for i in range(257)]),
    ),
    "STRING_TOO_LONG": (
        "attributes[0].string_value",
        lambda: event(**one("a", string_value="x" * 8193)),
    ),
    "NUMBER_INVALID": (
        "attributes[0].double_value",
        lambda: event(**one("a", double_value=math.nan)),
    ),
    "ENUM_INVALID": ("device_type", lambda: event(device_type=77)),
    "TENANT_MISMATCH": ("tenant_id", lambda: event(tenant_id="other")),
    "CONSENT_PURPOSE_UNKNOWN": (
        "consents[0].purpose",
        lambda: event(consents=[event_pb2.ConsentChange(purpose="spying", status=1)]),
    ),
    "CONSENT_STATUS_INVALID": (
        "consents[0].status",
        lambda: event(consents=[event_pb2.ConsentChange(purpose="marketing")]),
    ),
    "EVENT_TOO_LARGE": (
        "event",
        lambda: event(attributes=[(f"a{i}", {"string_value": "x" * 8000}) for i in range(9)]),
    ),
    "CURRENCY_INVALID": ("currency_code", lambda: event(value_minor=100)),
}


class Failure(NamedTuple):
    """What a refused caller is told."""

    code: grpc.StatusCode
    reason: str
    violations: list


def failure_read(error):
    code, reason, details = failure_of(error)
    bad = details.get("BadRequest")
    return Failure(code, reason, list(bad.field_violations) if bad else [])


def refused(call, method, request):
    with pytest.raises(grpc.RpcError) as error:
        call(method, request)
    return failure_read(error.value)


@pytest.mark.parametrize("reason", sorted(BAD))
def test_a_bad_event_is_refused_with_reason_and_field(call, reason):
    field, make = BAD[reason]
    failure = refused(call, "Ingest", ingest_service_pb2.IngestRequest(event=make()))
    assert failure.reason == reason
    if failure.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert [violation.field.startswith(field) for violation in failure.violations] == [True]
        assert failure.violations[0].description
    # The same event in a batch refuses itself only.
    good = [event(event_id=f"{reason}-{i}") for i in range(2)]
    batch = ingest_service_pb2.IngestBatchRequest(events=[good[0], make(), good[1]])
    answer = call("IngestBatch", batch)
    assert (answer.accepted_count, answer.refused_count) == (2, 1)
    assert [result.processed for result in answer.results] == [True, False, True]
    error = answer.results[1].error
    assert error_pb2.ErrorReason.Name(error.reason) == f"ERROR_REASON_{reason}"
    assert error.field.startswith(field)
    assert error.description


@pytest.mark.parametrize(("count", "reason"), [(0, "BATCH_EMPTY"), (1001, "BATCH_TOO_LARGE")])
def test_a_batch_of_a_wrong_size_is_refused_whole(call, count, reason):
    batch = ingest_service_pb2.IngestBatchRequest(events=[event() for _ in range(count)])
    failure = refused(call, "IngestBatch", batch)
    assert (failure.reason, failure.code) == (reason, grpc.StatusCode.INVALID_ARGUMENT)


def test_bytes_that_are_no_message_and_text_that_is_no_utf8_are_refused(running):
    with running.channel() as channel:
        raw = channel.unary_unary("/kairos.v1.IngestService/Ingest")
        for data, reason in (
            (b"\x0a\x05\xff", "WIRE_MALFORMED"),
            (b"\x0a\x08\x12\x01x\x1a\x03a\xffb", "UTF8_INVALID"),
        ):
            with pytest.raises(grpc.RpcError) as error:
                raw(data, metadata=running.metadata(), timeout=TIMEOUT)
            assert failure_read(error.value).reason == reason


def test_a_message_over_the_limit_is_refused(call):
    big = [event(**one("a", string_value="x" * 8000)) for _ in range(600)]
    failure = refused(call, "IngestBatch", ingest_service_pb2.IngestBatchRequest(events=big))
    assert failure.reason == "REQUEST_TOO_LARGE"


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ('event.type == "x" && profile.engagment_score > 0.7', "engagement_score"),
        ('event.time_on_page > "long"', "time_on_page"),
        ("event.time_on_page + 1 > 3", "addition"),
        ("event.time_on_page > 3 &&", ""),
    ],
)
def test_a_bad_condition_is_refused_with_its_place_and_a_hint(call, condition, hint):
    document = document_pb2.Document(
        kind="trigger", document_id="bad", body=f"condition: '{condition}'\nactions: [{{type: x}}]"
    )
    failure = refused(
        call, "ApplyDocuments", plan_service_pb2.ApplyDocumentsRequest(documents=[document])
    )
    assert failure.reason == "DOCUMENT_INVALID"
    assert any("trigger/bad" in violation.field for violation in failure.violations)
    assert any(hint in violation.description for violation in failure.violations)


def test_an_unknown_operator_lists_those_that_exist(call):
    body = (
        '{"name": "x", "conditions": {"eventType": "y", "filters": '
        '[{"field": "timeOnPage", "operator": "bigger", "value": 3}]}, "actions": [{"type": "z"}]}'
    )
    request = plan_service_pb2.ApplyDocumentsRequest(
        documents=[document_pb2.Document(kind="trigger", body=body)]
    )
    failure = refused(call, "ApplyDocuments", request)
    assert any("greater_than" in violation.description for violation in failure.violations)


def test_decisions_and_evaluations_name_what_they_miss(call):
    decide = personalization_service_pb2.DecideRequest
    subject = personalization_service_pb2.Subject(id="ada")
    context = personalization_service_pb2.Context
    constraints = personalization_service_pb2.Constraints
    place = context(placement="homepage_hero")
    for request, reason in (
        (decide(context=place), "SUBJECT_MISSING"),
        (decide(subject=subject), "PLACEMENT_MISSING"),
        (decide(subject=subject, context=context(placement="nowhere")), "PLACEMENT_UNKNOWN"),
        (
            decide(subject=subject, context=place, constraints=constraints(max_variants=101)),
            "MAX_VARIANTS_INVALID",
        ),
        (decide(subject=subject, context=place, at_time_us=now_us()), "TIME_NOT_ALLOWED"),
    ):
        assert refused(call, "Decide", request).reason == reason
    evaluate = trigger_service_pb2.EvaluateRequest
    assert refused(call, "Evaluate", evaluate()).reason == "EVENT_MISSING"
    unknown = evaluate(event=event(), trigger_ids=["nobody"])
    assert refused(call, "Evaluate", unknown).reason == "TRIGGER_UNKNOWN"


def test_ids_of_the_dictionary_stand_for_names(call):
    entries = call("GetDictionary", plan_service_pb2.GetDictionaryRequest()).entries
    number = next(entry.name_id for entry in entries if entry.name == "time_on_page")
    by_id = event(event_type="exit_intent")
    by_id.attributes.add(name_id=number, int_value=5)
    assert call("Ingest", ingest_service_pb2.IngestRequest(event=by_id)).processed
    by_id.attributes.add(name="timeOnPage", int_value=5)
    failure = refused(call, "Ingest", ingest_service_pb2.IngestRequest(event=by_id))
    assert failure.reason == "ATTRIBUTE_DUPLICATE"
    stray = event()
    stray.attributes.add(name_id=4_000_000, int_value=5)
    failure = refused(call, "Ingest", ingest_service_pb2.IngestRequest(event=stray))
    assert failure.reason == "ATTRIBUTE_ID_UNKNOWN"
