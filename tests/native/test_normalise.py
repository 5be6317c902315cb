"""Normalisation in the core: what the log holds of an event, and what is refused."""

import random
from pathlib import Path

import pytest
from kairos.v1 import error_pb2, event_pb2, ingest_service_pb2, trigger_service_pb2
from kairos_native.engine import Engine, Refusal
from reference import intake, wire
from reference.shop import TENANT
from reference.tenants import START, document
from reference.wire_cases import Cases

ALL = {"url": True, "referrer": True, "user_agent": True}
CHROME = b"Mozilla/5.0 (Windows NT 10.0) Chrome/120"


def event(**fields: object) -> event_pb2.Event:
    return event_pb2.Event(**{"event_type": "view", "subject_id": "u", **fields})


def learned(folder: Path, schema: dict, *documents: object) -> Engine:
    engine = intake.tenant(folder, schema, *documents).engine
    engine.learn_agent(CHROME, 2, False, b"Chrome", b"120.0", b"Windows", b"")
    engine.learn_agent(b"Bot/1", 5, True, b"", b"", b"", b"Bot")
    return engine


def refusal(engine: Engine, one: event_pb2.Event) -> tuple[str, str, str]:
    request = ingest_service_pb2.IngestRequest(event=one)
    with pytest.raises(Refusal) as caught:
        engine.check_ingest(TENANT, request.SerializeToString(), START)
    name = error_pb2.ErrorReason.Name(caught.value.status).removeprefix("ERROR_REASON_")
    return name, caught.value.field, caught.value.seen


def test_what_is_derived(tmp_path: Path) -> None:
    engine = learned(tmp_path, {"normalise": ALL})
    one = event(
        url="https://me@Shop.example:443/a/../b?utm_source=News&utm_medium=e-mail"
        "&utm_campaign=a%20b"
        "&utm_term=x&utm_content=y&utm_source=second&q=1#f",
        referrer="https://www.google.de/",
        user_agent=CHROME.decode(),
    )
    (found,) = intake.logged(engine, one)
    assert intake.values(found) == {
        "url_host": "shop.example", "url_path": "/b", "utm_source": "News",
        "utm_medium": "e-mail", "utm_campaign": "a b", "utm_term": "x", "utm_content": "y",
        "referrer_host": "www.google.de", "traffic_source": "email", "browser": "Chrome",
        "browser_version": "120.0", "os": "Windows", "bot": False,
    }  # fmt: skip
    assert found.device_type == event_pb2.DEVICE_TYPE_DESKTOP
    assert found.url == one.url.replace("me@", "")
    assert (found.referrer, found.user_agent) == (one.referrer, one.user_agent)


def test_a_bot_is_named_and_an_unknown_agent_told(tmp_path: Path) -> None:
    engine = learned(tmp_path, {"normalise": ALL})
    (found,) = intake.logged(engine, event(user_agent="Bot/1"))
    assert intake.values(found) == {"bot": True, "bot_name": "Bot"}
    request = ingest_service_pb2.IngestBatchRequest(
        events=[event(user_agent=text) for text in ("new", "Bot/1", "other", "new")]
    ).SerializeToString()
    pending = engine.check_batch(TENANT, request, START)
    assert pending.unknown_agents == [b"new", b"other"]
    engine.learn_agent(b"new", 0, False, b"", b"", b"", b"")
    engine.learn_agent(b"other", 0, False, b"", b"", b"", b"")
    assert engine.check_batch(TENANT, request, START).unknown_agents == []


