"""The worker of effects: what it leases, and what it says became of each."""

import asyncio
import threading

import kairos
import pytest
from client.scripted_server import scripted
from kairos.v1 import effect_service_pb2

KEY = "kairos_test"
SERVICE = "/kairos.v1.EffectService"
LEASE = "LeaseEffects"


def leased(*names):
    answer = effect_service_pb2.LeaseEffectsResponse()
    for name in names:
        answer.effects.add(effect_id=name, lease_token=f"token-{name}")
    return answer.SerializeToString()


def worked(script, handle, stop_after, kind="blocking", **options):
    """Runs a worker until `stop_after` calls of `handle` have ended."""
    count = 0
    lock = threading.Lock()

    def counted(effect):
        nonlocal count
        try:
            handle(effect)
        finally:
            with lock:
                count += 1
                if count == stop_after:
                    worker.stop()

    async def awaited(effect):
        await asyncio.to_thread(counted, effect)

    async def run():
        nonlocal worker
        async with kairos.aio.Client(script.address, KEY) as client:
            worker = kairos.aio.EffectWorker(client, awaited, **options)
            await asyncio.wait_for(worker.run(), 60)

    worker = None
    if kind == "asynchronous":
        asyncio.run(run())
        return
    with kairos.Client(script.address, KEY) as client:
        worker = kairos.EffectWorker(client, counted, **options)
        worker.run()


both = pytest.mark.parametrize("kind", ["blocking", "asynchronous"])


def asked(script, method, request):
    return [
        request.FromString(one.request)
        for one in script.asked
        if one.method == f"{SERVICE}/{method}"
    ]


@both
def test_what_a_handler_returns_or_raises_is_told(kind):
    def handle(effect):
        if effect.effect_id == "later":
            raise kairos.TryLater("busy", 1.5)
        if effect.effect_id == "never":
            raise kairos.GiveUp("no such address")
        if effect.effect_id == "broken":
            raise ZeroDivisionError("of ada@example.com")

    with scripted(leased("done", "later", "never", "broken"), only=LEASE) as script:
        options = {"worker_id": "w1", "channels": ["email"], "action_types": ["send"]}
        worked(script, handle, 4, kind, concurrency=4, lease_s=20.0, **options)
        lease = asked(script, "LeaseEffects", effect_service_pb2.LeaseEffectsRequest)[0]
        assert (lease.worker_id, lease.effect_count_max, lease.lease_us) == ("w1", 4, 20_000_000)
        assert (list(lease.channels), list(lease.action_types)) == ([3], ["send"])
        (done,) = asked(script, "AckEffects", effect_service_pb2.AckEffectsRequest)
        assert [(one.effect_id, one.lease_token) for one in done.leases] == [("done", "token-done")]
        failed = {
            one.lease.effect_id: (one.reason, one.permanent, one.retry_delay_us)
            for request in asked(script, "FailEffects", effect_service_pb2.FailEffectsRequest)
            for one in request.failures
        }
        assert failed == {
            "later": ("busy", False, 1_500_000),
            "never": ("no such address", True, 0),
            "broken": ("ZeroDivisionError", False, 0),
        }


@both
def test_leases_of_long_work_are_extended(kind):
    held = threading.Event()

    def handle(effect):
        while not asked(script, "ExtendLeases", effect_service_pb2.ExtendLeasesRequest):
            held.wait(0.001)

    with scripted(leased("long"), only=LEASE) as script:
        worked(script, handle, 1, kind, lease_s=0.03)
        extended = asked(script, "ExtendLeases", effect_service_pb2.ExtendLeasesRequest)[0]
        assert [one.effect_id for one in extended.leases] == ["long"]


@both
def test_no_more_is_leased_than_is_worked_on(kind):
    most = running = 0
    lock = threading.Lock()

    def handle(effect):
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    with scripted(leased("a", "b"), b"", b"", leased("c"), only=LEASE) as script:
        worked(script, handle, 3, kind, concurrency=2)
        requests = asked(script, "LeaseEffects", effect_service_pb2.LeaseEffectsRequest)
        assert all(1 <= one.effect_count_max <= 2 for one in requests)
        assert most <= 2
