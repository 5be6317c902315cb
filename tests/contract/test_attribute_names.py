"""The catalogue and the scanner must read a name alike: what a schema defines is
what an event sends.
"""

import itertools
import random

import wire_door
from kairos_server.catalog import schema
from reference.wire import RESERVED_CONTEXT, RESERVED_EVENT, RESERVED_TRAIT


def test_canonical_names_of_the_catalogue_are_those_of_the_scanner() -> None:
    rng = random.Random(1)
    short = (
        "".join(letters)
        for size in range(1, 6)
        for letters in itertools.product("aB7_", repeat=size)
    )
    long = ("".join(rng.choices("aB7_.", k=rng.randrange(6, 128))) for _ in range(2000))
    compared = 0
    for name in itertools.chain(short, long):
        try:
            expected = schema.checked_name(name)
        except schema.Fault:
            continue
        assert wire_door.canonical_name(name.encode()) == expected.encode(), name
        compared += 1
    assert compared > 500


def test_reserved_names_are_the_same() -> None:
    assert {
        name.encode() for name in {*schema.EVENT_FIELDS, *schema.EVENT_RESERVED}
    } == RESERVED_EVENT
    assert {name.encode() for name in schema.CONTEXT_FIELDS} == RESERVED_CONTEXT
    assert {name.encode() for name in schema.PROFILE_FIELDS} == RESERVED_TRAIT
