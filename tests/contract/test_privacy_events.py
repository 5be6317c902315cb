"""IngestPrivacyEvent over the transport: what is kept, what the answer says, what is refused."""

from pathlib import Path

import grpc
import pytest
from contract.transport import TENANT, failure_of, run, served
from kairos.v1 import event_pb2, ingest_service_pb2
from reference import intake
from reference.tenants import document

METHOD = "/kairos.v1.IngestService/IngestPrivacyEvent"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
)
SCHEMA = {
    "attributes": {
        "load_time": "int",
        "plan": "string",
        "customer_email": {"type": "string", "personal": True},
    },
    "purposes": ["analytics", "marketing", "personalization", "advertising"],
}
TIME_US = 1_700_000_123_456_789
Request = ingest_service_pb2.IngestPrivacyEventRequest
Answer = ingest_service_pb2.IngestPrivacyEventResponse


def request(level: str = "ANALYTICS_ONLY", **fields: object) -> Request:
    return Request(
        **{
            "anonymized_session_id": "anon_session_123",
            "consent_level": ingest_service_pb2.ConsentLevel.Value(f"CONSENT_LEVEL_{level}"),
            "event_type": "page_view",
            "occurred_time_us": TIME_US,
            "url": "https://me:pw@shop.example/product?utm_source=news&email=a@b.de#top",
            "referrer": "https://mail.example/inbox/42?user=ann",
            "user_agent": IPHONE,
            "attributes": [
                event_pb2.Attribute(name="loadTime", int_value=1250),
                event_pb2.Attribute(name="customerEmail", string_value="ann@example.com"),
                event_pb2.Attribute(name="note", string_value="call ann@example.com"),
                event_pb2.Attribute(name="client", string_value="192.168.10.4"),
                event_pb2.Attribute(name="plan", string_value="pro"),
            ],
            **fields,
        }
    )


def settings(strength: str, **fields: object) -> ingest_service_pb2.PrivacySettings:
    value = ingest_service_pb2.Anonymization.Value(f"ANONYMIZATION_{strength}")
    return ingest_service_pb2.PrivacySettings(anonymization=value, **fields)


def exchange(folder: Path, *requests: Request, documents: tuple = ()) -> tuple[list, list]:
    """Sends the requests one after the other; returns their answers (or reason and field) and the
    events of the log.
    """
    lock = intake.tenant(folder, SCHEMA, *documents, number=TENANT)

    async def calls() -> tuple[list, list]:
        answers = []
        async with served(lock.engine) as server:
            for one in requests:
                try:
                    data = await server.call(METHOD, one.SerializeToString())
                    answers.append(Answer.FromString(data))
                except grpc.aio.AioRpcError as error:
                    _, reason, details = failure_of(error)
                    answers.append((reason, details["ErrorInfo"].metadata["field"]))
            return answers, intake.log_events(lock.engine)

    # The server's writer closes the engine when it ends.
    return run(calls())


def consents(event: event_pb2.Event) -> dict[str, bool]:
    granted = event_pb2.CONSENT_STATUS_GRANTED
    return {consent.purpose: consent.status == granted for consent in event.consents}


def test_high_is_the_default(tmp_path: Path) -> None:
    (answer,), (event,) = exchange(tmp_path, request())
    assert answer.event.processed
    assert answer.event.sequence
    assert answer.anonymization == ingest_service_pb2.ANONYMIZATION_HIGH
    assert (event.subject_id, event.subject_type) == (
        "anon_session_123",
        event_pb2.IDENTIFIER_TYPE_ANONYMOUS,
    )
    assert event.url == "https://shop.example/product"
    assert event.referrer == "https://mail.example"
    assert (event.user_agent, event.device_type) == ("", event_pb2.DEVICE_TYPE_MOBILE)
    assert event.occurred_time_us == TIME_US - TIME_US % 60_000_000
    assert not event.identifiers
    assert intake.values(event) == {
        "loadTime": 1250,
        "plan": "pro",
        "bot": False,
        "retention_days": 30,
        "data_sharing": "none",
        "consent_level": "analytics_only",
    }
    assert list(answer.removed_fields) == [
        "attributes.customer_email",
        "attributes.note",
        "attributes.client",
        "user_agent",
    ]
    assert list(answer.coarsened_fields) == ["url", "referrer", "occurred_time_us"]
    assert consents(event) == {
        "analytics": True,
        "marketing": False,
        "personalization": False,
        "advertising": False,
    }
    assert list(answer.granted_purposes) == ["analytics"]
    assert list(answer.denied_purposes) == ["marketing", "personalization", "advertising"]
    assert answer.retention_days == 30
    assert answer.expire_time_us == event.occurred_time_us + 30 * 86_400_000_000


def test_low_keeps_campaign_browser_and_time(tmp_path: Path) -> None:
    (answer,), (event,) = exchange(
        tmp_path, request(privacy_settings=settings("LOW", retention="90_days"))
    )
    assert event.url == "https://shop.example/product?utm_source=news"
    assert event.referrer == "https://mail.example/inbox/42"
    assert event.occurred_time_us == TIME_US
    found = intake.values(event)
    assert (found["browser"], found["os"], found["retention_days"]) == ("Mobile Safari", "iOS", 90)
    assert "customerEmail" not in found
    assert answer.anonymization == ingest_service_pb2.ANONYMIZATION_LOW


