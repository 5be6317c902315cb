"""SubscribeService of a real server: what is told is what was answered, in the log's order."""

import signal

import grpc
import pytest
from contract.observed import TIMEOUT, Observed, event_of, server
from contract.transport import failure_of
from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import event_pb2, profile_service_pb2
from kairos.v1 import subscribe_service_pb2 as contract

EVENTS = contract.SUBSCRIPTION_KIND_BEHAVIORAL_EVENTS
TRIGGERS = contract.SUBSCRIPTION_KIND_CONVERSION_TRIGGERS
SCORES = contract.SUBSCRIPTION_KIND_ENGAGEMENT_METRICS


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subscribe") / "data"
    with server(folder) as running, running.channel() as channel:
        yield Observed(running, channel)


class Stream:
    """An open subscription, live once it is entered."""

    def __init__(self, observed, **fields):
        self._call = observed.subscribe_stub.Subscribe(
            contract.SubscribeRequest(**fields),
            metadata=observed.running.metadata(),
            timeout=TIMEOUT,
        )

    def __enter__(self):
        assert next(self._call).WhichOneof("message") == "started"
        return self

    def __exit__(self, *error):
        self._call.cancel()

    def take(self, count):
        """The next messages that are no heartbeats."""
        found = []
        while len(found) < count:
            message = next(self._call)
            if message.WhichOneof("message") != "heartbeat":
                found.append(message)
        return found

    def until(self, event_type):
        """Everything up to the event of a type, which ends a test."""
        found = []
        while True:
            message = next(self._call)
            kind = message.WhichOneof("message")
            if kind == "behavioral_event" and message.behavioral_event.event.event_type == (
                event_type
            ):
                return found
            if kind != "heartbeat":
                found.append(message)


def visit(subject, session="s1"):
    """Events that make the demo pack's exit trigger fire with the last."""
    granted = [
        event_pb2.ConsentChange(purpose="personalization", status=event_pb2.CONSENT_STATUS_GRANTED)
    ]
    types = ("page_view", "scroll", "page_view", "page_view", "scroll", "page_view", "cart_add")
    events = [
        event_of(
            subject, name, session_id=session, event_id=f"{subject}-{number}", url="/pricing",
            device_type=event_pb2.DEVICE_TYPE_MOBILE, consents=granted if not number else [],
        )
        for number, name in enumerate(types * 2)
    ]  # fmt: skip
    leaving = event_of(subject, "exit_intent", session_id=session, event_id=f"{subject}-exit")
    leaving.attributes.add(name="timeOnPage", int_value=45_000)
    return [*events, leaving]


def test_what_is_told_is_what_was_answered(observed):
    with Stream(observed, kinds=[EVENTS, TRIGGERS]) as stream:
        events = visit("ada")
        answer = observed.batch(events[:-1])
        last = observed.ingest(events[-1])
        assert last.triggers, "the demo pack has a trigger for this"
        # Neither a repeat nor a refused event happened again.
        assert observed.ingest(events[0]).duplicate
        mixed = observed.batch([event_of("ada", "after"), event_of("")])
        assert mixed.refused_count == 1
        observed.ingest(event_of("ada", "end"))
        told = stream.until("end")
    results = [*answer.results, last, mixed.results[0]]
    expected = []
    for event, result in zip([*events, event_of("ada", "after")], results, strict=True):
        expected.append((result.sequence, "behavioral_event", event))
        expected += [(result.sequence, "trigger_notification", f) for f in result.triggers]
    assert [
        (
            message.sequence,
            message.WhichOneof("message"),
            message.behavioral_event.event
            if message.HasField("behavioral_event")
            else message.trigger_notification.trigger,
        )
        for message in told
    ] == expected
    fired = next(m.trigger_notification for m in told if m.HasField("trigger_notification"))
    assert fired.trigger.actions
    assert (fired.subject_id, fired.session_id) == ("ada", "s1")
    # A trigger of the demo pack may fire on any event; its event names it too.
    for message in told:
        if message.HasField("behavioral_event"):
            ids = [
                other.trigger_notification.trigger.trigger_id
                for other in told
                if other.sequence == message.sequence and other.HasField("trigger_notification")
            ]
            assert list(message.behavioral_event.trigger_ids) == ids


@pytest.mark.parametrize(
    ("fields", "passing"),
    [
        ({}, {"a1x", "a2x", "b1x", "b1y"}),
        ({"subject_ids": ["a"]}, {"a1x", "a2x"}),
        ({"session_ids": ["1"]}, {"a1x", "b1x", "b1y"}),
        ({"event_types": ["x"]}, {"a1x", "a2x", "b1x"}),
        ({"subject_ids": ["a", "b"], "session_ids": ["1"], "event_types": ["y"]}, {"b1y"}),
        ({"subject_ids": ["nobody"]}, set()),
    ],
)
def test_filters_of_different_fields_all_hold(observed, fields, passing):
    names = ("a1x", "a2x", "b1x", "b1y")
    with Stream(observed, **fields) as stream:
        observed.batch([event_of(name[0], name[2], session_id=name[1]) for name in names])
        # The last one passes every filter, so that an absence is seen without waiting.
        subject = (fields.get("subject_ids") or ["z"])[-1]
        kind = (fields.get("event_types") or ["z"])[-1]
        session = (fields.get("session_ids") or ["z"])[-1]
        observed.ingest(event_of(subject, kind, session_id=session, url="end"))
        found = []
        while True:
            event = stream.take(1)[0].behavioral_event.event
            if event.url == "end":
                break
            found.append(event.subject_id + event.session_id + event.event_type)
    assert set(found) == passing
    assert found == [name for name in names if name in passing]


