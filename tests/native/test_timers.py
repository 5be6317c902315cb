"""Timers through the engine's door: to the microsecond, at their limits, in live tenants whose
clock jumps, and what an evaluation shows of them.
"""

import shutil
from pathlib import Path

import pytest
from kairos.v1 import event_pb2, ingest_service_pb2, trigger_service_pb2
from kairos_native.engine import LIMITS, Engine
from kairos_server.catalog import Catalog, build_image
from reference.tenants import DAY, HOUR, MINUTE, START, document

NUMBER, SECOND = 4, 1_000_000
USER, VISITOR = 1, 7
ACT = [{"type": "act"}]


class Shop:
    def __init__(self, folder: Path, *documents, live: bool = True) -> None:
        self.engine = Engine.open(str(folder), now_us=START, map_size=1 << 28)
        self.catalog = Catalog.from_documents(NUMBER, {})
        self.commit(
            self.engine.tenant_settings(NUMBER, "shop", b"sixteen bytes ok", int(not live), START)
        )
        self.apply(*documents)

    def apply(self, *documents, removed=(), now_us: int = START) -> bytes:
        applied = self.catalog.apply(list(documents), list(removed), "a", "n", now_us)
        self.catalog = applied.catalog
        plan_id = self.engine.store_plan(build_image(applied.model))
        self.commit(self.engine.activation(NUMBER, plan_id, now_us))
        return plan_id

    def commit(self, pending) -> None:
        self.engine.commit([pending], START)

    def event(self, kind: str, now_us: int, subject: str = "ann", **fields):
        event = event_pb2.Event(event_type=kind, subject_id=subject, **fields)
        request = ingest_service_pb2.IngestRequest(event=event).SerializeToString()
        pending = self.engine.check_ingest(NUMBER, request, now_us)
        self.commit(pending)
        return ingest_service_pb2.IngestResponse.FromString(pending.response)

    def tick(self, now_us: int) -> bool:
        pending = self.engine.tick(NUMBER, now_us)
        if pending is not None:
            self.commit(pending)
        return pending is not None

    @property
    def fired(self) -> int:
        return self.engine.figures()["timers_fired"]

    def figure(self, name: str) -> int:
        return self.engine.figures()["timers_" + name]


@pytest.fixture
def shop(tmp_path: Path):
    shops = []

    def make(*documents, **options) -> Shop:
        shops.append(Shop(tmp_path / f"data{len(shops)}", *documents, **options))
        return shops[-1]

    yield make
    for one in shops:
        one.engine.close()


def trigger(name: str = "one", kind: str = "cart", **fields):
    return document(
        "trigger", name, **{"condition": f'event.type == "{kind}"', "actions": ACT, **fields}
    )


def test_due_to_the_microsecond(shop) -> None:
    one = shop(trigger(timing={"after": "2h"}))
    assert one.engine.next_due(NUMBER) is None
    one.event("cart", START)
    assert one.engine.next_due(NUMBER) == START + 2 * HOUR
    assert not one.tick(START + 2 * HOUR - 1)
    assert one.tick(START + 2 * HOUR)
    assert (one.fired, one.engine.next_due(NUMBER)) == (1, None)


def test_clock_that_jumps_changes_nothing_but_when(shop) -> None:
    one = shop(trigger(timing={"after": "2h"}))
    one.event("cart", START)
    # Back: an event that comes "before" is received no earlier than the one before it.
    one.event("view", START - 3 * DAY)
    assert not one.tick(START - 3 * DAY)
    one.event("cart", START - DAY, subject="bob")
    assert one.engine.next_due(NUMBER) == START + HOUR * 2
    # Forth: what is due by the clock fires, once; back again: nothing comes a second time.
    assert one.tick(START + 5 * HOUR)
    assert (one.fired, one.tick(START), one.tick(START + 9 * DAY)) == (2, False, False)
    assert one.figure("pending") == 0


def test_event_fires_what_was_due_before_it_happens(shop) -> None:
    one = shop(trigger(timing={"after": "2h", "unless": 'event.type == "buy"'}))
    one.event("cart", START)
    one.event("buy", START + 2 * HOUR - 1)
    assert (one.fired, one.figure("cancelled"), one.figure("pending")) == (0, 1, 0)
    one.event("cart", START + 3 * HOUR)
    one.event("buy", START + 5 * HOUR)
    assert (one.fired, one.figure("cancelled")) == (1, 1)


def test_two_ticks_of_the_same_moment_fire_once(shop) -> None:
    one = shop(trigger(timing={"after": "1h"}))
    one.event("cart", START)
    ticks = [one.engine.tick(NUMBER, START + HOUR) for _ in range(2)]
    one.engine.commit(ticks, START + HOUR)
    assert one.fired == 1


def test_upload_of_an_old_cart_and_its_purchase(shop) -> None:
    one = shop(trigger(timing={"after": "2h", "unless": 'event.type == "buy"'}))
    one.event("cart", START, occurred_time_us=START - 3 * DAY)
    assert one.engine.next_due(NUMBER) == START + 2 * HOUR
    one.event("buy", START, occurred_time_us=START - 3 * DAY + HOUR)
    assert (one.fired, one.figure("pending")) == (0, 0)


