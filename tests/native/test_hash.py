"""Hashes of the core against published vectors and a bit-by-bit reference."""

import dedupe_door
from hypothesis import given
from hypothesis import strategies as st

KEY = bytes(range(16))
# First vectors of vectors_sip128 in the reference implementation (github.com/veorq/SipHash): input
# 00 01 02 … of length i.
SIPHASH128 = [
    "a3817f04ba25a8e66df67214c7550293",
    "da87c1d86b99af44347659119b22fc45",
    "8177228da4a45dc7fca38bdef60affe4",
    "9c70b60c5267a94e5f33b6b02985ed51",
    "f88164c12d9c8faf7d0f6e7c7bcd5579",
    "1368875980776f8854527a07690e9627",
    "14eeca338b208613485ea0308fd7a15e",
    "a1f1ebbed8dbc153c0b84aa61ff08239",
]
# RFC 3720, appendix B.4.
CRC32C = [
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (b"123456789", 0xE3069283),
]


def crc32c_reference(crc: int, data: bytes) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_siphash128_vectors() -> None:
    for size, expected in enumerate(SIPHASH128):
        assert dedupe_door.siphash128(KEY, bytes(range(size))).hex() == expected


def test_crc32c_vectors() -> None:
    for data, expected in CRC32C:
        assert crc32c_reference(0, data) == expected
        assert dedupe_door.crc32c(0, data) == expected
        assert dedupe_door.crc32c_portable(0, data) == expected


@given(crc=st.integers(0, 2**32 - 1), data=st.binary(max_size=100), cut=st.integers(0, 100))
def test_crc32c_of_any_bytes_and_any_start(crc: int, data: bytes, cut: int) -> None:
    expected = crc32c_reference(crc, data)
    assert dedupe_door.crc32c(crc, data) == expected
    assert dedupe_door.crc32c_portable(crc, data) == expected
    assert dedupe_door.crc32c(dedupe_door.crc32c(crc, data[:cut]), data[cut:]) == expected
