"""Calls of both clients: what they carry, what they try again, and what they raise."""

import asyncio
import threading

import grpc
import kairos
import kairos.connection
import kairos.policy
import pytest
from client.scripted_server import scripted
from kairos.policy import TRIES_MAX, repeatable, service_config
from kairos.v1 import event_pb2, ingest_service_pb2, plan_service_pb2, profile_service_pb2
from kairos.v1.methods import METHODS
from kairos_server.errors import Refused

KEY = "kairos_test"
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def call(kind, script, work, **options):
    """Result of `work`, which makes one call of a blocking or an asynchronous client."""
    if kind == "blocking":
        with kairos.Client(script.address, KEY, **options) as client:
            return work(client)

    async def run():
        async with kairos.aio.Client(script.address, KEY, **options) as client:
            return await work(client)

    return asyncio.run(asyncio.wait_for(run(), 60))


both = pytest.mark.parametrize("kind", ["blocking", "asynchronous"])


@both
def test_calls_carry_key_request_id_and_deadline(kind):
    answer = profile_service_pb2.GetProfileResponse()
    answer.profile.event_count = 7
    with scripted(answer.SerializeToString()) as script:
        profile = call(kind, script, lambda client: client.profile("ada"))
        assert profile.event_count == 7
        (asked,) = script.asked
        assert asked.method == "/kairos.v1.ProfileService/GetProfile"
        assert asked.metadata["authorization"] == f"Bearer {KEY}"
        assert asked.metadata["x-request-id"]
        # The library rounds a deadline up a little.
        assert 0 < asked.remaining_s < 5.5
        call(kind, script, lambda client: client.profile("ada", timeout=2.0))
        assert script.asked[1].remaining_s < 2.5
        call(kind, script, lambda client: client.profile("ada"), timeouts={"GetProfile": 1.0})
        assert script.asked[2].remaining_s < 1.5
        assert len({asked.metadata["x-request-id"] for asked in script.asked}) == 3


@both
def test_unavailable_servers_are_tried_again_with_the_same_event(kind):
    with scripted(UNAVAILABLE, UNAVAILABLE, b"") as script:
        call(kind, script, lambda client: client.ingest(kairos.event("view", "ada")))
        requests = {asked.request for asked in script.asked}
        assert (len(script.asked), len(requests)) == (3, 1)
        event = ingest_service_pb2.IngestRequest.FromString(requests.pop()).event
        assert event.event_id
        assert len({asked.metadata["x-request-id"] for asked in script.asked}) == 1


@both
def test_unavailable_servers_are_given_up_on(kind):
    with scripted(*[UNAVAILABLE] * TRIES_MAX) as script:
        with pytest.raises(kairos.Unavailable) as error:
            call(kind, script, lambda client: client.profile("ada"))
        assert len(script.asked) == TRIES_MAX
        assert error.value.request_id == script.asked[0].metadata["x-request-id"]


@both
def test_what_may_not_run_twice_is_not_tried_again(kind):
    with scripted(UNAVAILABLE) as script:
        with pytest.raises(kairos.Unavailable):
            call(kind, script, lambda client: client.plan_service.roll_back_plan())
        assert len(script.asked) == 1


@both
def test_full_servers_are_asked_again_after_their_delay(kind):
    full = Refused("QUEUE_FULL", retry_us=1_000)
    with scripted(full, full, b"") as script:
        call(kind, script, lambda client: client.ingest(kairos.event("view", "ada")))
        assert len(script.asked) == 3
    with scripted(full, full, full) as script:
        with pytest.raises(kairos.Overloaded) as error:
            call(
                kind,
                script,
                lambda client: client.ingest(kairos.event("view", "ada")),
                retries=kairos.Retries(count_max=2),
            )
        assert error.value.retry_after == 0.001
        assert len(script.asked) == 3
    with scripted(Refused("REQUEST_TOO_LARGE")) as script:
        with pytest.raises(kairos.Overloaded):
            call(kind, script, lambda client: client.profile("ada"))
        assert len(script.asked) == 1


@both
def test_late_answers_are_given_up_on(kind):
    held = threading.Event()
    with scripted(held) as script:
        with pytest.raises(kairos.DeadlineExceeded) as error:
            call(kind, script, lambda client: client.profile("ada", timeout=0.05))
        assert error.value.reason == ""
        held.set()


