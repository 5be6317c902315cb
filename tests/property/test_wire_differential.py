"""The wire scanner against the protobuf library: the same values,
or the refusal that the reference states.

KAIROS_WIRE_CASES widens the run, KAIROS_WIRE_SEED repeats one:
`KAIROS_WIRE_CASES=200000 pytest -s tests/property/test_wire_differential.py`.
"""

import os
import random
import time
from collections import Counter

import pytest
import wire_door
from kairos.v1 import error_pb2, event_pb2, personalization_service_pb2
from reference import wire
from reference.hash import hash64
from reference.wire_cases import case

CASES = int(os.environ.get("KAIROS_WIRE_CASES", "2000"))
SEED = int(os.environ.get("KAIROS_WIRE_SEED") or time.time_ns() % 10**9)
SPACES = {"attributes": 2, "traits": 4}
READERS = {
    "event": (wire.read_event, event_pb2.Event, wire_door.scan_event, SPACES),
    "decide": (
        wire.read_decide,
        personalization_service_pb2.DecideRequest,
        wire_door.scan_decide,
        {"attributes": 3},
    ),
}


def reason_name(status: int) -> str:
    return (
        error_pb2.ErrorReason.Name(status).removeprefix("ERROR_REASON_") if status else "accepted"
    )


def without_hashes(values: dict, spaces: dict[str, int]) -> dict:
    """Checks the name hashes against the reference and takes them out."""
    for key, space in spaces.items():
        for name, name_id, name_hash, *_ in values[key]:
            assert name_hash == (0 if name_id else hash64(space, name))
        values[key] = [
            (name, name_id, kind, value) for name, name_id, _, kind, value in values[key]
        ]
    return values


@pytest.mark.parametrize("kind", READERS)
def test_scanner_agrees_with_protobuf_and_the_rules(kind: str) -> None:
    read, message, scan, spaces = READERS[kind]
    seen: Counter[str] = Counter()
    for number in range(CASES):
        seed = f"{SEED}/{kind}/{number}"
        data = case(random.Random(seed), kind)
        try:
            expected = wire.verdict(read, message, data)
            got = scan(data)
            if got[0] == 0:
                got = (0, without_hashes(got[1], spaces))
            else:
                got[2].decode()
            assert got[:2] == expected
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, message {data.hex()}: {error}") from error
        seen[reason_name(got[0])] += 1
    print(f"\n{kind}: seed {SEED}, {CASES} cases: {dict(seen.most_common())}")
    assert seen["accepted"] > CASES / 10, "too few good cases"
    assert len(seen) > 5, "too few kinds of refusals"
