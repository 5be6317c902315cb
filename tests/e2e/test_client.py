"""The Python client on a real server: both forms, errors, effects."""

import asyncio
import threading

import kairos
import pytest
from e2e.server_process import server
from kairos.v1 import effect_service_pb2

EFFECTS = 20


async def answers_of(address, key):
    """What the asynchronous client is told, in plain values."""
    async with kairos.aio.Client(address, key) as client:
        await client.wait_ready()
        sent = kairos.event("page_view", "ada", {"timeOnPage": 3}, event_id="e1")
        duplicate = (await client.ingest(sent)).duplicate
        decision = await client.decide("ada", "homepage_hero", device="mobile")
        fired = await client.evaluate(sent)
        profile = await client.profile("ada")
        plans = [plan.plan_id async for plan in client.plan_service.iterate_plans(page_size=1)]
        with pytest.raises(kairos.NotFound) as error:
            await client.profile("nobody")
        return (
            duplicate,
            decision.decisions[0].content_id,
            [one.trigger_id for one in fired.triggers],
            profile.event_count,
            plans,
            error.value.reason,
        )


def test_both_clients_are_told_the_same(tmp_path):
    with server(tmp_path / "data") as running:
        with kairos.Client(running.address, running.key) as client:
            client.wait_ready()
            sent = kairos.event("page_view", "ada", {"timeOnPage": 3}, event_id="e1")
            assert client.ingest(sent).processed
            batch = client.ingest_batch([sent, kairos.event("scroll", "ada", event_id="e2")])
            assert (batch.accepted_count, batch.duplicate_count) == (1, 1)
            decision = client.decide("ada", "homepage_hero", device="mobile")
            fired = client.evaluate(sent)
            with pytest.raises(kairos.NotFound) as error:
                client.profile("nobody")
            told = (
                True,
                decision.decisions[0].content_id,
                [one.trigger_id for one in fired.triggers],
                client.profile("ada").event_count,
                [plan.plan_id for plan in client.plan_service.iterate_plans(page_size=1)],
                error.value.reason,
            )
        assert told[3] == 2
        assert asyncio.run(answers_of(running.address, running.key)) == told
        with kairos.Client(running.address, "kairos_wrong") as client:
            with pytest.raises(kairos.Unauthenticated) as refused:
                client.profile("ada")
            assert refused.value.reason == "CREDENTIAL_INVALID"
        assert running.stop() == 0


def test_effects_are_worked_off_once_and_tried_again_where_asked(tmp_path):
    seen = []
    lock = threading.Lock()

    def handle(effect):
        with lock:
            seen.append((effect.idempotency_key, effect.attempt))
            if len(seen) == 1:
                raise kairos.TryLater("busy", 0.01)
            if len(seen) == EFFECTS + 1:
                worker.stop()

    with (
        server(tmp_path / "data") as running,
        kairos.Client(running.address, running.key) as client,
    ):
        effects = [
            effect_service_pb2.NewEffect(
                idempotency_key=f"k{number}", subject_id=f"s{number % 3}", action={"type": "send"}
            )
            for number in range(EFFECTS)
        ]
        client.effect_service.enqueue_effects(effects=effects)
        worker = kairos.EffectWorker(client, handle, concurrency=4, lease_s=1.0)
        worker.run()
        assert len({key for key, _ in seen}) == EFFECTS
        assert sorted(attempt for _, attempt in seen) == [1] * EFFECTS + [2]
        assert not list(client.effect_service.iterate_effects())
        assert running.stop() == 0