def test_activity_moves_inactivity_without_a_put(shop) -> None:
    one = shop(trigger(timing={"inactivity": "7d"}))
    one.event("cart", START)
    before = list(one.engine.dump("timers"))
    for day in range(1, 7):
        one.event("view", START + day * DAY)
    assert list(one.engine.dump("timers")) == before
    assert one.tick(START + 7 * DAY)
    assert (one.fired, one.engine.next_due(NUMBER)) == (0, START + 13 * DAY)
    assert one.tick(START + 13 * DAY)
    assert one.fired == 1


def test_limits_of_one_timer_and_of_one_subject(shop) -> None:
    each = [trigger(f"t{i:02}", timing={"after": "9d", "repeat": "each"}) for i in range(17)]
    one = shop(*each)
    for second in range(9):
        one.event("cart", START + second)
    most = LIMITS["subject_timers_max"]
    assert most == 16 * LIMITS["timers_each_max"]
    assert (one.figure("pending"), one.figure("refused")) == (most, 17 * 9 - most)
    while one.tick(START + 10 * DAY):
        pass
    assert one.fired == most


def test_subject_whose_every_timer_is_overdue(shop) -> None:
    """One event may fire all that its subject has; room for that is there before it is logged."""
    action = [{"type": "act", "parameters": {"text": "x" * 7000}}] * 2
    each = [
        trigger(f"t{i:02}", timing={"after": "1h", "repeat": "each"}, actions=action)
        for i in range(16)
    ]
    one = shop(*each)
    for second in range(8):
        one.event("cart", START + second)
    one.event("view", START + 9 * DAY)
    assert (one.fired, one.figure("pending")) == (128, 0)
    assert len(list(one.engine.dump("outbox"))) == 256


def test_tick_is_bounded_and_the_rest_waits(shop) -> None:
    one = shop(trigger(timing={"after": "1h"}))
    request = ingest_service_pb2.IngestBatchRequest()
    for number in range(1000):
        request.events.add(event_type="cart", subject_id=f"s{number}")
    for _ in range(2):
        for event in request.events:
            event.subject_id += "x"
        pending = one.engine.check_batch(NUMBER, request.SerializeToString(), START)
        one.engine.commit([pending], START)
    assert one.figure("pending") == 2000
    one.commit(one.engine.tick(NUMBER, START + HOUR, 7))
    assert one.fired == 7
    counts = []
    while one.tick(START + HOUR):
        counts.append(one.fired)
    assert counts == [1007, 2000]
    with pytest.raises(ValueError, match="a tick looks at 1 to 1000 timers"):
        one.engine.tick(NUMBER, START, 1001)


def test_retired_trigger_drops_and_revives(shop) -> None:
    first = trigger(timing={"after": "2h"})
    one = shop(first)
    one.event("cart", START, "ann")
    one.apply(removed=["trigger/one"])
    one.event("cart", START + MINUTE, "bob")
    assert one.figure("pending") == 1
    one.apply(first)
    one.tick(START + 2 * HOUR)
    assert (one.fired, one.figure("dropped")) == (1, 0)
    one.event("cart", START + 3 * HOUR)
    one.apply(removed=["trigger/one"], now_us=START + 3 * HOUR)
    one.tick(START + 5 * HOUR)
    assert (one.fired, one.figure("dropped"), one.figure("pending")) == (1, 1, 0)


def test_nothing_fires_outside_of_the_schedule(shop) -> None:
    end_us = START // DAY * DAY + 2 * DAY
    one = shop(trigger(timing={"after": "1d"}, schedule={"end_date": "2023-11-15"}))
    one.event("cart", end_us - DAY - 1, "in")
    one.event("cart", end_us - DAY, "out")
    assert one.tick(end_us - 1)
    assert one.tick(end_us)
    assert (one.fired, one.figure("dropped")) == (1, 1)


def test_still_is_asked_when_due(shop) -> None:
    schema = document("schema", "main", purposes=["marketing"])
    one = shop(schema, trigger(timing={"after": "1h", "still": "consent.marketing"}))
    granted = [event_pb2.ConsentChange(purpose="marketing", status=1)]
    denied = [event_pb2.ConsentChange(purpose="marketing", status=2)]
    one.event("cart", START, "never")
    one.event("cart", START, "yes", consents=granted)
    one.event("cart", START, "changed", consents=granted)
    one.event("view", START + MINUTE, "changed", consents=denied)
    one.tick(START + HOUR)
    assert (one.fired, one.figure("dropped")) == (1, 2)


def test_next_session_of_a_later_moment(shop) -> None:
    one = shop(trigger(timing="next_session"))
    one.event("cart", START, session_id="a")
    one.event("view", START + MINUTE, session_id="a")
    # A session that was before the cart is not the next one, whenever it is told.
    one.event("view", START + 2 * MINUTE, session_id="old", occurred_time_us=START - DAY)
    assert (one.fired, one.engine.next_due(NUMBER)) == (0, None)
    one.event("view", START + DAY, session_id="b")
    assert one.fired == 1


