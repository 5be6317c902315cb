"""Native statuses and the contract's reasons are the same numbers and names."""

import pytest
from kairos.v1 import error_pb2
from kairos_native.engine import LIMITS, STATUS
from kairos_server.limits import Limits, limits_read

PUBLIC_END = 128


def test_public_statuses_are_the_reasons():
    reasons = {
        value.name.removeprefix("ERROR_REASON_"): value.number
        for value in error_pb2.ErrorReason.DESCRIPTOR.values
    }
    del reasons["UNSPECIFIED"]
    assert {name: number for name, number in STATUS.items() if 0 < number < PUBLIC_END} == reasons


def test_limits_of_the_server_fit_those_of_the_core():
    limits = limits_read(LIMITS)
    assert isinstance(limits, Limits)
    assert limits.message_size_max == 4 << 20
    assert limits.batch_events_max == 1_000
    with pytest.raises(ValueError, match="limits contradict"):
        limits_read(LIMITS, queue_records_max=1)
