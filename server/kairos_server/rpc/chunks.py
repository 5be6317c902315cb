"""Chunks of IngestStream on the wire: the outer message is walked here, its events are left to the
core.
"""

from dataclasses import dataclass
from typing import Final

from kairos.v1 import ingest_service_pb2

from kairos_server.errors import Refused

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_VARINT_SIZE_MAX: Final = 10
# Of tags and lengths.
_SHORT_SIZE_MAX: Final = 5
_FIELD_MAX: Final = (1 << 29) - 1
_NUMBER_MASK: Final = (1 << 64) - 1
_NUMBER, _BATCH, _INCLUDE_RESULTS = 1, 2, 3
# Fields of the core's answer.
_RESULT_TAG: Final = 1 << 3 | _BYTES
_ACCEPTED, _DUPLICATE, _REFUSED, _PROCESSING_TIME = 2, 3, 4, 8
# Field `chunk_number` of the answer, as a varint.
_ANSWER_NUMBER_TAG: Final = bytes([5 << 3 | _VARINT])


@dataclass(frozen=True, slots=True)
class Chunk:
    """One IngestStreamRequest; `batch` holds the encoded IngestBatchRequest."""

    number: int
    batch: bytes
    include_results: bool


def chunk_read(data: bytes) -> Chunk:
    """Returns what an encoded IngestStreamRequest says.

    Cost: a few microseconds and one copy of the batch. A generated message would parse every event
    here and once more in the core.
    Errors: Refused(WIRE_MALFORMED), also for a second batch, which protobuf would merge.
    """
    number, batch, include_results = 0, b"", 0
    batch_seen = False
    place = 0
    while place < len(data):
        tag, place = _varint(data, place, _SHORT_SIZE_MAX)
        field, kind = tag >> 3, tag & 7
        if not 0 < field <= _FIELD_MAX:
            raise Refused("WIRE_MALFORMED")
        if kind == _VARINT:
            value, place = _varint(data, place)
            if field == _NUMBER:
                number = value
            elif field == _INCLUDE_RESULTS:
                include_results = value
            continue
        start = place
        if kind == _BYTES:
            size, start = _varint(data, place, _SHORT_SIZE_MAX)
            place = start + size
        elif kind in _FIXED_SIZES:
            place = start + _FIXED_SIZES[kind]
        else:
            raise Refused("WIRE_MALFORMED")
        if place > len(data):
            raise Refused("WIRE_MALFORMED")
        if field == _BATCH and kind == _BYTES:
            if batch_seen:
                raise Refused("WIRE_MALFORMED", "batch")
            batch, batch_seen = data[start:place], True
    return Chunk(number, batch, include_results != 0)


def chunk_answered(chunk: Chunk, response: bytes) -> bytes:
    """Returns the IngestStreamResponse for the core's IngestBatchResponse.

    Its fields have the same numbers, so that all results are passed on as they are.
    """
    if chunk.include_results:
        return response + _ANSWER_NUMBER_TAG + _varint_of(chunk.number)
    counts = _counts(response)
    answer = ingest_service_pb2.IngestStreamResponse(
        accepted_count=counts.get(_ACCEPTED, 0),
        duplicate_count=counts.get(_DUPLICATE, 0),
        refused_count=counts.get(_REFUSED, 0),
        chunk_number=chunk.number,
        processing_time_us=counts.get(_PROCESSING_TIME, 0),
    )
    if answer.refused_count:
        results = ingest_service_pb2.IngestBatchResponse.FromString(response).results
        for index, result in enumerate(results):
            if result.HasField("error"):
                answer.refused_events.add(event_index=index, error=result.error)
    return bytes(answer.SerializeToString())


def chunk_refused(chunk: Chunk, refused: Refused) -> bytes:
    """Returns the IngestStreamResponse for a chunk that is refused as a whole."""
    error = ingest_service_pb2.EventError(
        reason=f"ERROR_REASON_{refused.reason}",
        field=refused.field,
        description=refused.message,
    )
    answer = ingest_service_pb2.IngestStreamResponse(chunk_number=chunk.number, error=error)
    return bytes(answer.SerializeToString())


def _counts(response: bytes) -> dict[int, int]:
    """Returns the numbers of an IngestBatchResponse by field, without parsing its results: a batch
    may have fired ten thousand triggers.
    """
    counts: dict[int, int] = {}
    place, end = 0, len(response)
    while place < end:
        tag = response[place]
        if tag == _RESULT_TAG:
            # Nearly all of the bytes are results; none is empty, few have 16,384 bytes or more.
            size, high = response[place + 1], response[place + 2]
            if size < 0x80:
                place += 2 + size
                continue
            if high < 0x80:
                place += 3 + (size & 0x7F | high << 7)
                continue
        value, place = _varint(response, place + 1)
        if tag & 7 == _BYTES:
            place += value
        else:
            counts[tag >> 3] = value
    return counts


def _varint(data: bytes, place: int, size_max: int = _VARINT_SIZE_MAX) -> tuple[int, int]:
    """Returns a number and the place behind it. Errors: Refused(WIRE_MALFORMED)."""
    value = 0
    for index, byte in enumerate(data[place : place + size_max]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value > _NUMBER_MASK:
                break
            return value, place + index + 1
    raise Refused("WIRE_MALFORMED")


def _varint_of(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