def test_what_the_sender_gave_stays(tmp_path: Path) -> None:
    engine = learned(tmp_path, {"normalise": ALL})
    own = {"url_path": "/mine", "utmMedium": "cpc", "bot": True}
    attributes = [
        event_pb2.Attribute(name="url_path", string_value="/mine"),
        event_pb2.Attribute(name="utmMedium", string_value="cpc"),
        event_pb2.Attribute(name="bot", bool_value=True),
    ]
    (found,) = intake.logged(
        engine,
        event(
            url="https://shop.example/x?utm_medium=email",
            user_agent=CHROME.decode(),
            device_type=event_pb2.DEVICE_TYPE_TV,
            attributes=attributes,
        ),
    )
    values = intake.values(found)
    assert {name: values[name] for name in own} == own
    assert values["traffic_source"] == "paid"
    assert len(found.attributes) == len({a.name for a in found.attributes})
    assert found.device_type == event_pb2.DEVICE_TYPE_TV


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/s?q=a&token=1&page=2&q=b", "/s?q=a&page=2&q=b"),
        ("/s?token=1", "/s"),
        ("/s?", "/s"),
        ("/s?q", "/s?q"),
        ("/s?%71=x&q%20=y", "/s?%71=x"),
        ("/s#access_token=1", "/s"),
        ("app://cart?q=1&id=7#x", "app://cart?q=1"),
        ("https://a:b@shop.example/?Q=1&q=2", "https://shop.example/?q=2"),
        ("  /s?q=1\n", "/s?q=1"),
        ("mailto:ann@example.com?q=1", "mailto:ann@example.com?q=1"),
    ],
)
def test_queries_keep_what_is_allowed(tmp_path: Path, url: str, kept: str) -> None:
    schema = {"normalise": {**ALL, "query_allow": ["q", "page"]}}
    (found,) = intake.logged(learned(tmp_path, schema), event(url=url, referrer=url))
    assert (found.url, found.referrer) == (kept, kept)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://u:p@news.example:8443/a/b?x=1#y", "https://news.example"),
        ("//news.example/a", "//news.example"),
        ("/cart?x=1", ""),
        ("android-app://com.example/x", ""),
        ("https://user@host:badport/x", ""),
    ],
)
def test_reduced_referrer_and_user_agent(tmp_path: Path, sent: str, kept: str) -> None:
    schema = {"normalise": {"url": True, "referrer": "reduce", "user_agent": "reduce"}}
    engine = learned(tmp_path, schema)
    (found,) = intake.logged(engine, event(referrer=sent, user_agent=CHROME.decode()))
    assert (found.referrer, found.user_agent) == (kept, "")
    assert intake.values(found)["browser"] == "Chrome"


@pytest.mark.parametrize(
    ("url", "referrer", "source"),
    [
        ("/", "", "direct"),
        ("https://www.shop.example/", "https://shop.example/a", "internal"),
        ("https://other.example/", "https://help.shop.example/a", "internal"),
        ("/a", "/b", "internal"),
        ("/?utm_source=partner", "https://www.bing.com/", "referral"),
        ("/?gclid=1", "https://www.google.com/", "paid"),
        ("/?fbclid=1", "", "social"),
        ("/?fbclid=1&utm_medium=cpc", "", "paid"),
        ("/?utm_medium=Newsletter", "", "email"),
        ("/?utm_source=FB", "", "social"),
        ("/", "https://t.co/x", "social"),
        ("/", "https://duckduckgo.com/", "search"),
        ("/", "https://mail.google.com/", "email"),
        ("/", "android-app://com.slack", "referral"),
        ("/", "https://blog.example/", "referral"),
    ],
)
def test_traffic_source(tmp_path: Path, url: str, referrer: str, source: str) -> None:
    schema = {"normalise": {**ALL, "site_hosts": ["shop.example"]}}
    (found,) = intake.logged(learned(tmp_path, schema), event(url=url, referrer=referrer))
    assert intake.values(found)["traffic_source"] == source


