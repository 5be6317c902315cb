"""The wire scanner, rule by rule: each limit at its bound and one beyond,
each refusal with its field.
"""

import itertools
import struct

import hash_door
import pytest
import wire_door
from kairos.v1 import error_pb2, event_pb2, personalization_service_pb2
from reference.wire import RESERVED_EVENT, RESERVED_TRAIT
from reference.wire_cases import field, varint

TIME_US_MAX = 253_402_300_799_999_999
MEMBERS = ("int_value", "bool_value", "time_value_us", "string_value", "double_value", "null_value")


def event(**fields: object) -> event_pb2.Event:
    return event_pb2.Event(**{"event_type": "page_view", "subject_id": "u", **fields})


def scan(message: event_pb2.Event | bytes) -> tuple:
    return wire_door.scan_event(
        message if isinstance(message, bytes) else message.SerializeToString()
    )


def refusal(answer: tuple) -> tuple[str, str]:
    status, path, seen = answer
    seen.decode()
    return error_pb2.ErrorReason.Name(status).removeprefix("ERROR_REASON_"), path


def with_attribute(**attribute: object) -> event_pb2.Event:
    return event(attributes=[event_pb2.Attribute(**{"name": "n", **attribute})])


TEXT_LIMITS = [
    ("event_id", 128, "EVENT_ID_INVALID"),
    ("event_type", 128, "EVENT_TYPE_INVALID"),
    ("subject_id", 256, "SUBJECT_INVALID"),
    ("session_id", 256, "SESSION_INVALID"),
    ("persona", 8192, "STRING_TOO_LONG"),
    ("url", 8192, "STRING_TOO_LONG"),
    ("referrer", 8192, "STRING_TOO_LONG"),
    ("tenant_id", 64, "TENANT_MISMATCH"),
]


@pytest.mark.parametrize(("name", "limit", "reason"), TEXT_LIMITS)
def test_texts_are_taken_up_to_their_limit(name: str, limit: int, reason: str) -> None:
    status, values = scan(event(**{name: "x" * limit}))
    assert status == 0
    assert values[name] == b"x" * limit
    answer = scan(event(**{name: "x" * (limit + 1)}))
    assert refusal(answer) == (reason, name)
    assert answer[2] == b"x" * (limit + 1)


@pytest.mark.parametrize(
    ("name", "reason"), [("event_type", "EVENT_TYPE_MISSING"), ("subject_id", "SUBJECT_MISSING")]
)
def test_required_texts(name: str, reason: str) -> None:
    assert refusal(scan(event(**{name: ""}))) == (reason, name)


def test_the_id_to_answer_with_survives_a_refusal() -> None:
    assert (
        wire_door.answered_id(event(event_id="e-1", subject_id="").SerializeToString())[1] == b"e-1"
    )
    assert wire_door.answered_id(event(event_id="e-1").SerializeToString() + b"\x07")[1] == b"e-1"
    assert wire_door.answered_id(event(event_id="x" * 129).SerializeToString())[1] == b""
    assert wire_door.answered_id(field(1, 2, b"\xff"))[1] == b""


@pytest.mark.parametrize(
    ("bad", "refused"),
    [
        ({"int_value": 1, "name": ""}, ("ATTRIBUTE_NAME_MISSING", "attributes[0].name")),
        ({"int_value": 1, "name_id": 4}, ("ATTRIBUTE_NAME_INVALID", "attributes[0].name")),
        ({"int_value": 1, "name": "a..b"}, ("ATTRIBUTE_NAME_INVALID", "attributes[0].name")),
        ({"int_value": 1, "name": "eventType"}, ("ATTRIBUTE_RESERVED", "attributes[0].name")),
        ({}, ("ATTRIBUTE_VALUE_MISSING", "attributes[0].value")),
        ({"string_value": "x" * 8193}, ("STRING_TOO_LONG", "attributes[0].string_value")),
        ({"double_value": float("nan")}, ("NUMBER_INVALID", "attributes[0].double_value")),
        ({"double_value": float("-inf")}, ("NUMBER_INVALID", "attributes[0].double_value")),
        ({"time_value_us": -1}, ("TIME_INVALID", "attributes[0].time_value_us")),
        ({"time_value_us": TIME_US_MAX + 1}, ("TIME_INVALID", "attributes[0].time_value_us")),
        ({"null_value": 1}, ("ENUM_INVALID", "attributes[0].null_value")),
    ],
)
def test_bad_attributes(bad: dict, refused: tuple[str, str]) -> None:
    assert refusal(scan(with_attribute(**bad))) == refused


