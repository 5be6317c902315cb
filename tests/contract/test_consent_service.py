"""The contract of kairos.v1.ConsentService."""

from contract.desk import START_US
from contract.people import ANONYMOUS, USER, link, shop, walk
from contract.transport import run
from kairos.v1 import event_pb2
from kairos_server.errors import Code

GRANTED, DENIED = event_pb2.CONSENT_STATUS_GRANTED, event_pb2.CONSENT_STATUS_DENIED


def change(purpose, status):
    return event_pb2.ConsentChange(purpose=purpose, status=status)


async def state(server, subject, *consents, **fields):
    return await server.call("SetConsent", subject_id=subject, consents=consents, **fields)


def held(answer):
    return [(consent.purpose, consent.status) for consent in answer.consents]


def test_a_consent_holds_when_it_is_answered(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            first = await state(
                server, "ann", change("marketing", GRANTED), change("analytics", DENIED),
                consent_source="cookie_banner", policy_version="2024-03",
                consent_time_us=START_US - 60_000_000, request_id="r1",
            )  # fmt: skip
            assert held(first) == [("analytics", DENIED), ("marketing", GRANTED)]
            assert (first.duplicate, first.sequence > 0) == (False, True)
            again = await state(server, "ann", change("marketing", DENIED), request_id="r1")
            assert (again.duplicate, again.sequence, held(again)) == (True, 0, held(first))
            await state(server, "ann", change("marketing", DENIED))
            got = await server.call("GetConsent", subject_id="ann")
            assert held(got) == [("analytics", DENIED), ("marketing", DENIED)]
            history = await server.call("ListConsentHistory", subject_id="ann")
            newest, oldest = history.statements
            assert list(newest.consents) == [change("marketing", DENIED)]
            assert (newest.consent_source, newest.policy_version) == ("", "")
            assert oldest.sequence == first.sequence
            assert (oldest.consent_source, oldest.policy_version) == ("cookie_banner", "2024-03")
            assert oldest.occurred_time_us == START_US - 60_000_000
            assert oldest.received_time_us >= START_US
            assert server.engine.figures()["fired_count"] == 2

    run(test())


def test_consents_of_a_group(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:

            async def visitor(status, time_us):
                await state(
                    server, "v1", change("marketing", status), subject_type=ANONYMOUS,
                    consent_time_us=time_us,
                )  # fmt: skip

            await visitor(GRANTED, START_US)
            await state(server, "ann", change("marketing", DENIED), consent_time_us=START_US)
            await link(server, (USER, "ann"), (ANONYMOUS, "v1"))
            for subject, kind in (("ann", 0), ("v1", ANONYMOUS)):
                got = await server.call("GetConsent", subject_id=subject, subject_type=kind)
                assert held(got) == [("marketing", DENIED)], "of one moment the denial holds"
            await visitor(GRANTED, START_US + 1)
            got = await server.call("GetConsent", subject_id="ann")
            assert held(got) == [("marketing", GRANTED)]
            history = await server.call("ListConsentHistory", subject_id="ann")
            assert len(history.statements) == 3
            walked = await walk(
                server, "ListConsentHistory", "statements", subject_id="v1",
                subject_type=ANONYMOUS, page_size=2,
            )  # fmt: skip
            assert walked == list(history.statements)

    run(test())


def test_consents_that_are_refused(tmp_path):
    async def test():
        async with shop(tmp_path / "data") as server:
            granted = [change("marketing", GRANTED)]
            unknown, unstated = [change("selling", GRANTED)], [change("marketing", 0)]
            for fields, reason, field in (
                ({"subject_id": ""}, "SUBJECT_MISSING", "subject_id"),
                ({"consents": []}, "FIELD_REQUIRED", "consents"),
                ({"consents": unknown}, "CONSENT_PURPOSE_UNKNOWN", "consents[0].purpose"),
                ({"consents": unstated}, "CONSENT_STATUS_INVALID", "consents[0].status"),
                ({"request_id": "r" * 65}, "REQUEST_ID_INVALID", "request_id"),
                ({"consent_source": "s" * 257}, "FIELD_INVALID", "consent_source"),
                ({"policy_version": "s" * 257}, "FIELD_INVALID", "policy_version"),
                ({"consent_time_us": START_US // 2}, "TIME_TOO_OLD", "consent_time_us"),
                ({"consent_time_us": START_US * 2}, "TIME_TOO_NEW", "consent_time_us"),
                ({"tenant_id": "other"}, "TENANT_MISMATCH", "tenant_id"),
                ({"subject_type": 50}, "ENUM_INVALID", "subject_type"),
            ):
                refused = await server.refusal(
                    "SetConsent", **{"subject_id": "ann", "consents": granted, **fields}
                )
                assert (refused.reason, refused.field) == (reason, field)
                mismatch = reason == "TENANT_MISMATCH"
                code = Code.PERMISSION_DENIED if mismatch else Code.INVALID_ARGUMENT
                assert refused.code == code
            assert not (await server.call("GetConsent", subject_id="ann")).consents
            assert not (await server.call("ListConsentHistory", subject_id="ann")).statements
            wrong = await server.refusal("ListConsentHistory", subject_id="a", page_size=-1)
            assert wrong.reason == "PAGE_INVALID"

    run(test())