def test_triggers_are_filtered_by_id(observed):
    events = visit("tess")
    with Stream(
        observed,
        kinds=[TRIGGERS],
        subject_ids=["tess"],
        trigger_ids=["high_intent_exit_prevention"],
    ) as stream:
        observed.batch(events)
        [message] = stream.take(1)
        trigger = message.trigger_notification.trigger
        assert trigger.trigger_id == "high_intent_exit_prevention"
        assert message.trigger_notification.event_type == "exit_intent"


def test_only_the_fields_asked_for_are_sent(observed):
    mask = FieldMask(paths=["event_type", "url"])
    with Stream(observed, subject_ids=["mia"], read_mask=mask) as stream:
        observed.ingest(event_of("mia", "look", url="/a", session_id="secret"))
        event = stream.take(1)[0].behavioral_event.event
    assert event == event_pb2.Event(event_type="look", url="/a")


def test_engagement_is_that_of_the_profile(observed):
    with Stream(observed, kinds=[SCORES], subject_ids=["eve"]) as stream:
        observed.batch([*visit("eve"), event_of("other")])
        [message] = stream.take(1)
    metrics = message.engagement_metrics
    request = profile_service_pb2.GetProfileRequest(subject_id="eve")
    profile = observed.call(observed.profiles.GetProfile, request).profile
    scores = {feature.name: feature.value.double_value for feature in profile.features}
    assert metrics.subject_id == "eve"
    assert (metrics.event_count, metrics.session_count) == (15, profile.session_count)
    # Scores decay with time, and the profile was read a little later.
    assert metrics.engagement_score == pytest.approx(scores["engagement_score"], rel=1e-3)
    assert metrics.intent_probability == pytest.approx(scores["intent_probability"], rel=1e-3)
    assert message.sequence == profile.sequence


def test_silence_is_told_by_heartbeats(observed):
    request = contract.SubscribeRequest(subject_ids=["nobody"], heartbeat_seconds=1)
    call = observed.subscribe_stub.Subscribe(
        request, metadata=observed.running.metadata(), timeout=TIMEOUT
    )
    assert [next(call).WhichOneof("message") for _ in range(2)] == ["started", "heartbeat"]
    call.cancel()


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"kinds": [0]}, "FIELD_INVALID", "kinds[0]"),
        ({"kinds": [EVENTS, 99]}, "FIELD_INVALID", "kinds[1]"),
        ({"kinds": [SCORES]}, "FIELD_REQUIRED", "subject_ids"),
        ({"subject_ids": ["x"] * 1_001}, "FIELD_INVALID", "subject_ids"),
        ({"session_ids": ["x"] * 1_001}, "FIELD_INVALID", "session_ids"),
        ({"event_types": ["x"] * 101}, "FIELD_INVALID", "event_types"),
        ({"trigger_ids": ["x"] * 1_001}, "FIELD_INVALID", "trigger_ids"),
        ({"heartbeat_seconds": 301}, "FIELD_INVALID", "heartbeat_seconds"),
        ({"read_mask": FieldMask(paths=["nothing"])}, "FIELD_MASK_INVALID", "read_mask"),
        ({"read_mask": FieldMask(paths=["url"] * 65)}, "FIELD_MASK_INVALID", "read_mask"),
    ],
)
def test_wrong_requests_name_the_field(observed, fields, reason, field):
    code, seen, details = observed.refused(
        observed.subscribe_stub.Subscribe, contract.SubscribeRequest(**fields)
    )
    assert (code, seen) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert details["BadRequest"].field_violations[0].field == field


def test_a_stop_ends_the_stream_and_subscribers_are_counted(tmp_path):
    with server(tmp_path / "data") as running, running.channel() as channel:
        observed = Observed(running, channel)
        assert subscribers_of(observed) == 0
        with Stream(observed) as stream:
            assert subscribers_of(observed) == 1
            observed.ingest(event_of("ada", "last"))
            assert len(stream.take(1)) == 1
            running.process.send_signal(signal.SIGTERM)
            with pytest.raises(grpc.RpcError) as error:
                stream.take(1)
        assert failure_of(error.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert running.process.wait(TIMEOUT) == 0


def subscribers_of(observed):
    return observed.metrics()["kairos_subscribers"].samples[0].value


def test_a_reader_that_does_not_read_costs_nobody_else_and_learns_what_it_missed(tmp_path):
    """A stopped reader's buffers fill; writers go on; when it reads again it finds gaps in the
    right places.
    """
    with server(tmp_path / "data") as running, running.channel() as channel:
        observed = Observed(running, channel)
        options = [("grpc.http2.lookahead_bytes", 0)]
        with grpc.insecure_channel(running.address, options) as slow:
            reader = Observed(running, slow)
            call = reader.subscribe_stub.Subscribe(
                contract.SubscribeRequest(), metadata=running.metadata(), timeout=TIMEOUT
            )
            assert next(call).HasField("started")
            # 16 MiB in all: more than the windows of the connection and the buffer hold together.
            last = 0
            for number in range(16):
                events = [
                    event_of("ada", event_id=f"{number}-{index}", url="/" + "x" * 8_000)
                    for index in range(128)
                ]
                last = observed.batch(events).results[-1].sequence
            assert dropped_of(observed) > 0
            following, missed = None, 0
            while following is None or following <= last:
                message = next(call)
                if message.HasField("gap"):
                    gap = message.gap
                    assert gap.first_sequence == following
                    missed += gap.dropped_count
                    following = gap.last_sequence + 1
                elif message.HasField("behavioral_event"):
                    assert following in (None, message.sequence)
                    following = message.sequence + 1
            assert missed == dropped_of(observed)
            call.cancel()


def dropped_of(observed):
    family = observed.metrics()["kairos_subscription_messages_dropped"]
    return family.samples[0].value