@pytest.mark.parametrize(
    ("member", "value", "seen"),
    [
        ("string_value", "x" * 8192, ("string", b"x" * 8192)),
        ("string_value", "", ("string", b"")),
        ("int_value", -(2**63), ("int", -(2**63))),
        ("double_value", -0.0, ("double", struct.pack("<d", -0.0))),
        ("bool_value", True, ("bool", True)),
        ("time_value_us", TIME_US_MAX, ("time", TIME_US_MAX)),
        ("null_value", 0, ("null", 0)),
    ],
)
def test_values(member: str, value: object, seen: tuple) -> None:
    status, values = scan(with_attribute(**{member: value}))
    assert status == 0
    assert values["attributes"][0][3:] == seen


def test_strings_of_traits_have_their_own_limit() -> None:
    def trait(size: int) -> event_pb2.Event:
        return event(traits=[event_pb2.Attribute(name="plan", string_value="x" * size)])

    assert scan(trait(1024))[0] == 0
    assert refusal(scan(trait(1025))) == ("STRING_TOO_LONG", "traits[0].string_value")


@pytest.mark.parametrize(("name", "limit"), [("attributes", 256), ("traits", 64), ("consents", 64)])
def test_counts(name: str, limit: int) -> None:
    def many(count: int) -> event_pb2.Event:
        if name == "consents":
            return event(
                consents=[event_pb2.ConsentChange(purpose=f"p{i}", status=1) for i in range(count)]
            )
        return event(
            **{name: [event_pb2.Attribute(name=f"n{i}", int_value=i) for i in range(count)]}
        )

    status, values = scan(many(limit))
    assert status == 0
    assert len(values[name]) == limit
    assert refusal(scan(many(limit + 1))) == ("ATTRIBUTE_COUNT_EXCEEDED", name)


def test_duplicates_in_two_spellings() -> None:
    names = ["timeOnPage", "pageURL", "time_on_page"]
    twice = event(attributes=[event_pb2.Attribute(name=name, int_value=1) for name in names])
    assert scan(twice) == (12, "attributes[2].name", b"time_on_page")
    ids = event(attributes=[event_pb2.Attribute(name_id=i, int_value=1) for i in (7, 2**32 - 1, 7)])
    assert refusal(scan(ids)) == ("ATTRIBUTE_DUPLICATE", "attributes[2].name_id")
    apart = event(
        attributes=[event_pb2.Attribute(name="plan", int_value=1)],
        traits=[event_pb2.Attribute(name="plan", int_value=1)],
    )
    assert scan(apart)[0] == 0


