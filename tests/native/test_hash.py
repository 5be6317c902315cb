"""The hashes of the core against their sources: published vectors, plain-Python references, and values that must never change."""

import random

import hash_door
import pytest
from reference import hash as reference

KEY = bytes(range(16))
# vectors_sip128 of the authors' reference implementation: key 00..0f, message 00..(n-1).
SIPHASH128 = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    2: "8177228da4a45dc7fca38bdef60affe4",
    3: "9c70b60c5267a94e5f33b6b02985ed51",
    4: "f88164c12d9c8faf7d0f6e7c7bcd5579",
}
# RFC 3720, appendix B.4, and the check value of the CRC catalogue.
CRC32C = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    b"123456789": 0xE3069283,
}
# Plan images on disk hold these; a change makes every stored image unreadable.
HASH64 = {
    (1, b""): 0x02DC7EDE00BF8103,
    (1, b"page_view"): 0x6A6DC19984844A9A,
    (2, b"time_on_page"): 0x9EFD45C1DA166C14,
    (2, b"url_path"): 0x76779354036F8A06,
    (4, b"persona"): 0xE733DBFACA92F7E1,
    (4096, b"TechEarlyAdopter"): 0xE0CC28C952CD09ED,
    (4097, bytes(range(100))): 0x43B769E03BD8C118,
}


def texts(seed: int) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(size) for size in range(130)] + [rng.randbytes(rng.randrange(4000)) for _ in range(5)]


@pytest.mark.parametrize("size", SIPHASH128)
def test_siphash128_keeps_the_vectors_of_its_authors(size: int) -> None:
    message = bytes(range(size))
    assert hash_door.siphash128(KEY, message).hex() == SIPHASH128[size] == reference.siphash128(KEY, message).hex()


def test_siphash128_equals_the_paper() -> None:
    rng = random.Random(1)
    for text in texts(2):
        key = rng.randbytes(16)
        assert hash_door.siphash128(key, text) == reference.siphash128(key, text)


@pytest.mark.parametrize("text", CRC32C)
def test_crc32c_keeps_the_published_values(text: bytes) -> None:
    assert hash_door.crc32c(text) == hash_door.crc32c_portable(text) == reference.crc32c(text) == CRC32C[text]


def test_crc32c_is_the_same_with_and_without_the_instruction() -> None:
    for text in texts(3):
        assert hash_door.crc32c(text) == hash_door.crc32c_portable(text) == reference.crc32c(text)


def test_crc32c_continues() -> None:
    for text in texts(4):
        cut = len(text) // 3
        for crc32c in (hash_door.crc32c, hash_door.crc32c_portable):
            assert crc32c(text[cut:], crc32c(text[:cut])) == crc32c(text)


@pytest.mark.parametrize("case", HASH64)
def test_hash64_never_changes(case: tuple[int, bytes]) -> None:
    assert hash_door.hash64(*case) == HASH64[case] == reference.hash64(*case)


def test_hash64_equals_the_reference() -> None:
    for space in (0, 1, 2, 4096, 2**32 - 1):
        for text in texts(space):
            assert hash_door.hash64(space, text) == reference.hash64(space, text)


def test_hash64_separates_spaces_and_trailing_zeros() -> None:
    hashes = {hash_door.hash64(space, bytes(size)) for space in range(64) for size in range(64)}
    assert len(hashes) == 64 * 64
