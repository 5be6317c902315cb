"""The log's format in plain Python, written from docs/adr/0003-log-format.md:
builds and reads segment files.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

HEADER = struct.Struct("<8sQqIIII20sI")
FRAME = struct.Struct("<IIQqq16sIIIIIHHBBHI")
EPOCH, EVENT = 1, 2
assert (HEADER.size, FRAME.size) == (64, 80)


def crc32c_table() -> list[int]:
    table = []
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


CRC32C = crc32c_table()


def crc32c(crc: int, data: bytes) -> int:
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Frame:
    sequence: int
    payload: bytes
    batch_index: int = 0
    writer_epoch: int = 0
    kind: int = EVENT
    occurred_us: int = 0
    received_us: int = 0
    subject_id: bytes = bytes(16)
    tenant: int = 0
    key_id: int = 0
    flags: int = 0
    partition: int = 0
    semantics_version: int = 2

    def encode(self, salt: int) -> bytes:
        size = (FRAME.size + len(self.payload) + 7) // 8 * 8
        body = FRAME.pack(
            size, 0, self.sequence, self.occurred_us, self.received_us, self.subject_id,
            self.writer_epoch, self.batch_index, self.tenant, self.key_id, len(self.payload),
            self.partition, self.semantics_version, 1, self.kind, self.flags, 0,
        ) + self.payload  # fmt: skip
        body = body.ljust(size, b"\0")[8:]
        return struct.pack("<II", size, crc32c(salt, body)) + body


def encode_header(
    first_sequence: int, *, partition: int = 0, writer_epoch: int = 0, salt: int = 0
) -> bytes:
    body = HEADER.pack(
        b"KAIROLOG", first_sequence, 0, 1, partition, writer_epoch, salt, bytes(20), 0
    )[:-4]
    return body + struct.pack("<I", crc32c(0, body))


def encode_segment(
    frames: list[Frame],
    *,
    size: int = 4096,
    salt: int = 77,
    first_sequence: int | None = None,
    writer_epoch: int = 0,
) -> bytes:
    first = frames[0].sequence if first_sequence is None else first_sequence
    data = encode_header(first, salt=salt, writer_epoch=writer_epoch) + b"".join(
        frame.encode(salt) for frame in frames
    )
    assert len(data) <= size
    return data.ljust(size, b"\0")


def segment_name(first_sequence: int) -> str:
    return f"{first_sequence:020d}.log"


def decode_segment(data: bytes) -> tuple[int, list[tuple[int, Frame]]]:
    """Returns (salt, [(offset, frame)]) up to the zero size; asserts every checksum."""
    magic, first, _, version, _, _, salt, _, crc = HEADER.unpack_from(data)
    assert (magic, version, crc) == (b"KAIROLOG", 1, crc32c(0, data[:60]))
    frames: list[tuple[int, Frame]] = []
    offset = HEADER.size
    while offset + FRAME.size <= len(data):
        (size, crc, sequence, occurred, received, subject, epoch, batch_index, tenant, key_id,
         payload_size, partition, semantics, version, kind, flags,
         reserved) = FRAME.unpack_from(data, offset)  # fmt: skip
        if size == 0:
            break
        assert crc == crc32c(salt, data[offset + 8 : offset + size])
        assert (version, reserved, size % 8, sequence) == (1, 0, 0, first + len(frames))
        start = offset + FRAME.size
        assert not any(data[start + payload_size : offset + size])
        frames.append((offset, Frame(
            sequence, data[start : start + payload_size], batch_index, epoch, kind, occurred,
            received, subject, tenant, key_id, flags, partition, semantics,
        )))  # fmt: skip
        offset += size
    return salt, frames


def read_folder(folder: Path) -> list[Frame]:
    """Every frame of every segment in order."""
    frames: list[Frame] = []
    for path in sorted(folder.iterdir()):
        _, found = decode_segment(path.read_bytes())
        frames.extend(frame for _, frame in found)
    for before, frame in pairwise(frames):
        assert frame.sequence == before.sequence + 1
    return frames
