"""Records of each format become the events that the guide says."""

import json

import pytest
from google.protobuf.json_format import MessageToDict
from kairos.v1 import event_pb2
from unit.import_records import mapped, micro, refusal, values

# ------------------------------------------------------------------ JSON lines


def test_plain_event_takes_names_of_the_contract_and_of_the_specification():
    spellings = (
        {"event_type": "cart_add", "subject_id": "ada", "session_id": "s"},
        {"eventType": "cart_add", "userId": "ada", "sessionId": "s"},
    )
    events = {mapped("jsonl", row).SerializeToString() for row in spellings}
    assert len(events) == 1


def test_plain_event_keeps_types_and_flattens():
    event = mapped(
        "jsonl",
        {
            "type": "x",
            "userId": 7,
            "time": "2026-01-02T03:04:05.000006+01:00",
            "eventData": {
                "n": 1, "d": 1.0, "b": True, "s": "1", "z": None, "o": {"a": [1, {"k": "v"}]},
                "empty": {}, "type": "reserved",
            },
            "traits": {"plan": "pro"},
            "consents": {"marketing": "granted", "ads": False},
            "deviceType": "mobile",
            "identifiers": [{"type": "email", "value": "a@b.c"}],
        },
    )  # fmt: skip
    assert event.subject_id == "7"
    assert event.occurred_time_us == micro("2026-01-02T02:04:05") + 6
    assert values(event.attributes) == {
        "n": 1, "d": 1.0, "b": True, "s": "1", "z": 0, "o.a.0": 1, "o.a.1.k": "v",
        "attributes.type": "reserved",
    }  # fmt: skip
    assert [a.WhichOneof("value") for a in event.attributes][:5] == [
        "int_value", "double_value", "bool_value", "string_value", "null_value",
    ]  # fmt: skip
    assert [(c.purpose, c.status) for c in event.consents] == [("marketing", 1), ("ads", 2)]
    assert event.device_type == event_pb2.DEVICE_TYPE_MOBILE
    assert event.identifiers[0].type == event_pb2.IDENTIFIER_TYPE_EMAIL


def test_plain_event_reads_what_the_contract_writes():
    event = event_pb2.Event(
        event_id="1", event_type="x", subject_id="a", occurred_time_us=5, value_minor=-3,
        currency_code="EUR", device_type="DEVICE_TYPE_TV", producer_id="p", producer_sequence=9,
    )  # fmt: skip
    event.attributes.add(name="big", int_value=2**60)
    event.attributes.add(name="half", double_value=0.5)
    event.attributes.add(name="when", time_value_us=77)
    event.attributes.add(name_id=4, bool_value=True)
    event.attributes.add(name="none", null_value=0)
    event.consents.add(purpose="ads", status="CONSENT_STATUS_DENIED")
    event.identifiers.add(type="IDENTIFIER_TYPE_PHONE", value="+49")
    assert mapped("jsonl", MessageToDict(event)) == event


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b"{", "not JSON"),
        ([], "JSON object"),
        ({"foo": 1}, "foo: an event has no such field"),
        ({"userId": "a", "subject_id": "b"}, "stands twice"),
        ({"type": "x", "time": "yesterday"}, "occurred_time_us"),
        ({"type": "x", "time": 1.5}, "occurred_time_us"),
        ({"type": "x", "eventData": {"n": 2**63}}, "64 bits"),
        ({"type": "x", "eventData": 3}, "attributes: must be"),
        ({"type": "x", "channel": "pigeon"}, "not one of web, app"),
        ({"type": ["x"]}, "event_type: must be text"),
        ({"type": "x", "consents": {"ads": "maybe"}}, "granted or denied"),
    ],
)
def test_plain_event_refusals_name_the_field(row, words):
    assert words in refusal("jsonl", row)


# ------------------------------------------------------------------ CloudEvents

CLOUD = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.shop.order"}


def test_cloudevent_becomes_an_event():
    row = {
        **CLOUD, "subject": "ada", "time": "2026-01-02T03:04:05Z", "partitionkey": "7",
        "data": {"total": 12.5, "lines": [{"sku": "A"}], "source": "app"},
    }  # fmt: skip
    event = mapped("cloudevents", row)
    assert (event.event_id, event.event_type, event.subject_id) == (
        "/shop#1", "com.shop.order", "ada",
    )  # fmt: skip
    assert event.occurred_time_us == micro("2026-01-02T03:04:05")
    assert values(event.attributes) == {
        "total": 12.5, "lines.0.sku": "A", "source": "app", "ce.source": "/shop",
        "partitionkey": "7",
    }  # fmt: skip