@both
def test_events_without_an_identity_get_one(kind):
    own = event_pb2.Event(event_id="mine", event_type="view", subject_id="ada")
    numbered = event_pb2.Event(producer_id="till", producer_sequence=3)
    bare = event_pb2.Event(event_type="view", subject_id="ada")
    with scripted() as script:
        call(kind, script, lambda client: client.ingest_batch([own, numbered, bare, bare]))
        (asked,) = script.asked
        sent = ingest_service_pb2.IngestBatchRequest.FromString(asked.request).events
        assert [event.event_id for event in sent][:2] == ["mine", ""]
        assert len({event.event_id for event in sent[2:]}) == 2
        assert not bare.event_id


@both
def test_request_and_fields_are_not_mixed(kind):
    request = profile_service_pb2.GetProfileRequest(subject_id="ada")
    with scripted() as script, pytest.raises(TypeError, match="subject_id"):
        call(
            kind,
            script,
            lambda client: client.profile_service.get_profile(request, subject_id="bob"),
        )


def pages():
    first = plan_service_pb2.ListPlansResponse(next_page_token="next")
    first.plans.add(plan_id="a")
    first.plans.add(plan_id="b")
    last = plan_service_pb2.ListPlansResponse()
    last.plans.add(plan_id="c")
    return first.SerializeToString(), last.SerializeToString()


@both
def test_pages_are_walked(kind):
    def work(client):
        return [plan.plan_id for plan in client.plan_service.iterate_plans(page_size=2)]

    async def work_async(client):
        return [plan.plan_id async for plan in client.plan_service.iterate_plans(page_size=2)]

    with scripted(*pages()) as script:
        found = call(kind, script, work if kind == "blocking" else work_async)
        assert found == ["a", "b", "c"]
        tokens = [
            plan_service_pb2.ListPlansRequest.FromString(asked.request).page_token
            for asked in script.asked
        ]
        assert tokens == ["", "next"]


@both
def test_streams_answer_in_order_and_raise_what_ends_them(kind):
    answers = [
        ingest_service_pb2.IngestStreamResponse(chunk_number=number).SerializeToString()
        for number in (1, 2)
    ]
    chunks = [ingest_service_pb2.IngestStreamRequest(chunk_number=n) for n in (1, 2, 3)]
    seen = []

    def work(client):
        with client.ingest_service.ingest_stream(chunks) as stream:
            for answer in stream:
                seen.append(answer.chunk_number)  # noqa: PERF401  # what came before the error

    async def work_async(client):
        async with client.ingest_service.ingest_stream(chunks) as stream:
            async for answer in stream:
                seen.append(answer.chunk_number)  # noqa: PERF401

    with scripted(*answers, Refused("DISK_FULL")) as script:
        with pytest.raises(kairos.Overloaded) as error:
            call(kind, script, work if kind == "blocking" else work_async)
        assert seen == [1, 2]
        assert error.value.reason == "DISK_FULL"
        assert error.value.request_id == script.asked[0].metadata["x-request-id"]


def test_cancelled_stream_of_an_asynchronous_client_says_so():
    held = threading.Event()

    async def work(client):
        stream = client.ingest_service.ingest_stream([ingest_service_pb2.IngestStreamRequest()])
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        stream.cancel()
        with pytest.raises(kairos.Cancelled):
            await waiting

    with scripted(held) as script:
        call("asynchronous", script, work)
        held.set()


def test_server_that_is_not_there_is_told():
    with kairos.Client("127.0.0.1:1", KEY) as client:
        with pytest.raises(TimeoutError, match=r"127\.0\.0\.1:1 did not answer"):
            client.wait_ready(0.05)
        with pytest.raises(kairos.Unavailable):
            client.profile("ada")


def test_keys_travel_in_plain_text_only_to_this_machine():
    for address in ("127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/tmp/x", "dns:///localhost:1"):
        assert kairos.connection.Connection(address, KEY).credentials() is None
    for address in ("10.0.0.1:443", "kairos.example.com:443", "dns:///kairos.example.com:443"):
        assert kairos.connection.Connection(address, KEY).credentials() is not None
        assert kairos.connection.Connection(address, KEY, tls=False).credentials() is None
    assert KEY not in repr(kairos.connection.Connection("127.0.0.1:1", KEY))


def test_reads_are_repeatable_and_every_method_has_a_deadline():
    for method in METHODS:
        name = method.rpartition("/")[2]
        if name.startswith(("Get", "List")):
            assert repeatable(method), method
        assert 0 < kairos.policy.timeout_s(method) <= 30
    assert repeatable("/kairos.v1.EffectService/AckEffects")
    assert repeatable("/kairos.v1.ConsentService/SetConsent")
    assert not repeatable("/kairos.v1.EffectService/LeaseEffects")
    assert "RollBackPlan" not in service_config()
