"""Identifiers: the form that is hashed, and ids that keep the kinds apart."""

import random

import hash_door
import pytest
import wire_door
from kairos.v1 import event_pb2
from reference.wire import normal_identifier
from reference.wire_cases import ADDRESSES

KEY = bytes(range(16))
EMAIL, PHONE = event_pb2.IDENTIFIER_TYPE_EMAIL, event_pb2.IDENTIFIER_TYPE_PHONE


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        (EMAIL, "  Ann.Lee+News@Example.COM\r\n", "ann.lee+news@example.com"),
        (EMAIL, "Ünal@Bücher.example", "Ünal@bücher.example"),
        (EMAIL, '"a@b"@example.com', '"a@b"@example.com'),
        (EMAIL, "ann@localhost", "ann@localhost"),
        (EMAIL, "ann", None),
        (EMAIL, "@example.com", None),
        (EMAIL, "ann@", None),
        (EMAIL, "ann lee@example.com", None),
        (EMAIL, "ann@example..com", None),
        (EMAIL, "ann@.example.com", None),
        (EMAIL, "ann@example.com.", None),
        (PHONE, "+1 (202) 555-0143", "+12025550143"),
        (PHONE, "1.202.555.0143", "+12025550143"),
        (PHONE, "001 202 555 0143", "+12025550143"),
        (PHONE, "+44 (0)20 7946 0018", "+442079460018"),
        (PHONE, "020 7946 0018", None),
        (PHONE, "+0 207946 0018", None),
        (PHONE, "110", None),
        (PHONE, "+1234567890123456", None),
        (PHONE, "+1 202 555 0143 ext 5", None),
        (PHONE, "+1+2025550143", None),
        (PHONE, "+٤٩٣٠١٢٣٤٥٦٧", None),
        (event_pb2.IDENTIFIER_TYPE_DEVICE, " A b ", " A b "),
        (event_pb2.IDENTIFIER_TYPE_USER, "A@B", "A@B"),
        (8, "a", None),
        (PHONE, "", None),
    ],
)
def test_forms(kind: int, value: str, form: str | None) -> None:
    found = wire_door.normal_identifier(kind, value.encode())
    assert found == (None if form is None else form.encode())


def test_forms_agree_with_the_reference() -> None:
    rng = random.Random(5)
    values = [address.decode() for address in ADDRESSES]
    letters = "a@. B\t+0012349(0)/-é"
    values += ["".join(rng.choices(letters, k=rng.randrange(1, 24))) for _ in range(20_000)]
    forms = 0
    for value in values:
        for kind in (EMAIL, PHONE):
            found = wire_door.normal_identifier(kind, value.encode())
            expected = normal_identifier(kind, value)
            assert found == (None if expected is None else expected.encode()), (kind, value)
            forms += found is not None
    assert forms > 500


def test_a_user_hashes_as_it_is() -> None:
    expected = hash_door.siphash128(KEY, b"user-1")
    assert wire_door.identifier_id_of(KEY, 0, b"user-1") == expected
    assert wire_door.identifier_id_of(KEY, 1, b"user-1") == expected


@pytest.mark.parametrize("kind", range(2, 8))
def test_other_kinds_hash_kind_and_form(kind: int) -> None:
    value = {EMAIL: b"a@b", PHONE: b"+12025550143"}.get(kind, b"user-1")
    spelled = {EMAIL: b" A@B", PHONE: b"1 202 555 0143"}.get(kind, value)
    expected = hash_door.siphash128(KEY, bytes([0xFF, kind]) + value)
    assert wire_door.identifier_id_of(KEY, kind, spelled) == expected


def test_what_is_no_identifier_has_no_id() -> None:
    for kind, value in [(1, b""), (1, b"x" * 257), (EMAIL, b"ann"), (PHONE, b"12"), (8, b"a")]:
        assert wire_door.identifier_id_of(KEY, kind, value) == 30