@pytest.mark.parametrize(
    ("path", "names"), [("attributes", RESERVED_EVENT), ("traits", RESERVED_TRAIT)]
)
def test_reserved_names(path: str, names: set[bytes]) -> None:
    for name in sorted(name.decode() for name in names):
        for spelling in (name, name.upper(), "".join(part.title() for part in name.split("_"))):
            answer = scan(event(**{path: [event_pb2.Attribute(name=spelling, int_value=1)]}))
            # URL-like spellings of several words have another canonical form.
            expected = wire_door.canonical_name(spelling.encode()) == name.encode()
            assert (answer[0] == 13) == expected, spelling
        for other in (name + "x", name[:-1] + "0", "x" + name):
            assert scan(event(**{path: [event_pb2.Attribute(name=other, int_value=1)]}))[0] == 0, (
                other
            )


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"value_minor": 1}, ("CURRENCY_INVALID", "currency_code")),
        ({"currency_code": "EUR"}, ("CURRENCY_INVALID", "value_minor")),
        ({"value_minor": 1, "currency_code": "EURO"}, ("CURRENCY_INVALID", "currency_code")),
        ({"value_minor": 1, "currency_code": "eur"}, ("CURRENCY_INVALID", "currency_code")),
        ({"value_minor": 1, "currency_code": "E1R"}, ("CURRENCY_INVALID", "currency_code")),
        ({"occurred_time_us": -1}, ("TIME_INVALID", "occurred_time_us")),
        ({"occurred_time_us": TIME_US_MAX + 1}, ("TIME_INVALID", "occurred_time_us")),
        ({"device_type": 6}, ("ENUM_INVALID", "device_type")),
        ({"channel": 10}, ("ENUM_INVALID", "channel")),
        ({"urgency": -1}, ("ENUM_INVALID", "urgency")),
        ({"consents": [{"status": 1}]}, ("CONSENT_PURPOSE_UNKNOWN", "consents[0].purpose")),
        ({"consents": [{"purpose": "a"}]}, ("CONSENT_STATUS_INVALID", "consents[0].status")),
        ({"consents": [{"purpose": "a", "status": 3}]}, ("ENUM_INVALID", "consents[0].status")),
        (
            {"consents": [{"purpose": "a", "status": s} for s in (1, 2)]},
            ("ATTRIBUTE_DUPLICATE", "consents[1].purpose"),
        ),
    ],
)
def test_bad_fields(fields: dict, refused: tuple[str, str]) -> None:
    assert refusal(scan(event(**fields))) == refused


def test_zero_is_a_time_and_a_value() -> None:
    status, values = scan(event(occurred_time_us=0, value_minor=0, currency_code="JPY"))
    assert (status, values["occurred_time_us"], values["value_minor"]) == (0, 0, 0)
    status, values = scan(event())
    assert (status, values["occurred_time_us"], values["value_minor"]) == (0, None, None)


def test_the_order_of_refusals() -> None:
    bad = event(
        event_type="", subject_id="", device_type=9, attributes=[event_pb2.Attribute()]
    ).SerializeToString()
    assert refusal(scan(bad)) == ("EVENT_TYPE_MISSING", "event_type")
    assert refusal(scan(bad + field(6, 2, b"\x07"))) == ("WIRE_MALFORMED", "attributes[1]")
    assert refusal(scan(bad + field(6, 2, field(1, 2, b"\xff")))) == (
        "UTF8_INVALID",
        "attributes[1].name",
    )
    assert refusal(scan(bad + field(6, 2, b"\x07") + field(17, 2, b"\xff"))) == (
        "UTF8_INVALID",
        "tenant_id",
    )
    assert refusal(scan(field(17, 2, b"\xff") + b"\x07")) == ("UTF8_INVALID", "tenant_id")
    assert refusal(scan(b"\x07" + field(17, 2, b"\xff"))) == ("WIRE_MALFORMED", "")


@pytest.mark.parametrize(
    "tail",
    [
        b"\x00\x00", b"\x80", b"\x80\x80\x80\x80\x80\x01", b"\xff" * 5, varint(2**32) + b"\x00",
        b"\x08", b"\x28" + b"\xff" * 10,
        b"\x28" + b"\x80" * 9 + b"\x02", b"\x28" + b"\x80" * 10 + b"\x00", b"\x0a\x05abcd",
        b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x80\x80\x80\x80\x80\x00", b"\x21" + bytes(7),
        b"\x25" + bytes(3), b"\x0b", b"\x0b\x0c", b"\x0c", b"\x0e", b"\x0f",
    ],
)  # fmt: skip
def test_malformed_bytes(tail: bytes) -> None:
    assert refusal(scan(event().SerializeToString() + tail)) == ("WIRE_MALFORMED", "")
    inner = event().SerializeToString() + field(
        6, 2, field(1, 2, b"n") + field(4, 0, b"\x01") + tail
    )
    assert refusal(scan(inner)) == ("WIRE_MALFORMED", "attributes[0]")


