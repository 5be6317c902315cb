"""The contract of kairos.v1.EffectService."""

import asyncio

import pytest
from contract.desk import START_US, TENANT
from contract.outbox import DONE, LOST, NOT_FOUND, SECOND, keys, lease_of, new, outbox
from contract.transport import run
from kairos.v1 import document_pb2, event_pb2
from kairos.v1 import effect_service_pb2 as pb
from kairos_server.delivery import delivery_policy_read
from kairos_server.errors import Code, Refused
from kairos_server.rpc.call import Kind
from unit.test_delivery_index import row


def test_enqueue_lease_ack(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            action = event_pb2.Action(
                type="mail", parameters=[event_pb2.Attribute(name="template", string_value="hi")]
            )
            due_us = START_US - 5
            ids = await box.enqueue(
                new("a", action=action, urgency=3, due_time_us=due_us, subject_type=1)
            )
            (effect,) = await box.lease(worker_id="w")
            assert (effect.effect_id, effect.subject_id, effect.action) == (ids[0], "ann", action)
            assert (effect.urgency, effect.channel, effect.subject_type) == (3, 3, 1)
            assert (effect.source, effect.trigger_id) == (pb.EFFECT_SOURCE_ENQUEUED, "")
            assert (effect.attempt, effect.due_time_us) == (1, START_US)
            assert effect.lease_expire_time_us == START_US + 5 * SECOND
            assert len(effect.idempotency_key) == 32
            stats = await box.stats()
            assert (stats.pending_count, stats.leased_count) == (1, 1)
            assert stats.oldest_create_time_us == START_US
            assert await box.lease() == []
            assert await box.ack(effect) == [DONE]
            # A repeat is told the same, in one call and in the next.
            assert await box.ack(effect, effect) == [DONE, DONE]
            assert await box.lease() == []
            assert (await box.stats()).pending_count == 0

    run(test())


def test_enqueue_is_idempotent_and_may_only_validate(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            answer = await box.call("EnqueueEffects", effects=[new("a")], validate_only=True)
            assert [effect.effect_id for effect in answer.effects] == [""]
            assert (await box.stats()).pending_count == 0
            first = await box.enqueue(new("a"), new("b"))
            again = await box.call("EnqueueEffects", effects=[new("b", "other"), new("c")])
            assert [effect.duplicate for effect in again.effects] == [True, False]
            assert again.effects[0].effect_id == first[1]
            await box.ack(*await box.lease())
            done = await box.call("EnqueueEffects", effects=[new("a")])
            assert done.effects[0].duplicate

    run(test())


REFUSED = [
    ("EnqueueEffects", {}, "BATCH_EMPTY", "effects"),
    ("EnqueueEffects", {"effects": [new("k")] * 1001}, "BATCH_TOO_LARGE", "effects"),
    ("EnqueueEffects", {"effects": [new("")]}, "FIELD_REQUIRED", "effects[0].idempotency_key"),
    ("EnqueueEffects", {"effects": [new("k" * 257)]}, "FIELD_INVALID",
     "effects[0].idempotency_key"),
    ("EnqueueEffects", {"effects": [new("k"), new("l", "")]}, "SUBJECT_MISSING",
     "effects[1].subject_id"),
    ("EnqueueEffects", {"effects": [new("l", "s" * 257)]}, "SUBJECT_INVALID",
     "effects[0].subject_id"),
    ("EnqueueEffects", {"effects": [new("l", "no address", subject_type=3)]},
     "IDENTIFIER_INVALID", "subject_id"),
    ("EnqueueEffects", {"effects": [new("l", type="")]}, "FIELD_REQUIRED",
     "effects[0].action.type"),
    ("EnqueueEffects", {"effects": [new("l", due_time_us=-1)]}, "FIELD_INVALID",
     "effects[0].due_time_us"),
    ("EnqueueEffects", {"effects": [new("l", due_time_us=START_US * 2)]}, "FIELD_INVALID",
     "effects[0].due_time_us"),
    ("EnqueueEffects", {"effects": [new("l", channel=77)]}, "FIELD_INVALID", "effects[0].channel"),
    ("LeaseEffects", {"effect_count_max": 1001}, "FIELD_INVALID", "effect_count_max"),
    ("LeaseEffects", {"wait_us": 31 * SECOND}, "FIELD_INVALID", "wait_us"),
    ("LeaseEffects", {"wait_us": -1}, "FIELD_INVALID", "wait_us"),
    ("LeaseEffects", {"lease_us": 999_999}, "FIELD_INVALID", "lease_us"),
    ("LeaseEffects", {"worker_id": "w" * 129}, "FIELD_INVALID", "worker_id"),
    ("LeaseEffects", {"channels": [77]}, "FIELD_INVALID", "channels[0]"),
    ("LeaseEffects", {"action_types": ["t"] * 101}, "FIELD_INVALID", "action_types"),
    ("AckEffects", {}, "BATCH_EMPTY", "leases"),
    ("AckEffects", {"leases": [pb.EffectLease(effect_id="1-0")]}, "FIELD_INVALID",
     "leases[0].lease_token"),
    ("AckEffects", {"leases": [pb.EffectLease(effect_id="x", lease_token="t")]}, "FIELD_INVALID",
     "leases[0].effect_id"),
    ("FailEffects", {}, "BATCH_EMPTY", "failures"),
    ("FailEffects", {"failures": [pb.FailedEffect(retry_delay_us=-1)]}, "FIELD_INVALID",
     "failures[0].retry_delay_us"),
    ("ExtendLeases", {}, "BATCH_EMPTY", "leases"),
    ("ListEffects", {"page_token": "x"}, "PAGE_INVALID", "page_token"),
    ("ListDeadEffects", {"page_size": -1}, "PAGE_INVALID", "page_size"),
    ("ListEffects", {"filter": pb.EffectFilter(create_time_us_max=-1)}, "FIELD_INVALID",
     "filter.create_time_us_max"),
    ("ReplayEffects", {}, "FIELD_REQUIRED", "effect_ids"),
    ("ReplayEffects", {"effect_ids": ["1"]}, "FIELD_INVALID", "effect_ids[0]"),
    ("ReplayEffects", {"effect_ids": ["1-0"], "filter": pb.EffectFilter()}, "FIELD_INVALID",
     "filter"),
    ("DiscardEffects", {}, "FIELD_REQUIRED", "effect_ids"),
]  # fmt: skip


def test_what_is_refused(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            before = box.server.engine.figures()["applied_sequence"]
            for name, fields, reason, field in REFUSED:
                code = Code.INVALID_ARGUMENT
                assert await box.refusal(name, **fields) == (reason, field, code), (name, fields)
            assert box.server.engine.figures()["applied_sequence"] == before

    run(test())


def test_failures_come_back_later_and_die(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.enqueue(new("a"), new("b"))
            (first,) = await box.lease()
            assert await box.fail(first, reason="refused by the provider") == [DONE]
            # Counted once; its lease is gone.
            assert await box.fail(first) == [LOST]
            assert await box.lease() == []
            (shown, behind) = (await box.call("ListEffects")).effects
            assert (shown.attempt, shown.failure_reason) == (1, "refused by the provider")
            assert START_US <= shown.due_time_us <= START_US + 10 * SECOND
            assert behind.attempt == 0
            box.now_us = shown.due_time_us - 1
            assert await box.lease() == []
            box.now_us = shown.due_time_us
            (second,) = await box.lease()
            assert (second.effect_id, second.attempt) == (first.effect_id, 2)
            assert second.lease_token != first.lease_token
            assert await box.fail(second, retry_delay_us=7 * SECOND) == [DONE]
            box.now_us += 7 * SECOND
            (third,) = await box.lease()
            assert await box.fail(third, reason="again") == [DONE]
            (dead,) = (await box.call("ListDeadEffects")).effects
            assert (dead.effect_id, dead.attempt, dead.failure_reason) == (
                first.effect_id, 3, "again",
            )  # fmt: skip
            # What stood behind it goes on.
            (following,) = await box.lease()
            assert following.effect_id == behind.effect_id
            assert await box.fail(following, permanent=True) == [DONE]
            assert (await box.stats()).dead_count == 2

    run(test())


def test_delays_are_spread_and_the_same_for_the_same_failure():
    policy = delivery_policy_read(None).default
    delays = [policy.retry_us(row(number), attempt) for number in range(300) for attempt in (1, 5)]
    assert delays == [
        policy.retry_us(row(number), attempt) for number in range(300) for attempt in (1, 5)
    ]
    first, fifth = delays[::2], delays[1::2]
    assert max(first) <= 2 * SECOND < max(fifth) <= 32 * SECOND
    # Full jitter: the mean is half of the bound.
    assert 0.8 * SECOND < sum(first) / 300 < 1.2 * SECOND
    assert policy.retry_us(row(1), 100) <= policy.backoff_us_max


def test_a_lease_that_ends_counts_as_a_failure(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.enqueue(new("a"))
            (first,) = await box.lease(lease_us=2 * SECOND)
            box.now_us += 2 * SECOND
            assert await box.lease() == []
            await box.delivery.change(TENANT, 5 * SECOND)
            (shown,) = (await box.call("ListEffects")).effects
            assert (shown.attempt, shown.failure_reason) == (1, "The lease ended without a word.")
            # It is too late to say that it failed, not that it is done.
            assert await box.fail(first) == [LOST]
            assert await box.ack(first) == [DONE]
            assert (await box.stats()).pending_count == 0

    run(test())


def test_a_lease_of_somebody_else_is_safe(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.enqueue(new("a"))
            (first,) = await box.lease(lease_us=SECOND)
            box.now_us += 12 * SECOND
            await box.lease()
            await box.delivery.change(TENANT, 5 * SECOND)
            box.now_us += 12 * SECOND
            (second,) = await box.lease()
            assert await box.ack(first) == [LOST]
            assert await box.fail(first) == [LOST]
            answer = await box.call("ExtendLeases", leases=[lease_of(first), lease_of(second)],
                                    lease_us=60 * SECOND)  # fmt: skip
            assert list(answer.results) == [LOST, DONE]
            assert list(answer.lease_expire_times_us) == [0, box.now_us + 60 * SECOND]
            box.now_us += 59 * SECOND
            assert await box.lease() == []
            assert await box.ack(second) == [DONE]
            gone = await box.call("ExtendLeases", leases=[lease_of(second)])
            assert list(gone.results) == [NOT_FOUND]

    run(test())


def test_after_a_start_everything_pending_is_handed_out_again(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.enqueue(new("a"), new("b", "bob"), new("c", "cid"))
            first = await box.lease()
            box.delivery.close()
            box.start()
            # What was done before the start is taken; nobody else holds it.
            assert await box.ack(first[0]) == [DONE]
            assert await box.fail(first[1]) == [DONE]
            assert await box.fail(first[1]) == [LOST]
            (again,) = await box.lease()
            assert again.effect_id == first[2].effect_id
            assert await box.ack(first[2]) == [LOST]
            assert await box.ack(again) == [DONE]
            assert await box.ack(first[0]) == [DONE]
            box.delivery.close()
            box.start()
            # Whoever asks again after another start is told that it is gone.
            assert await box.ack(first[0]) == [NOT_FOUND]

    run(test())


def test_waiting_ends_with_the_first_effect(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            waiting = [
                asyncio.ensure_future(
                    box.lease(wait_us=20 * SECOND, channels=[event_pb2.CHANNEL_SMS])
                ),
                asyncio.ensure_future(box.lease(wait_us=20 * SECOND, action_types=["mail"])),
            ]
            await asyncio.sleep(0)
            await box.enqueue(new("a"))
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert done == {waiting[1]}
            assert (await box.stats()).worker_count == 1
            box.delivery.close()
            assert await waiting[0] == []

    run(test())


def test_a_caller_that_goes_away_holds_nothing(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            waiting = asyncio.ensure_future(box.lease(wait_us=20 * SECOND))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await box.enqueue(new("a"))
            stats = await box.stats()
            assert (stats.worker_count, stats.leased_count) == (0, 0)
            assert len(await box.lease()) == 1

    run(test())


def test_stream_keeps_its_number_in_flight(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.enqueue(*(new(f"k{number}", f"s{number}") for number in range(5)))
            method = box.table["/kairos.v1.EffectService/StreamEffects"]
            assert method.kind is Kind.SERVER_STREAM
            request = pb.StreamEffectsRequest(in_flight_count_max=2)

            async def requests():
                yield request.SerializeToString()

            call = box.request("StreamEffects")
            answers = box.server.gate.stream(method, requests(), call)
            assert await anext(answers) == b""
            seen: list[str] = []
            while len(seen) < 5:
                answer = pb.StreamEffectsResponse.FromString(await anext(answers))
                assert 1 <= len(answer.effects) <= 2
                assert (await box.stats()).leased_count <= 2
                seen += keys(answer.effects)
                assert await box.ack(*answer.effects) == [DONE] * len(answer.effects)
            assert sorted(seen) == ["s0", "s1", "s2", "s3", "s4"]
            following = asyncio.ensure_future(anext(answers))
            await asyncio.sleep(0)
            box.delivery.close()
            with pytest.raises(Refused) as error:
                await following
            assert error.value.reason == "DRAINING"

    run(test())


def test_pages_and_filters(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            effects = [
                new(f"k{n}", f"s{n % 4}", channel=3 + n % 2, type="mail" if n % 3 else "sms")
                for n in range(50)
            ]
            ids = await box.enqueue(*effects)
            seen, token = [], ""
            while True:
                page = await box.call("ListEffects", page_size=7, page_token=token)
                seen += [effect.effect_id for effect in page.effects]
                token = page.next_page_token
                if not token:
                    break
                assert len(page.effects) == 7
            assert seen == ids
            chosen = pb.EffectFilter(channels=[4], action_types=["sms"], subject_id="s1")
            found = (await box.call("ListEffects", filter=chosen, page_size=50)).effects
            assert [effect.effect_id for effect in found] == [
                ids[n] for n in range(50) if n % 2 and not n % 3 and n % 4 == 1
            ]
            early = pb.EffectFilter(create_time_us_max=START_US - 1)
            assert not (await box.call("ListEffects", filter=early)).effects
            other = await box.call("ListEffects", page_size=1)
            reason = await box.refusal("ListDeadEffects", page_token=other.next_page_token)
            assert reason[0] == "PAGE_INVALID"
            await box.lease()
            shown = (await box.call("ListEffects", page_size=1)).effects[0]
            assert shown.lease_expire_time_us == START_US + 5 * SECOND
            assert not shown.lease_token

    run(test())


def test_replay_and_discard_are_audited(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            ids = await box.enqueue(*(new(f"k{n}", f"s{n}") for n in range(4)))
            await box.fail(*await box.lease(), permanent=True)
            probe = await box.call("ReplayEffects", filter=pb.EffectFilter(), validate_only=True)
            assert (probe.effect_count, probe.more) == (4, False)
            answer = await box.call(
                "ReplayEffects", effect_ids=[ids[1], "999-0"], note="the provider is back"
            )
            assert (answer.effect_count, list(answer.missing_ids)) == (1, ["999-0"])
            again = await box.call("ReplayEffects", effect_ids=[ids[1]])
            assert (again.effect_count, list(again.missing_ids)) == (0, [ids[1]])
            (effect,) = await box.lease()
            assert (effect.effect_id, effect.attempt) == (ids[1], 1)
            answer = await box.call("DiscardEffects", filter=pb.EffectFilter(subject_id="s2"))
            assert answer.effect_count == 1
            # Pending ones by id, unless somebody holds them.
            pending = await box.enqueue(new("p", "pat"))
            answer = await box.call("DiscardEffects", effect_ids=[pending[0], ids[1], ids[0]])
            assert (answer.effect_count, list(answer.missing_ids)) == (2, [ids[1]])
            assert await box.ack(effect) == [DONE]
            assert (await box.stats()).pending_count == 0
            left = (await box.call("ListDeadEffects")).effects
            assert [each.effect_id for each in left] == [ids[3]]
            entries = (await box.server.call("ListAuditEntries", page_size=10)).entries
            acts = [(entry.action, entry.note) for entry in entries]
            assert ("effects.replay", "the provider is back") in acts
            assert acts.count(("effects.discard", "")) == 2

    run(test())


def test_effects_of_triggers(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.server.put(
                document_pb2.Document(
                    body='{"kind": "trigger", "id": "cart", "condition": '
                    '"event.type == \\"cart\\"", "urgency": "critical", '
                    '"actions": [{"type": "mail", "deliver": "outbox", "channel": "email"}, '
                    '{"type": "show"}, {"type": "sms", "deliver": "outbox"}]}'
                )
            )
            event = event_pb2.Event(event_type="cart", subject_id="ann", event_id="e1")
            await box.server.ingest(event, event)
            box.delivery.committed()
            # The log's time is that of the calls before.
            box.now_us += SECOND
            (first,) = await box.lease(include_event=True)
            assert (first.trigger_id, first.action.type, first.action_index) == ("cart", "mail", 0)
            assert (first.source, first.urgency) == (pb.EFFECT_SOURCE_TRIGGER, 4)
            assert first.channel == event_pb2.CHANNEL_EMAIL
            assert first.event == event
            assert first.effect_id == f"{first.origin_sequence}-0"
            await box.ack(first)
            (second,) = await box.lease()
            assert (second.action.type, second.effect_id) == (
                "sms", f"{first.origin_sequence}-1",
            )  # fmt: skip
            assert second.idempotency_key != first.idempotency_key
            await box.ack(second)
            # The repeat of the event caused nothing.
            assert (await box.stats()).pending_count == 0

    run(test())
