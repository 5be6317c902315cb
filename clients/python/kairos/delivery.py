"""Carries batches to the server until it has answered for each event."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from kairos.calls import Calls
from kairos.errors import InvalidRequest, KairosError, Overloaded
from kairos.v1 import error_pb2
from kairos.v1.event_pb2 import Event
from kairos.v1.ingest_service_pb2 import IngestBatchResponse

_LOG: Final = logging.getLogger("kairos.producer")
_METHOD: Final = "/kairos.v1.IngestService/IngestBatch"
_EVENTS_TAG: Final = bytes([1 << 3 | 2])
PAUSE_S_MIN: Final = 0.1
PAUSE_S_MAX: Final = 10.0
Stats = TypeVar("Stats")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the server refused an event."""

    reason: str
    """Name in kairos.v1.ErrorReason without prefix."""
    field: str
    description: str


class Delivery:
    """One batch after another, each until it is answered.

    pause: waits for some seconds between tries; False: give up, the producer closes.
    """

    def __init__(
        self,
        calls: Calls,
        pause: Callable[[float], bool],
        on_refused: Callable[[Event, Refused], None] | None,
    ) -> None:
        self._call = calls.unary_bytes(_METHOD)
        self._pause = pause
        self._on_refused = on_refused
        self._lock = threading.Lock()
        self._counts = {
            "sent_count": 0, "duplicate_count": 0, "refused_count": 0, "batch_count": 0,
            "failure_count": 0,
        }  # fmt: skip
        self._failure_last = ""

    def deliver(self, records: Sequence[bytes]) -> bool:
        """Returns True once the server has answered for every event; False: given up.

        Whatever may pass (no connection, no room, no plan, a wrong key) is tried again, for ever:
        the queue keeps what comes meanwhile. A batch that is refused as a whole is halved until the
        event that is to blame stands alone.
        """
        count = 0
        while True:
            try:
                answer = self._call(_batch(records), None)
            except KairosError as failure:
                if _refuses(failure):
                    return self._halve(records, failure)
                self._failed(failure)
                pause_s = failure.retry_after or min(PAUSE_S_MIN * 2**count, PAUSE_S_MAX)
                if not self._pause(pause_s):
                    return False
                count = min(count + 1, 10)
            except ValueError:
                # The channel was closed under the call: so the producer closes.
                if not self._pause(0.0):
                    return False
                raise
            else:
                self._answered(records, IngestBatchResponse.FromString(answer))
                return True

    def stats(self, kind: Callable[..., Stats]) -> Stats:
        """Returns the counts as `kind`."""
        with self._lock:
            return kind(**self._counts, failure_last=self._failure_last)

    def _halve(self, records: Sequence[bytes], failure: KairosError) -> bool:
        if len(records) > 1:
            middle = len(records) // 2
            return self.deliver(records[:middle]) and self.deliver(records[middle:])
        self._count(refused_count=1, batch_count=1)
        self._tell(records[0], Refused(failure.reason, failure.field, failure.message))
        return True

    def _answered(self, records: Sequence[bytes], answer: IngestBatchResponse) -> None:
        self._count(
            sent_count=answer.accepted_count,
            duplicate_count=answer.duplicate_count,
            refused_count=answer.refused_count,
            batch_count=1,
        )
        if not answer.refused_count:
            return
        for record, result in zip(records, answer.results, strict=True):
            if result.HasField("error"):
                error = result.error
                reason = error_pb2.ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")
                self._tell(record, Refused(reason, error.field, error.description))

    def _tell(self, record: bytes, refused: Refused) -> None:
        if self._on_refused is None:
            _LOG.warning("event refused: %s %s", refused.reason, refused.field)
            return
        try:
            self._on_refused(Event.FromString(record), refused)
        except Exception:
            _LOG.exception("on_refused failed")

    def _failed(self, failure: KairosError) -> None:
        self._count(failure_count=1)
        text = f"{failure.code} {failure.reason}: {failure.message}"
        if text != self._failure_last:
            _LOG.warning("batch failed, trying again: %s", text)
        with self._lock:
            self._failure_last = text

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, count in more.items():
                self._counts[name] += count


def _refuses(failure: KairosError) -> bool:
    """True when the same batch would be refused again."""
    if isinstance(failure, Overloaded):
        # A message that is too large for the server, or for a proxy, has no delay.
        return failure.retry_after is None
    return isinstance(failure, InvalidRequest)


def _batch(records: Sequence[bytes]) -> bytes:
    """Returns an IngestBatchRequest of encoded events."""
    parts: list[bytes] = []
    for record in records:
        parts += (_EVENTS_TAG, _size(len(record)), record)
    return b"".join(parts)


def _size(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