def test_unknown_attributes(tmp_path: Path) -> None:
    attributes = [
        event_pb2.Attribute(name=name, string_value="x") for name in ("a", "token", "own", "b")
    ]
    schema = {
        "attributes": {"a": "string", "b": "string"},
        "events": {"view": {"attributes": {"own": "string"}}},
    }
    dropped = learned(tmp_path / "drop", {**schema, "unknown_attributes": "drop"})
    (found,) = intake.logged(dropped, event(attributes=attributes))
    assert list(intake.values(found)) == ["a", "own", "b"]
    (found,) = intake.logged(dropped, event(event_type="other", attributes=attributes))
    assert list(intake.values(found)) == ["a", "b"]
    refused = learned(tmp_path / "refuse", {**schema, "unknown_attributes": "refuse"})
    assert refusal(refused, event(attributes=attributes)) == (
        "ATTRIBUTE_UNKNOWN",
        "attributes[1].name",
        "token",
    )
    kept = learned(tmp_path / "keep", schema)
    (found,) = intake.logged(kept, event(attributes=attributes))
    assert list(intake.values(found)) == ["a", "token", "own", "b"]


def test_required_attributes(tmp_path: Path) -> None:
    schema = {
        "attributes": {"sku": "string"},
        "events": {"purchase": {"required": ["sku", "value_minor", "url_path"]}},
        "normalise": {"url": True},
    }
    engine = learned(tmp_path, schema)
    sku = event_pb2.Attribute(name="SKU", string_value="7")
    full = event(
        event_type="purchase", value_minor=5, currency_code="EUR", url="/x", attributes=[sku]
    )
    assert len(intake.logged(engine, full, event())) == 2
    for change, field, seen in [
        ("attributes", "attributes", "sku"),
        ("url", "attributes", "url_path"),
    ]:
        one = event_pb2.Event.FromString(full.SerializeToString())
        one.ClearField(change)
        assert refusal(engine, one) == ("ATTRIBUTE_REQUIRED", field, seen)
    one = event_pb2.Event.FromString(full.SerializeToString())
    one.ClearField("value_minor")
    one.ClearField("currency_code")
    assert refusal(engine, one) == ("ATTRIBUTE_REQUIRED", "value_minor", "")
    one.MergeFrom(event_pb2.Event(value_minor=0, currency_code="EUR"))
    one.attributes[0].null_value = 0
    assert refusal(engine, one) == ("ATTRIBUTE_REQUIRED", "attributes", "sku")


def test_a_plan_that_asks_for_nothing_changes_no_byte(tmp_path: Path) -> None:
    engine = learned(tmp_path, {"attributes": {"a": "int"}})
    cases = Cases(random.Random(4), 0.0)
    # Unknown fields stay too, and the order of all.
    sent = [named(cases).SerializeToString() + b"\xa2\x06\x01x" for _ in range(300)]
    sent = [data for data in sent if accepted(engine, data)]
    assert len(sent) > 100
    assert payloads(engine, sent) == sent


def named(cases: Cases) -> event_pb2.Event:
    """A random good event without what the tenant would have to know."""
    one = event_pb2.Event.FromString(cases.event())
    one.ClearField("consents")
    one.ClearField("tenant_id")
    for name in ("attributes", "traits"):
        kept = [a for a in getattr(one, name) if not a.name_id]
        one.ClearField(name)
        getattr(one, name).extend(kept)
    return one


def accepted(engine: Engine, data: bytes) -> bool:
    request = ingest_service_pb2.IngestRequest()
    request.event.MergeFromString(data)
    try:
        engine.check_ingest(TENANT, request.SerializeToString(), START)
    except Refusal:
        return False
    return True


