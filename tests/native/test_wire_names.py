"""Canonical names: the examples of the guide, the rule for every short name,
and what is not a name.
"""

import itertools

import pytest
import wire_door
from reference.wire import canonical_name

EXAMPLES = {
    "timeOnPage": "time_on_page",
    "time_on_page": "time_on_page",
    "TimeOnPage": "time_on_page",
    "pageURL": "page_url",
    "URLPath": "url_path",
    "viewport.Width": "viewport.width",
    "viewport.screenWidth": "viewport.screen_width",
    "utm2Source": "utm2_source",
    "A": "a",
    "ABC": "abc",
    "a.B": "a.b",
    "a_B": "a_b",
    "größeCM": "größe_cm",
    "Ärger": "Ärger",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    assert wire_door.canonical_name(name.encode()) == EXAMPLES[name].encode()


@pytest.mark.parametrize(
    "name", ["", ".", ".a", "a.", "a..b", "a\n", "\x00", "\x7f", "a\x1fb", "a" * 129, "aB" * 43]
)
def test_what_is_not_a_name(name: str) -> None:
    assert wire_door.canonical_name(name.encode()) is None


def test_every_short_name_equals_the_reference() -> None:
    """All names of up to 6 letters over one of each class: lower, upper, digit, underscore,
    dot, UTF-8, control.
    """
    alphabet = [b"a", b"B", b"7", b"_", b".", "é".encode(), b"\x01"]
    for size in range(7):
        for letters in itertools.product(alphabet, repeat=size):
            name = b"".join(letters)
            assert wire_door.canonical_name(name) == (canonical_name(name) if name else None), name


def test_every_byte_in_every_place_of_a_word() -> None:
    """The look at eight bytes at once must see each special byte wherever it stands."""
    for size in (1, 3, 4, 7, 8, 9, 15, 16, 17):
        for at in range(size):
            for byte in range(128):
                name = b"a" * at + bytes([byte]) + b"a" * (size - at - 1)
                data = b"\x12\x01t\x1a\x01u\x32" + bytes([size + 4, 10, size]) + name + b"\x20\x01"
                answer, expected = wire_door.scan_event(data), canonical_name(name)
                if expected is None:
                    assert answer[:2] == (10, "attributes[0].name"), name
                else:
                    assert answer[1]["attributes"][0][0] == expected, name


def test_a_canonical_name_is_its_own() -> None:
    for size in range(1, 6):
        for letters in itertools.product(b"aB7_.", repeat=size):
            once = wire_door.canonical_name(bytes(letters))
            assert once is None or wire_door.canonical_name(once) == once