def test_what_protobuf_skips_is_skipped() -> None:
    good = event(url="/a")
    unknown = (
        field(1000, 2, b"\xff")
        + field(2**29 - 1, 1, bytes(8))
        + field(11, 0, b"\x05")
        + field(5, 2, b"\xff")
        + field(6, 0, b"\x01")
    )
    assert scan(unknown + good.SerializeToString() + unknown) == scan(good)


def test_the_last_occurrence_counts() -> None:
    attribute = (
        b"".join(field(4, 0, varint(i)) for i in range(3))
        + field(1, 2, b"first")
        + field(1, 2, b"last")
        + field(3, 2, b"v")
    )
    data = (
        event(url="/a", channel=9).SerializeToString()
        + field(11, 2, b"/b")
        + field(8, 0, b"\x01")
        + field(6, 2, attribute)
    )
    status, values = scan(data)
    assert (status, values["url"], values["channel"]) == (0, b"/b", 1)
    assert values["attributes"][0][0] == b"last"
    assert values["attributes"][0][3:] == ("string", b"v")


def test_an_overwritten_string_must_be_utf8_too() -> None:
    assert refusal(scan(field(11, 2, b"\xff") + event(url="/a").SerializeToString())) == (
        "UTF8_INVALID",
        "url",
    )


def test_utf8_at_every_position() -> None:
    for text, good in [
        ("é".encode(), True),
        ("😀".encode(), True),
        (b"\xc3", False),
        (b"\xed\xa0\x80", False),
        (b"\xc0\xaf", False),
    ]:
        for before in range(20):
            for after in range(12):
                data = event().SerializeToString() + field(
                    11, 2, b"a" * before + text + b"b" * after
                )
                assert (scan(data)[0] == 0) == good, (text, before, after)


def test_size_of_an_event() -> None:
    start = event().SerializeToString()
    room = 65_536 - len(start) - len(field(100, 2, b"x" * 60_000)) + 60_000
    assert scan(start + field(100, 2, b"x" * room))[0] == 0
    assert refusal(scan(start + field(100, 2, b"x" * (room + 1)))) == ("EVENT_TOO_LARGE", "")


def test_the_promised_arena_does_for_the_greatest_event() -> None:
    def long_name(i: int) -> str:
        return f"{i:03}A" + "b" * 122

    greatest = event(
        attributes=[event_pb2.Attribute(name=long_name(i), int_value=i) for i in range(256)],
        traits=[event_pb2.Attribute(name=long_name(i), int_value=i) for i in range(64)],
        consents=[event_pb2.ConsentChange(purpose=f"p{i}", status=1) for i in range(64)],
    )
    memory = wire_door.Memory()
    status, values = wire_door.scan_event(greatest.SerializeToString(), memory)
    assert status == 0
    assert values["attributes"][255][0] == b"255_a" + b"b" * 122
    assert wire_door.ARENA_SIZE - 1024 < memory.used <= wire_door.ARENA_SIZE
    assert (
        wire_door.scan_event(greatest.SerializeToString(), wire_door.Memory(memory.used - 64))[0]
        == 139
    )


def decide_request() -> personalization_service_pb2.DecideRequest:
    request = personalization_service_pb2.DecideRequest()
    request.subject.id = "u"
    request.context.placement = "hero"
    return request


