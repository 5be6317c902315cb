"""Every public reason has a code, a rule and a remedy, and arrives as google.rpc.Status."""

import pytest
from google.rpc import error_details_pb2, status_pb2
from kairos.v1 import error_pb2
from kairos_server.errors import (
    ROWS,
    Code,
    Failed,
    Refused,
    Violation,
    reason_name,
    refused_by_engine,
    seen_shorten,
)

REASONS = [
    value.name.removeprefix("ERROR_REASON_")
    for value in error_pb2.ErrorReason.DESCRIPTOR.values
    if value.number != 0
]


def details_of(refused):
    status = status_pb2.Status.FromString(refused.status_bytes())
    found = {}
    for packed in status.details:
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
        ):
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found[kind.__name__] = message
    return status, found


def test_table_holds_exactly_the_reasons_of_the_contract():
    assert sorted(ROWS) == sorted(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_told_in_full(reason):
    number = error_pb2.ErrorReason.Value("ERROR_REASON_" + reason)
    refused = refused_by_engine(number, "event.thing", "odd")
    status, found = details_of(refused)
    assert status.code == int(ROWS[reason].code) != 0
    assert status.message == refused.message
    assert "event.thing" in status.message
    assert "odd" in status.message
    assert ROWS[reason].remedy in status.message
    info = found["ErrorInfo"]
    assert (info.reason, info.domain, info.metadata["field"]) == (reason, "kairos", "event.thing")
    assert ("BadRequest" in found) == (ROWS[reason].code is Code.INVALID_ARGUMENT)
    assert ("RetryInfo" in found) == (ROWS[reason].retry_us > 0)


@pytest.mark.parametrize("status", [0, 36, 63, 103, 128, 141, -1])
def test_internal_statuses_have_no_public_form(status):
    with pytest.raises(KeyError):
        reason_name(status)


def test_violations_are_listed_and_bounded():
    faults = [Violation(f"trigger/a: path{index}", "wrong") for index in range(250)]
    refused = Refused("DOCUMENT_INVALID", violations=faults)
    _, found = details_of(refused)
    assert [fault.field for fault in found["BadRequest"].field_violations] == [
        f.field for f in faults[:100]
    ]
    assert "and 249 more" in refused.message


def test_retry_delay_of_the_caller_wins():
    _, found = details_of(Refused("QUEUE_FULL", retry_us=1_500_000))
    delay = found["RetryInfo"].retry_delay
    assert (delay.seconds, delay.nanos) == (1, 500_000_000)


def test_seen_values_are_short_and_printable():
    assert seen_shorten("a" * 500) == "a" * 63 + "…"
    assert seen_shorten("a\nb\x00") == "a\ufffdb\ufffd"
    assert seen_shorten("") == ""


def test_failure_tells_nothing_of_the_inside():
    status = status_pb2.Status.FromString(Failed().status_bytes())
    assert (status.code, len(status.details)) == (13, 0)
