"""Subscriptions without a transport: bounded buffers, gaps, and what a commit tells to whom."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos.v1 import subscribe_service_pb2 as contract
from kairos_server.streams import Behind, Ended, Subscription, SubscriptionFilter, SubscriptionHub
from kairos_server.streams.subscription import MESSAGES_MAX, SIZE_MAX

TENANT = 3


def subscription_of(*, gapless=False, tenant=TENANT, **fields):
    choice = SubscriptionFilter.of(contract.SubscribeRequest(**fields))
    return Subscription(tenant, choice, gapless=gapless)


async def drained(subscription):
    """Everything that waits."""
    found = []
    while (message := await subscription.next(0)) is not None:
        found.append(message)
    return found


def run(test):
    return asyncio.run(asyncio.wait_for(test, 60))


def test_a_full_buffer_drops_the_newest_and_says_how_many():
    async def test():
        subscription = subscription_of()
        kept = [subscription.put(number, 7, b"%d" % number) for number in range(2_000)]
        assert kept == [True] * MESSAGES_MAX + [False] * (2_000 - MESSAGES_MAX)
        assert await subscription.next(0) == b"0"
        assert not subscription.put(2_000, 8, b"late"), "not before half of the buffer is free"
        for number in range(1, MESSAGES_MAX // 2):
            assert await subscription.next(0) == b"%d" % number
        assert subscription.put(2_001, 9, b"after")
        return await drained(subscription)

    found = run(test())
    assert found[:-2] == [b"%d" % number for number in range(MESSAGES_MAX // 2, MESSAGES_MAX)]
    gap = contract.SubscribeResponse.FromString(found[-2])
    assert (gap.sequence, gap.time_us) == (2_000, 8)
    assert gap.gap == contract.SubscriptionGap(
        dropped_count=2_001 - MESSAGES_MAX, first_sequence=MESSAGES_MAX, last_sequence=2_000
    )
    assert found[-1] == b"after"


def test_bytes_are_bounded_too():
    subscription = subscription_of()
    piece = b"x" * (SIZE_MAX // 4)
    assert [subscription.put(number, 0, piece) for number in range(5)] == [True] * 4 + [False]


@pytest.mark.parametrize("seed", range(10))
def test_every_message_is_told_once_or_counted_in_a_gap_at_its_place(seed):
    """Whatever the reader's pace: messages and gaps together name each sequence exactly once."""

    async def test():
        random_ = random.Random(seed)
        subscription = subscription_of()
        sequence, found = 0, []
        for _ in range(400):
            for _ in range(random_.randrange(60)):
                sequence += 1
                subscription.put(sequence, 0, contract.SubscribeResponse(
                    sequence=sequence, behavioral_event=contract.BehavioralEvent()
                ).SerializeToString())  # fmt: skip
            for _ in range(random_.randrange(40)):
                message = await subscription.next(0)
                if message is None:
                    break
                found.append(message)
        found += await drained(subscription)
        return sequence, [contract.SubscribeResponse.FromString(message) for message in found]

    sequence, messages = run(test())
    following = 1
    for message in messages:
        if message.HasField("gap"):
            gap = message.gap
            assert gap.first_sequence == following
            assert gap.dropped_count == gap.last_sequence - gap.first_sequence + 1
            following = gap.last_sequence + 1
        else:
            assert message.sequence == following
            following += 1
    assert following == sequence + 1


def test_gapless_ends_after_what_it_has():
    async def test():
        subscription = subscription_of(gapless=True)
        for number in range(MESSAGES_MAX + 5):
            subscription.put(number, 0, b"x")
        for _ in range(MESSAGES_MAX):
            assert await subscription.next(0) == b"x"
        with pytest.raises(Behind):
            await subscription.next(0)
        assert subscription.dropped_count == 5

    run(test())


def test_a_waiting_reader_is_woken():
    async def test():
        subscription = subscription_of()
        reader = asyncio.create_task(subscription.next(30))
        await asyncio.sleep(0)
        subscription.put(1, 0, b"x")
        assert await reader == b"x"
        reader = asyncio.create_task(subscription.next(30))
        await asyncio.sleep(0)
        subscription.end(Ended())
        with pytest.raises(Ended):
            await reader

    run(test())


@dataclass
class Committed:
    """What the hub sees of a Pending."""

    payload: bytes
    response: bytes
    batch: bool = False
    tenant: int = TENANT
    received_us: int = 55


@dataclass
class Rig:
    """A hub, and what it told the writer."""

    listeners: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hub = SubscriptionHub(self, self.listeners.append, lambda: 99)

    def profile(self, tenant, subject_id, at_us, now_us):
        raise AssertionError("nobody asked for scores")


def single(subject, sequence, **fields):
    event = event_pb2.Event(subject_id=subject, event_type="view")
    request = ingest_service_pb2.IngestRequest(event=event)
    answer = ingest_service_pb2.IngestResponse(processed=True, sequence=sequence, **fields)
    return Committed(request.SerializeToString(), answer.SerializeToString())


def test_nobody_listens_until_somebody_subscribes():
    rig = Rig()
    assert rig.listeners == []
    first, second = subscription_of(), subscription_of(tenant=4)
    rig.hub.add(first)
    rig.hub.add(second)
    assert rig.listeners == [rig.hub.committed]
    rig.hub.remove(first)
    rig.hub.remove(first)
    assert rig.listeners[-1] is not None
    rig.hub.remove(second)
    assert rig.listeners[-1] is None


def test_only_the_own_tenant_is_told_and_a_broken_request_stops_nobody():
    async def test():
        rig = Rig()
        mine, other = subscription_of(), subscription_of(tenant=4)
        rig.hub.add(mine)
        rig.hub.add(other)
        broken = Committed(b"\xff\xff", b"\xff")
        administration = Committed(b"", b"")
        repeat = single("ada", 0, duplicate=True)
        rig.hub.committed([single("ada", 5), broken, administration, repeat, single("bea", 6)])
        told = [contract.SubscribeResponse.FromString(m) for m in await drained(mine)]
        assert [(m.sequence, m.time_us) for m in told] == [(5, 55), (6, 55)]
        assert await drained(other) == []
        readings = {(r.name, r.labels): r.value for r in rig.hub.readings()}
        assert readings["kairos_subscribers", ()] == 2
        assert readings["kairos_subscription_messages", ("behavioral_event",)] == 2

    run(test())


def test_a_closed_hub_takes_nobody():
    rig = Rig()
    waiting = subscription_of()
    rig.hub.add(waiting)
    rig.hub.close()
    with pytest.raises(Ended):
        run(waiting.next(0))
    with pytest.raises(Ended):
        rig.hub.add(subscription_of())