def test_decide_defaults() -> None:
    status, values = wire_door.scan_decide(decide_request().SerializeToString())
    assert status == 0
    assert (values["max_variants"], values["require_consent"], values["at_time_us"]) == (
        1,
        True,
        None,
    )


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda r: r.ClearField("subject"), ("SUBJECT_MISSING", "subject.id")),
        (lambda r: setattr(r.subject, "id", "x" * 257), ("SUBJECT_INVALID", "subject.id")),
        (
            lambda r: setattr(r.subject, "tenant_id", "x" * 65),
            ("TENANT_MISMATCH", "subject.tenant_id"),
        ),
        (lambda r: r.ClearField("context"), ("PLACEMENT_MISSING", "context.placement")),
        (
            lambda r: setattr(r.context, "placement", "x" * 129),
            ("PLACEMENT_UNKNOWN", "context.placement"),
        ),
        (lambda r: setattr(r.context, "channel", 10), ("ENUM_INVALID", "context.channel")),
        (
            lambda r: r.context.attributes.add(name="Scenario", int_value=1),
            ("ATTRIBUTE_RESERVED", "context.attributes[0].name"),
        ),
        (
            lambda r: setattr(r.constraints, "max_variants", 101),
            ("MAX_VARIANTS_INVALID", "constraints.max_variants"),
        ),
        (lambda r: setattr(r, "at_time_us", -1), ("TIME_INVALID", "at_time_us")),
    ],
)
def test_bad_decide_requests(change, refused: tuple[str, str]) -> None:
    request = decide_request()
    change(request)
    assert refusal(wire_door.scan_decide(request.SerializeToString())) == refused


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_repeated_message_is_refused(number: int) -> None:
    data = decide_request().SerializeToString() + field(3, 2, b"") + field(number, 2, b"")
    assert refusal(wire_door.scan_decide(data)) == (
        "WIRE_MALFORMED",
        ["", "subject", "context", "constraints"][number],
    )


def test_finding_the_event() -> None:
    one = event().SerializeToString()
    assert wire_door.find_event(field(9, 0, b"\x01") + field(1, 2, one) + field(2, 2, b"?")) == (
        0,
        one,
    )
    assert wire_door.find_event(field(1, 2, b"")) == (0, b"")
    assert refusal(wire_door.find_event(b"")) == ("EVENT_MISSING", "event")
    assert refusal(wire_door.find_event(field(1, 2, one) * 2)) == ("WIRE_MALFORMED", "event")
    assert refusal(wire_door.find_event(field(1, 2, one) + b"\x07")) == ("WIRE_MALFORMED", "")
    assert refusal(wire_door.find_event(field(1, 2, b"x" * 4_194_304))) == ("REQUEST_TOO_LARGE", "")


def test_walking_a_batch() -> None:
    events = [event(event_id=f"e{i}").SerializeToString() for i in range(5)]
    data = field(9, 0, b"\x01").join(field(1, 2, one) for one in events)
    assert wire_door.batch_events(data) == (events, 131)
    assert wire_door.batch_events(data + b"\x0a\x01") == (events, 25)
    assert wire_door.batch_events(b"") == ([], 131)


def test_walking_an_evaluation() -> None:
    one = event().SerializeToString()
    data = field(2, 2, b"a") + field(1, 2, one) + field(2, 2, "é".encode())
    assert wire_door.evaluate_items(data) == ([(2, b"a"), (1, one), (2, "é".encode())], 131, "")
    assert wire_door.evaluate_items(data + field(1, 2, one))[1:] == (25, "event")
    assert wire_door.evaluate_items(field(2, 2, b"\xff")) == ([], 18, "trigger_ids")


def test_colliding_names_are_told_apart() -> None:
    """256 names that meet in one slot of the table (W8 of wire.h): the work grows,
    the answer does not change.
    """
    names = (f"n{i}" for i in itertools.count())
    colliding = list(
        itertools.islice((n for n in names if hash_door.hash64(2, n.encode()) % 512 == 5), 256)
    )
    crowded = event(attributes=[event_pb2.Attribute(name=name, int_value=1) for name in colliding])
    status, values = scan(crowded)
    assert status == 0
    assert [attribute[0].decode() for attribute in values["attributes"]] == colliding
    crowded.attributes[255].name = colliding[0]
    assert refusal(scan(crowded)) == ("ATTRIBUTE_DUPLICATE", "attributes[255].name")