def test_cloudevent_data_in_base64_is_read_where_it_is_json():
    row = {**CLOUD, "subject": "ada", "data_base64": "eyJuIjogM30="}
    assert values(mapped("cloudevents", row).attributes) == {"n": 3, "source": "/shop"}
    row["datacontenttype"] = "image/png"
    assert values(mapped("cloudevents", row).attributes)["data_base64"] == "eyJuIjogM30="


def test_cloudevent_names_the_person_in_its_data():
    row = {**CLOUD, "data": {"customer": {"id": 7}}}
    assert mapped("cloudevents", row, subject="data.customer.id").subject_id == "7"
    assert "--subject" in refusal("cloudevents", row)


def test_long_ids_of_cloudevents_stay_distinct():
    ids = {
        mapped("cloudevents", {**CLOUD, "subject": "a", "id": "x" * 200 + tail}).event_id
        for tail in "ab"
    }
    assert len(ids) == 2
    assert max(map(len, ids)) <= 128


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ""}, "id: "), ({"source": None}, "source: "), ({"type": 5}, "type: "),
        ({"specversion": "0.3"}, "specversion"), ({"subject": ""}, "subject: "),
        ({"time": "2026-01-02"}, "RFC 3339"), ({"time": "2026-13-02T00:00:00Z"}, "RFC 3339"),
        ({"Extension": "x"}, "a-z and 0-9"), ({"ext": 2**31}, "32 bits"), ({"ext": {}}, "ext: "),
        ({"data": 1, "data_base64": "AA=="}, "data_base64"), ({"data_base64": "?"}, "base64"),
    ],
)  # fmt: skip
def test_what_is_no_cloudevent_is_refused(change, words):
    assert words in refusal("cloudevents", {**CLOUD, "subject": "ada", **change})


def test_cloudevents_follow_the_schema_of_the_specification(shared):
    """Every example of the JSON Schema is taken; every attribute that it requires is required."""
    path = shared / "data" / "suites" / "cloudevents-spec" / "cloudevents" / "formats"
    schema = json.loads((path / "cloudevents.json").read_text())
    complete = {**CLOUD, "subject": "ada"}
    tried = 0
    for name, rule in schema["properties"].items():
        for example in rule.get("examples", ()):
            base = {key: value for key, value in complete.items() if key != name}
            assert mapped("cloudevents", {**base, name: example}).subject_id
            tried += 1
    for name in schema["required"]:
        assert name in refusal("cloudevents", {k: v for k, v in complete.items() if k != name})
    for name, rule in schema["properties"].items():
        kind = schema["definitions"][rule["$ref"].rsplit("/", 1)[1]]["type"]
        optional_null = isinstance(kind, list) and "null" in kind
        if optional_null and name != "subject":
            assert mapped("cloudevents", {**complete, name: None}).subject_id == "ada"
    assert tried > 15


# ------------------------------------------------------------------ Segment


def call(**fields):
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": "ada",
        "messageId": "m",
        **fields,
    }