def payloads(engine: Engine, sent: list[bytes]) -> list[bytes]:
    before = engine.figures()["applied_sequence"]
    request = b"".join(b"\x0a" + varint(len(data)) + data for data in sent)
    engine.commit([engine.check_batch(TENANT, request, START)], START)
    return [row[-1] for row in engine.log_records(before + 1, intake.FRAME_EVENT)]


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_random_events_keep_all_else(tmp_path: Path) -> None:
    """What the log holds is an event that the scanner takes, equal to what was sent but for what
    normalisation names.
    """
    schema = {
        "attributes": {f"name_{i}": "dyn" for i in range(4)},
        "unknown_attributes": "drop",
        "normalise": {"url": True, "referrer": "reduce", "user_agent": "reduce",
                      "query_allow": ["q"]},
    }  # fmt: skip
    engine = learned(tmp_path, schema)
    rng = random.Random(6)
    cases = Cases(rng, 0.0)
    sent = []
    while len(sent) < 400:
        one = named(cases)
        one.url = rng.choice(["/a?q=1&r=2", "https://u@a.b/%2e%2e/x y?utm_source=z", "", "x:y"])
        one.referrer = rng.choice(["", "https://u:p@www.google.com/x?y", "/b"])
        one.user_agent = rng.choice(["", CHROME.decode(), "Bot/1", "unknown"])
        if accepted(engine, one.SerializeToString()):
            sent.append(one)
    found = payloads(engine, [one.SerializeToString() for one in sent])
    for before, data in zip(sent, found, strict=True):
        assert wire.verdict(wire.read_event, event_pb2.Event, data)[0] == 0
        after = event_pb2.Event.FromString(data)
        kept = [a for a in before.attributes if a.name in schema["attributes"]]
        assert list(after.attributes)[: len(kept)] == kept
        for one in (before, after):
            for name in ("attributes", "url", "referrer", "user_agent", "device_type"):
                one.ClearField(name)
        assert before == after


def test_limits(tmp_path: Path) -> None:
    """An event at its limits is logged without what would carry it beyond them."""
    engine = learned(tmp_path, {"normalise": ALL})
    many = [event_pb2.Attribute(name=f"n{i}", int_value=i) for i in range(255)]
    one = event(url="/x?utm_source=a", attributes=many)
    (found,) = intake.logged(engine, one)
    assert found == one
    long = [event_pb2.Attribute(name=f"n{i}", string_value="x" * 8000) for i in range(8)]
    one = event(url="/" + "é" * 350, attributes=long)
    assert len(one.SerializeToString()) < 65_536
    (found,) = intake.logged(engine, one)
    assert found == one
    (found,) = intake.logged(engine, event(url="/" + "é" * 4000))
    assert "url_path" not in intake.values(found)


def test_an_evaluation_reads_what_ingest_would(tmp_path: Path) -> None:
    condition = (
        'event.url_path == "/pricing" && event.traffic_source == "search" && event.bot == false '
        '&& event.device_type == "desktop"'
    )
    trigger = document("trigger", "seen", condition=condition)
    engine = learned(tmp_path, {"normalise": ALL}, trigger)
    one = event(
        url="https://shop.example/x/../pricing",
        referrer="https://www.google.com/",
        user_agent=CHROME.decode(),
    )
    request = trigger_service_pb2.EvaluateRequest(event=one)
    answer = trigger_service_pb2.EvaluateResponse.FromString(
        engine.evaluate(TENANT, request.SerializeToString(), START)
    )
    assert [t.trigger_id for t in answer.triggers] == ["seen"]
    ingest = ingest_service_pb2.IngestRequest(event=one)
    pending = engine.check_ingest(TENANT, ingest.SerializeToString(), START)
    engine.commit([pending], START)
    taken = ingest_service_pb2.IngestResponse.FromString(pending.response)
    assert [t.trigger_id for t in taken.triggers] == ["seen"]


def test_what_is_looked_up_stays_known(tmp_path: Path) -> None:
    """The table is bounded: what nobody looks up is forgotten, what somebody does is not."""
    engine = learned(tmp_path, {"normalise": ALL})
    request = ingest_service_pb2.IngestRequest(event=event(user_agent="Bot/1")).SerializeToString()
    for number in range(110_000):
        engine.learn_agent(b"agent %d" % number, 1, False, b"B", b"1", b"O", b"")
        if number % 1000 == 0:
            assert not engine.check_ingest(TENANT, request, START).unknown_agents
    assert engine.agent_figures()["known"] <= 65_536
    old = ingest_service_pb2.IngestRequest(event=event(user_agent="agent 5")).SerializeToString()
    new = ingest_service_pb2.IngestRequest(event=event(user_agent="agent 109999"))
    assert engine.check_ingest(TENANT, old, START).unknown_agents == [b"agent 5"]
    assert not engine.check_ingest(TENANT, new.SerializeToString(), START).unknown_agents