def test_a_level_asks_for_an_anonymization_of_its_own(tmp_path: Path) -> None:
    none = settings("NONE")
    answers, events = exchange(
        tmp_path,
        request("NECESSARY", privacy_settings=none),
        request("ANALYTICS_ONLY", privacy_settings=none),
        request("MARKETING", privacy_settings=none),
        request("FULL", privacy_settings=none),
    )
    strengths = [ingest_service_pb2.Anonymization.Name(a.anonymization) for a in answers]
    assert [name.removeprefix("ANONYMIZATION_") for name in strengths] == [
        "HIGH",
        "LOW",
        "NONE",
        "NONE",
    ]
    necessary, _, marketing, full = events
    assert set(intake.values(necessary)) == {"retention_days", "data_sharing", "consent_level"}
    assert necessary.referrer == ""
    assert not any(consents(necessary).values())
    assert "attributes.plan" in answers[0].removed_fields
    assert intake.values(marketing)["customerEmail"] == "ann@example.com"
    assert marketing.user_agent == IPHONE
    assert [p for p, given in consents(marketing).items() if given] == [
        "analytics",
        "marketing",
        "personalization",
    ]
    assert all(consents(full).values())
    assert (list(answers[3].removed_fields), list(answers[3].coarsened_fields)) == ([], [])


def test_the_policy_decides_what_levels_mean(tmp_path: Path) -> None:
    policy = document(
        "policy",
        "privacy",
        levels={"necessary": ["analytics"], "full": ["analytics", "marketing"]},
        essential_attributes=["loadTime"],
        retention_days=7,
    )
    answers, events = exchange(tmp_path, request("NECESSARY"), request("FULL"), documents=(policy,))
    assert list(answers[0].granted_purposes) == ["analytics"]
    assert list(answers[1].granted_purposes) == ["analytics", "marketing"]
    assert intake.values(events[0])["loadTime"] == 1250
    assert answers[0].retention_days == 7


def test_a_repeat_is_a_duplicate(tmp_path: Path) -> None:
    answers, _ = exchange(tmp_path, request(event_id="e1"), request(event_id="e1"))
    assert [a.event.duplicate for a in answers] == [False, True]


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"consent_level": 0}, ("CONSENT_LEVEL_INVALID", "consent_level")),
        (
            {"consent_level": ingest_service_pb2.CONSENT_LEVEL_NONE},
            ("CONSENT_LEVEL_INVALID", "consent_level"),
        ),
        ({"consent_level": 9}, ("ENUM_INVALID", "consent_level")),
        ({"anonymized_session_id": ""}, ("SUBJECT_MISSING", "anonymized_session_id")),
        ({"anonymized_session_id": "x" * 257}, ("SUBJECT_INVALID", "anonymized_session_id")),
        ({"event_type": ""}, ("EVENT_TYPE_MISSING", "event_type")),
        ({"tenant_id": "other"}, ("TENANT_MISMATCH", "tenant_id")),
        (
            {"privacy_settings": ingest_service_pb2.PrivacySettings(retention="forever")},
            ("RETENTION_INVALID", "privacy_settings.retention"),
        ),
        (
            {"privacy_settings": ingest_service_pb2.PrivacySettings(retention="3651_days")},
            ("RETENTION_INVALID", "privacy_settings.retention"),
        ),
        (
            {"privacy_settings": ingest_service_pb2.PrivacySettings(anonymization=7)},
            ("ENUM_INVALID", "privacy_settings.anonymization"),
        ),
        (
            {"privacy_settings": ingest_service_pb2.PrivacySettings(sharing=7)},
            ("ENUM_INVALID", "privacy_settings.sharing"),
        ),
        (
            {"attributes": [event_pb2.Attribute(name_id=12, int_value=1)]},
            ("ATTRIBUTE_NAME_MISSING", "attributes[0].name"),
        ),
        (
            {"attributes": [event_pb2.Attribute(name="a..b", int_value=1)]},
            ("ATTRIBUTE_NAME_INVALID", "attributes[0].name"),
        ),
        (
            {"attributes": [event_pb2.Attribute(name="consentLevel", int_value=1)]},
            ("ATTRIBUTE_RESERVED", "attributes[0].name"),
        ),
        (
            {
                "attributes": [
                    event_pb2.Attribute(name="customer_email", string_value="a"),
                    event_pb2.Attribute(name="load_time", string_value="x"),
                ]
            },
            ("ATTRIBUTE_TYPE_MISMATCH", "attributes[1].string_value"),
        ),
    ],
)
def test_refusals(tmp_path: Path, change: dict, refused: tuple[str, str]) -> None:
    one = request()
    for name, value in change.items():
        one.ClearField(name)
        one.MergeFrom(Request(**{name: value}))
    answers, events = exchange(tmp_path, one)
    assert answers == [refused]
    assert events == []


def test_bytes_that_are_no_message(tmp_path: Path) -> None:
    lock = intake.tenant(tmp_path, SCHEMA, number=TENANT)

    async def call() -> tuple:
        async with served(lock.engine) as server:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await server.call(METHOD, b"\x07")
            return failure_of(caught.value)[:2]

    assert run(call()) == (grpc.StatusCode.INVALID_ARGUMENT, "WIRE_MALFORMED")
