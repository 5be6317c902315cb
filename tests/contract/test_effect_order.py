"""Which effects are handed out when, as workers see it: order, rates, backlogs, times, policy."""

import json

from contract.desk import START_US, TENANT, desk
from contract.outbox import DONE, POLICY, SECOND, keys, new, outbox
from contract.transport import run
from kairos.v1 import document_pb2


def test_order_none_and_rates(tmp_path):
    policy = {
        **POLICY, "channels": {"email": {"order": "none"}, "sms": {"per_second_max": 2}},
    }  # fmt: skip

    async def test():
        async with outbox(tmp_path / "data", policy=policy) as box:
            await box.enqueue(new("a"), new("b"))
            assert len(await box.lease()) == 2
            await box.enqueue(*(new(f"s{n}", f"s{n}", channel=4) for n in range(5)))
            assert keys(await box.lease()) == ["s0", "s1"]
            assert await box.lease() == []
            box.now_us += SECOND // 2
            assert keys(await box.lease()) == ["s2"]
            box.now_us += 2 * SECOND
            assert keys(await box.lease()) == ["s3", "s4"]

    run(test())


def test_a_backlog_larger_than_the_window(tmp_path):
    async def test():
        async with outbox(tmp_path / "data", window_max=50) as box:
            await box.enqueue(*(new(f"k{n}", f"s{n % 30}") for n in range(900)))
            done: dict[str, list[int]] = {}
            count = 0
            while handed := await box.lease(40):
                assert len(box.delivery._tenant(TENANT).outbox.index.entries) < 50 + 1000
                for effect in handed:
                    number = int(effect.effect_id.split("-")[0])
                    done.setdefault(effect.subject_id, []).append(number)
                count += len(handed)
                assert set(await box.ack(*handed)) == {DONE}
            assert count == 900
            assert all(numbers == sorted(numbers) for numbers in done.values())

    run(test())


def test_what_is_far_stays_in_the_view_and_keeps_its_order(tmp_path):
    async def test():
        async with outbox(tmp_path / "data", horizon_us=4 * SECOND) as box:
            later = START_US + 100 * SECOND
            await box.enqueue(new("far", "far", due_time_us=later), new("a"), new("b"))
            (first,) = await box.lease()
            assert await box.fail(first, retry_delay_us=50 * SECOND) == [DONE]
            index = box.delivery._tenant(TENANT).outbox.index
            assert not index.entries
            await box.enqueue(new("c"), new("d", "bob"))
            # The subject waits as a whole, also what comes later; others do not.
            (other,) = await box.lease()
            assert other.subject_id == "bob"
            await box.ack(other)
            box.now_us = START_US + 51 * SECOND
            (again,) = await box.lease()
            assert (again.effect_id, again.attempt) == (first.effect_id, 2)
            await box.ack(again)
            for _ in range(2):
                (following,) = await box.lease()
                assert following.subject_id == "ann"
                await box.ack(following)
            assert await box.lease() == []
            box.now_us = later
            assert keys(await box.lease()) == ["far"]

    run(test())


def test_nothing_is_sent_of_another_time(tmp_path):
    async def test():
        async with outbox(tmp_path / "data") as box:
            await box.enqueue(new("a"))
            box.delivery.close()
            box.start(quiet=(TENANT,))
            assert await box.lease() == []
            (shown,) = (await box.call("ListEffects")).effects
            answer = await box.call("DiscardEffects", effect_ids=[shown.effect_id])
            assert answer.effect_count == 1

    run(test())


def test_policy_is_checked(tmp_path):
    async def test():
        async with desk(tmp_path / "data") as server:
            for change in (
                {"attempts_max": 0}, {"lease_s": 9999}, {"order": "random"},
                {"channels": {"pigeon": {}}}, {"backoff_s_min": 20},
                {"channels": {"sms": {"unknown": 1}}},
            ):  # fmt: skip
                body = json.dumps({**POLICY, **change})
                error = await server.refusal(
                    "PutDocument", document=document_pb2.Document(body=body)
                )
                assert error.reason == "DOCUMENT_INVALID", change

    run(test())
