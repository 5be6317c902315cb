"""The hashes of the core in plain Python, written from their sources, slowly."""

MASK = 2**64 - 1


def rotate(x: int, bits: int) -> int:
    return (x << bits | x >> (64 - bits)) & MASK


def sip_rounds(v: list[int], count: int) -> None:
    """SipRound of "SipHash: a fast short-input PRF" (Aumasson, Bernstein, 2012), figure 2.1."""
    for _ in range(count):
        v[0] = (v[0] + v[1]) & MASK
        v[2] = (v[2] + v[3]) & MASK
        v[1] = rotate(v[1], 13) ^ v[0]
        v[3] = rotate(v[3], 16) ^ v[2]
        v[0] = rotate(v[0], 32)
        v[2] = (v[2] + v[1]) & MASK
        v[0] = (v[0] + v[3]) & MASK
        v[1] = rotate(v[1], 17) ^ v[2]
        v[3] = rotate(v[3], 21) ^ v[0]
        v[2] = rotate(v[2], 32)


def siphash128(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4 with 128 bits of output: v1 ^ 0xee at the start,
    0xee and 0xdd before the two finalisations.
    """
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    v = [
        k0 ^ int.from_bytes(b"somepseu", "big"), k1 ^ int.from_bytes(b"dorandom", "big") ^ 0xEE,
        k0 ^ int.from_bytes(b"lygenera", "big"), k1 ^ int.from_bytes(b"tedbytes", "big"),
    ]  # fmt: skip
    whole = len(data) // 8 * 8
    padded = data + bytes(whole + 7 - len(data)) + bytes([len(data) & 255])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        sip_rounds(v, 2)
        v[0] ^= word
    halves = []
    for at, constant in ((2, 0xEE), (1, 0xDD)):
        v[at] ^= constant
        sip_rounds(v, 4)
        halves.append(v[0] ^ v[1] ^ v[2] ^ v[3])
    return b"".join(half.to_bytes(8, "little") for half in halves)


def crc32c(data: bytes, crc: int = 0) -> int:
    """RFC 3720, appendix B.4, one bit at a time."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def fold(a: int, b: int) -> int:
    product = a * b
    return product & MASK ^ product >> 64


def hash64(space: int, data: bytes) -> int:
    """The dictionary hash of plan images: each 8 bytes, the rest zero-padded, then a last mix,
    by folded products.
    """
    value = (space + 1) * 0x9E3779B97F4A7C15 & MASK ^ len(data) * 0xD6E8FEB86659FD93 & MASK
    for i in range(0, len(data), 8):
        word = int.from_bytes(data[i : i + 8], "little")
        whole = len(data) - i >= 8
        value = fold(value ^ word, 0xA0761D6478BD642F if whole else 0xE7037ED1A0B428DB)
    return fold(value ^ 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3)