def test_evaluation_shows_only_what_fires_at_once(shop) -> None:
    one = shop(
        trigger("later", timing={"after": "2h", "unless": 'event.type == "cart"'}), trigger("now")
    )
    event = event_pb2.Event(event_type="cart", subject_id="ann")
    request = trigger_service_pb2.EvaluateRequest(event=event).SerializeToString()
    answer = one.engine.evaluate(NUMBER, request, START)
    found = trigger_service_pb2.EvaluateResponse.FromString(answer)
    assert [told.trigger_id for told in found.triggers] == ["now"]
    assert one.figure("armed") == 0
    assert [told.trigger_id for told in one.event("cart", START).triggers] == ["now"]


def linked(one: Shop, *names: str) -> list[int]:
    """Links visitors with ann, and returns the links."""
    found = []
    for name in names:
        pending = one.engine.link(
            NUMBER, (USER, b"ann"), (VISITOR, name.encode()), 4, 1, b"", START
        )
        one.commit(pending)
        status, link_id = one.engine.link_outcome(pending)
        assert status == 0
        found.append(link_id)
    return found


def test_purchase_on_another_device_cancels(shop) -> None:
    one = shop(trigger(timing={"after": "2h", "unless": 'event.type == "buy"'}))
    one.event("cart", START, subject="phone", subject_type=VISITOR)
    # The login itself links, before what it cancels.
    login = {"identifiers": [event_pb2.Identifier(type=VISITOR, value="phone")]}
    one.event("buy", START + HOUR, **login)
    assert (one.fired, one.figure("cancelled"), one.figure("pending")) == (0, 1, 0)
    # What was due before comes before, with the identifier that armed it.
    one.event("cart", START + HOUR, subject="phone", subject_type=VISITOR)
    one.event("buy", START + 3 * HOUR)
    assert (one.fired, one.figure("cancelled"), one.figure("pending")) == (1, 1, 0)
    _, value = next(iter(one.engine.dump("outbox")))
    assert b"phone" in value and b"ann" not in value


def test_activity_on_any_device_moves_inactivity(shop) -> None:
    one = shop(trigger(timing={"inactivity": "7d"}))
    (link,) = linked(one, "phone")
    one.event("cart", START, subject="phone", subject_type=VISITOR)
    one.event("view", START + 3 * DAY)
    assert one.tick(START + 7 * DAY)
    assert (one.fired, one.engine.next_due(NUMBER)) == (0, START + 10 * DAY)
    # On its own again, it is overdue; its next event, or the look that is set, tells.
    one.commit(one.engine.unlink(NUMBER, link, START + 8 * DAY))
    one.event("view", START + 8 * DAY)
    assert one.fired == 0
    assert one.tick(START + 10 * DAY)
    assert (one.fired, one.figure("pending")) == (1, 0)


def test_restart_moves_between_devices_and_keep_stays(shop) -> None:
    one = shop(
        trigger("one", timing={"after": "2h"}),
        trigger("two", timing={"after": "2h", "repeat": "keep"}),
    )
    (link,) = linked(one, "phone")
    one.event("cart", START, subject="phone", subject_type=VISITOR)
    one.event("cart", START + HOUR)
    assert one.figure("pending") == 2
    one.commit(one.engine.unlink(NUMBER, link, START + HOUR))
    # `keep` stayed on the phone, `restart` went; neither comes back to where it was.
    one.event("view", START + 2 * HOUR, subject="phone", subject_type=VISITOR)
    assert (one.fired, one.figure("pending")) == (1, 1)
    one.event("view", START + 3 * HOUR)
    assert (one.fired, one.figure("pending")) == (2, 0)


def test_event_of_a_group_whose_every_timer_is_overdue(shop, tmp_path) -> None:
    members, each, steps = 64, 8, 16
    names = [f"v{i}" for i in range(members - 1)]
    timing = {"after": "1h", "repeat": "each"}
    action = [{"type": "act", "parameters": {"text": "x" * 900}}]
    one = shop(*(trigger(f"t{i:02}", timing=timing, actions=action) for i in range(steps)))
    linked(one, *names)
    events = [
        event_pb2.Event(event_type="cart", subject_id=name, subject_type=kind)
        for kind, name in [(USER, "ann"), *((VISITOR, name) for name in names)]
        for _ in range(each)
    ]
    requests = [
        ingest_service_pb2.IngestRequest(event=event).SerializeToString() for event in events
    ]
    one.engine.commit([one.engine.check_ingest(NUMBER, r, START) for r in requests], START)
    assert one.figure("pending") == members * each * steps
    one.event("view", START + DAY)
    assert (one.fired, one.figure("pending")) == (members * each * steps, 0)
    before = {name: list(one.engine.dump(name)) for name in ("outbox", "timers", "subjects")}
    one.engine.close()
    shutil.rmtree(tmp_path / "data0" / "view")
    one.engine = Engine.open(str(tmp_path / "data0"), now_us=START + DAY, map_size=1 << 28)
    assert {name: list(one.engine.dump(name)) for name in before} == before