def test_segment_track_with_money_campaign_and_page():
    event = mapped(
        "segment",
        call(
            anonymousId="anon",
            properties={"revenue": 12.345, "currency": "eur", "orderId": "o1", "type": "x"},
            context={
                "page": {"url": "https://s.example/p?x=1", "referrer": "https://r.example/",
                         "title": "P"},
                "campaign": {"name": "summer", "source": "news", "medium": "email", "id": "9"},
                "userAgent": "UA", "ip": "203.0.113.9", "device": {"type": "ios"},
                "library": {"name": "analytics.js"},
            },
        ),
        rename={"order_completed": "purchase"},
    )  # fmt: skip
    assert (event.event_type, event.subject_id, event.event_id) == ("purchase", "ada", "m")
    assert (event.value_minor, event.currency_code) == (1235, "EUR")
    assert (event.url, event.referrer, event.user_agent) == (
        "https://s.example/p?x=1", "https://r.example/", "UA",
    )  # fmt: skip
    assert event.device_type == event_pb2.DEVICE_TYPE_MOBILE
    assert values(event.attributes) == {
        "orderId": "o1", "properties.type": "x", "page.title": "P", "utm_campaign": "summer",
        "utm_source": "news", "utm_medium": "email", "utm_id": "9",
    }  # fmt: skip
    assert [(i.type, i.value) for i in event.identifiers] == [
        (event_pb2.IDENTIFIER_TYPE_ANONYMOUS, "anon")
    ]
    assert b"203.0.113.9" not in event.SerializeToString()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # The device is two hours behind: sent 08:00:10 by its clock, received 10:00:12 by ours.
        ({"originalTimestamp": "2026-01-01T08:00:00Z", "sentAt": "2026-01-01T08:00:10Z",
          "receivedAt": "2026-01-01T10:00:12Z"}, "2026-01-01T10:00:02"),
        # Segment has corrected it already.
        ({"originalTimestamp": "2026-01-01T08:00:00Z", "sentAt": "2026-01-01T08:00:10Z",
          "receivedAt": "2026-01-01T10:00:12Z", "timestamp": "2026-01-01T10:00:01Z"},
         "2026-01-01T10:00:01"),
        ({"timestamp": "2026-01-01T08:00:00Z", "sentAt": "2026-01-01T08:00:10Z",
          "receivedAt": "2026-01-01T10:00:12Z"}, "2026-01-01T10:00:02"),
        ({"originalTimestamp": "2026-01-01T08:00:00Z"}, "2026-01-01T08:00:00"),
        ({"receivedAt": "2026-01-01T10:00:12Z"}, "2026-01-01T10:00:12"),
    ],
)  # fmt: skip
def test_segment_clock_skew(times, expected):
    assert mapped("segment", call(**times)).occurred_time_us == micro(expected)


def test_segment_without_a_time_leaves_it_to_the_server():
    assert not mapped("segment", call()).HasField("occurred_time_us")


def test_segment_identify_hashes_what_identifies():
    event = mapped(
        "segment",
        {
            "type": "identify", "anonymousId": "anon",
            "traits": {"email": "a@b.c", "phone": "+49", "plan": "pro", "name": "Ada L",
                       "age": 30},
        },
    )  # fmt: skip
    assert event.subject_type == event_pb2.IDENTIFIER_TYPE_ANONYMOUS
    assert values(event.traits) == {"plan": "pro", "traits.age": 30}
    assert {(i.type, i.value) for i in event.identifiers} == {
        (event_pb2.IDENTIFIER_TYPE_EMAIL, "a@b.c"), (event_pb2.IDENTIFIER_TYPE_PHONE, "+49"),
    }  # fmt: skip


def test_segment_group_alias_page_and_screen():
    group = mapped("segment", {"type": "group", "userId": "ada", "groupId": "acme",
                               "traits": {"industry": "toys"}})  # fmt: skip
    assert [(i.type, i.value) for i in group.identifiers] == [
        (event_pb2.IDENTIFIER_TYPE_ACCOUNT, "acme")
    ]
    assert (values(group.attributes), len(group.traits)) == ({"group.industry": "toys"}, 0)
    alias = mapped("segment", {"type": "alias", "userId": "ada", "previousId": "old"})
    assert alias.identifiers[0].value == "old"
    page = mapped("segment", {"type": "page", "userId": "ada", "name": "Home",
                              "properties": {"url": "/u"}})  # fmt: skip
    assert (page.event_type, page.url, values(page.attributes)) == (
        "page_view", "/u", {"name": "Home"},
    )  # fmt: skip
    assert mapped("segment", {"type": "screen", "userId": "a"}).event_type == "screen_view"


def test_segment_consent_only_of_categories_that_were_named():
    context = {"consent": {"categoryPreferences": {"Advertising": True, "Other": False}}}
    event = mapped("segment", call(context=context), consents={"Advertising": "ads"})
    assert [(c.purpose, c.status) for c in event.consents] == [("ads", 1)]
    assert not mapped("segment", call(context=context)).consents


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"type": "purchase", "userId": "a"}, "type: "),
        ({"type": "track", "userId": "a"}, "event: "),
        ({"type": "page"}, "userId: "),
        ({"type": "page", "userId": "a", "sentAt": "soon"}, "sentAt: "),
        ({"type": "page", "userId": "a", "properties": []}, "properties: "),
    ],
)
def test_segment_refusals_name_the_field(row, words):
    assert words in refusal("segment", row)
