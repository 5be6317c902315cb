"""The contract of kairos.v1.ProfileService."""

import asyncio
import contextlib

import pytest
from contract.desk import OTHER_KEY, START_US
from contract.people import (
    ACCOUNT,
    ANONYMOUS,
    DEVICE,
    EMAIL,
    SESSION,
    USER,
    identifier,
    link,
    profile,
    shop,
    view,
    walk,
)
from contract.transport import run
from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import profile_service_pb2
from kairos_server.errors import Code, Refused

MANUAL, LOGIN = profile_service_pb2.LINK_METHOD_MANUAL, profile_service_pb2.LINK_METHOD_USER_LOGIN
MEMBER = profile_service_pb2.PROFILE_SCOPE_MEMBER
HOUR = 3_600_000_000


def test_linked_identifiers_are_read_as_one_and_parted_without_loss(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            await view(server, "ann", 1)
            await view(server, "v1", 2, kind=ANONYMOUS)
            before = dict(server.engine.dump("subjects"))
            made = await link(server, (USER, "ann"), (ANONYMOUS, "v1"), evidence=["a cookie"])
            assert made.created
            assert (made.link.method, made.link.confidence) == (MANUAL, 1.0)
            assert list(made.link.evidence) == ["a cookie"]
            assert made.link.create_time_us >= START_US
            for subject, kind in (("ann", 0), ("v1", ANONYMOUS)):
                found = await profile(server, subject, subject_type=kind)
                assert (found.subject_id, found.event_count) == (subject, 2)
                assert list(found.identifiers) == [identifier(USER, "ann"), identifier(7, "v1")]
                assert list(found.links) == [made.link]
                alone = await profile(server, subject, subject_type=kind, scope=MEMBER)
                assert (alone.event_count, len(alone.links)) == (1, 0)
            fired = await view(server, "ann", 3)
            assert [trigger.trigger_id for trigger in fired.triggers] == ["third"]
            removed = await server.call("UnlinkIdentifiers", link_id=made.link.link_id)
            assert removed.link == made.link
            assert (await profile(server, "ann")).event_count == 2
            v1 = await profile(server, "v1", subject_type=ANONYMOUS)
            assert (v1.event_count, len(v1.identifiers)) == (1, 0)
            after = dict(server.engine.dump("subjects"))
            changed = [key[6:] for key in before if before[key] != after[key]]
            assert changed == [server.engine.subject_id(3, USER, b"ann")]

    run(test())


def test_a_repeated_link_is_the_same_link(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            first = await link(server, (USER, "a"), (DEVICE, "d"), confidence=0.5)
            again = await link(server, (DEVICE, "d"), (USER, "a"), confidence=0.9)
            assert (again.created, again.link) == (False, first.link)
            both = await asyncio.gather(
                *(link(server, (USER, "b"), (EMAIL, " B@x.example")) for _ in range(5))
            )
            assert sum(answer.created for answer in both) == 1
            assert len({answer.link.link_id for answer in both}) == 1
            spelled = await link(server, (USER, "b"), (EMAIL, "b@X.example"))
            assert not spelled.created

    run(test())


def test_an_event_with_two_identifiers_links_them(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            await view(server, "v1", 1, kind=ANONYMOUS)
            await view(server, "v1", 2, kind=ANONYMOUS)
            login = await view(server, "ann", 3, named=[(ANONYMOUS, "v1"), (ACCOUNT, "acme")])
            assert [trigger.trigger_id for trigger in login.triggers] == ["third"]
            (made,) = (await profile(server, "ann")).links
            assert (made.method, made.confidence) == (LOGIN, 1.0)
            assert list(made.evidence) == [f"event {login.sequence}"]
            account = await profile(server, "acme", subject_type=ACCOUNT)
            assert (account.event_count, len(account.links)) == (1, 0)
            # What was parted stays apart until somebody says otherwise.
            await server.call("UnlinkIdentifiers", link_id=made.link_id)
            await view(server, "ann", 4, named=[(ANONYMOUS, "v1")])
            assert (await profile(server, "ann")).event_count == 2
            assert (await link(server, (USER, "ann"), (ANONYMOUS, "v1"))).created

    run(test())


def test_links_that_are_refused(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            await link(server, (USER, "a"), (DEVICE, "d"))

            async def refusal(left, right, **fields):
                with pytest.raises(Refused) as error:
                    await link(server, left, right, **fields)
                return error.value

            two_users = await refusal((USER, "b"), (DEVICE, "d"))
            assert (two_users.code, two_users.reason) == (Code.FAILED_PRECONDITION, "LINK_REFUSED")
            assert (await refusal((USER, "a"), (USER, "a"))).reason == "LINK_REFUSED"
            for left, right, field, reason in (
                ((USER, "a"), (ACCOUNT, "c"), "right.type", "FIELD_INVALID"),
                ((USER, ""), (DEVICE, "c"), "left.value", "SUBJECT_MISSING"),
                ((EMAIL, "nobody"), (DEVICE, "c"), "left", "IDENTIFIER_INVALID"),
                ((99, "a"), (DEVICE, "c"), "left.type", "ENUM_INVALID"),
            ):
                refused = await refusal(left, right)
                assert (refused.reason, refused.field) == (reason, field)
            ends = (USER, "a"), (DEVICE, "e")
            for fields, field in (
                ({"confidence": 1.5}, "confidence"),
                ({"confidence": float("nan")}, "confidence"),
                ({"evidence": ["x"] * 17}, "evidence"),
                ({"evidence": ["x" * 201]}, "evidence[0]"),
                ({"method": 77}, "method"),
                ({"tenant_id": "other"}, "tenant_id"),
            ):
                assert (await refusal(*ends, **fields)).field == field

    run(test())


def test_removals_that_are_refused(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            gone = await server.refusal("UnlinkIdentifiers", link_id="link_1")
            assert (gone.code, gone.reason) == (Code.NOT_FOUND, "LINK_NOT_FOUND")
            for wrong in ("1", "link_", "link_-1", "link_" + "9" * 30):
                refused = await server.refusal("UnlinkIdentifiers", link_id=wrong)
                assert refused.reason == "NAME_INVALID"
            assert (await server.refusal("UnlinkIdentifiers")).reason == "FIELD_REQUIRED"
            made = (await link(server, (USER, "a"), (DEVICE, "d"))).link
            answers = await asyncio.gather(
                *(server.call("UnlinkIdentifiers", link_id=made.link_id) for _ in range(4)),
                return_exceptions=True,
            )
            refusals = [answer for answer in answers if isinstance(answer, Refused)]
            assert [refused.reason for refused in refusals] == ["LINK_NOT_FOUND"] * 3

    run(test())


def test_a_group_has_bounds(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            names = [f"d{number}" for number in range(64)]
            for name in names[1:]:
                await link(server, (DEVICE, "d0"), (DEVICE, name))
            with pytest.raises(Refused) as error:
                await link(server, (DEVICE, "d1"), (DEVICE, "more"))
            assert error.value.reason == "LINK_REFUSED"
            for first in names[1:5]:
                for name in names[5:]:
                    with contextlib.suppress(Refused):
                        await link(server, (DEVICE, first), (DEVICE, name))
            own = server.engine.subject_id(3, DEVICE, b"d0")
            members, links = server.engine.group(3, own)
            assert (len(members), len(links)) == (64, 256)
            await view(server, "d5", 1, kind=DEVICE)
            assert (await profile(server, "d63", subject_type=DEVICE)).event_count == 1

    run(test())


def test_pages_of_links(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            made = [(await link(server, (USER, "a"), (DEVICE, f"d{n}"))).link for n in range(5)]
            walked = await walk(
                server, "ListLinks", "links", subject_id="d3", subject_type=DEVICE, page_size=2
            )
            assert walked == made
            for fields in ({"page_size": -1}, {"page_token": "x"}):
                wrong = await server.refusal("ListLinks", subject_id="a", **fields)
                assert wrong.reason == "PAGE_INVALID"
            assert not (await server.call("ListLinks", subject_id="nobody")).links

    run(test())


def test_recent_events_of_a_group(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            sequences = [(await view(server, "ann", number)).sequence for number in range(20)]
            for number in range(3):
                answer = await view(server, "v1", 100 + number, kind=ANONYMOUS, url="/p")
                sequences.append(answer.sequence)
            await link(server, (USER, "ann"), (ANONYMOUS, "v1"))
            walked = await walk(server, "ListRecentEvents", "events", subject_id="ann", page_size=7)
            assert [recent.sequence for recent in walked] == sequences[:3:-1]
            newest = walked[0]
            assert (newest.event.subject_id, newest.event.url) == ("v1", "/p")
            assert newest.event.occurred_time_us == START_US + 102
            assert newest.received_time_us >= START_US
            alone = await server.call("ListRecentEvents", subject_id="ann", scope=MEMBER)
            assert len(alone.events) == 16
            none = await server.call("ListRecentEvents", subject_id="ann", event_types=["buy"])
            assert not none.events
            assert not (await server.call("ListRecentEvents", subject_id="nobody")).events
            wrong = await server.refusal("ListRecentEvents", subject_id="ann", page_token="x")
            assert wrong.reason == "PAGE_INVALID"

    run(test())


def test_profiles_by_mask_type_and_tenant(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            await view(server, "A@b.example", 1, kind=EMAIL)
            found = await profile(server, " a@B.example", subject_type=EMAIL)
            assert found.event_count == 1
            mask = FieldMask(paths=["event_count", "links"])
            part = await profile(server, "a@b.example", subject_type=EMAIL, read_mask=mask)
            assert part == profile_service_pb2.Profile(event_count=1)
            unknown = FieldMask(paths=["nothing"])
            for fields, reason, field in (
                ({"subject_id": ""}, "SUBJECT_MISSING", "subject_id"),
                ({"subject_id": "x"}, "SUBJECT_NOT_FOUND", "subject_id"),
                ({"subject_id": "x", "subject_type": 50}, "ENUM_INVALID", "subject_type"),
                ({"subject_id": "x", "scope": 50}, "ENUM_INVALID", "scope"),
                ({"subject_id": "x", "tenant_id": "other"}, "TENANT_MISMATCH", "tenant_id"),
                ({"subject_id": "x", "read_mask": unknown}, "FIELD_MASK_INVALID", "read_mask"),
                ({"subject_id": "x", "at_time_us": START_US}, "TIME_NOT_ALLOWED", "at_time_us"),
            ):
                refused = await server.refusal("GetProfile", **fields)
                assert (refused.reason, refused.field) == (reason, field)
            with pytest.raises(Refused) as error:
                await server.call("GetProfile", subject_id="x", key=OTHER_KEY)
            assert error.value.reason == "PLAN_MISSING"
            erased = await server.refusal("DeleteProfile", subject_id="x")
            assert (erased.code, erased.reason) == (Code.UNIMPLEMENTED, "NOT_IMPLEMENTED")

    run(test())


def test_devices_linked_and_side_by_side(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            for number, url in enumerate(("https://x.example/a", "https://x.example/b?q=1")):
                await view(server, "s1", number, kind=SESSION, url=url, device_type=1)
            await view(server, "s2", -HOUR, kind=SESSION, url="/b", device_type=2)
            made = await server.call(
                "LinkDevices", primary_session_id="s1", secondary_session_id="s2", confidence=0.9
            )
            assert made.linked
            assert made.linking_id.startswith("link_")
            assert made.continuity.behavior_continuity == pytest.approx(1.0)
            # One page of two in common, an hour apart.
            assert made.continuity.contextual_continuity == (1 / 2 + 1 / 2) / 2
            assert 0.8 < made.continuity.intent_continuity < 1.0
            unified = made.unified_profile
            assert (unified.primary_device, unified.secondary_device) == (1, 2)
            assert unified.profile.event_count == 3
            await link(server, (USER, "ann"), (SESSION, "s2"))
            await view(server, "ann", 5)
            sync = await server.call("GetDeviceSync", user_id="ann")
            states = [(d.device_id, d.device_type, d.page) for d in sync.devices]
            assert states == [("s1", 1, "https://x.example/b?q=1"), ("s2", 2, "/b")]
            assert sync.devices[0].last_activity_time_us == START_US + 1
            assert [score.name for score in sync.devices[0].scores] == ["engagement_score"]
            assert sync.synchronization.current
            assert sync.synchronization.last_sync_time_us >= START_US
            unknown = await server.refusal("GetDeviceSync", user_id="nobody")
            assert (unknown.reason, unknown.field) == ("SUBJECT_NOT_FOUND", "user_id")
            missing = await server.refusal("LinkDevices", primary_session_id="s1")
            assert (missing.reason, missing.field) == ("FIELD_REQUIRED", "secondary_session_id")

    run(test())
