"""The formats of an import, and the mapper that turns one record into an event."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kairos.v1 import event_pb2

from .access_log import REQUEST, access_event
from .cloudevents import cloudevent
from .columns import columns_of
from .errors import RecordError
from .plain import event_of_row, json_read
from .segment import segment_event

FORMATS: Final = ("csv", "jsonl", "cloudevents", "segment", "access-log")
EVENT_SIZE_MAX: Final = 65_536
CSV_CELL_SIZE_MAX: Final = 1 << 20
Mapper = Callable[[bytes], event_pb2.Event | None]


@dataclass(frozen=True, slots=True)
class MapperOptions:
    """How records become events; plain data, so that it reaches worker processes."""

    format: str
    mapping: Mapping[str, Any] = field(default_factory=dict)
    """CSV: the mapping of columns."""
    header: Sequence[str] = ()
    """CSV: names of the columns."""
    delimiter: str = ","
    encoding: str = "utf-8"
    subject: str = ""
    """CloudEvents: where the person is named."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """Event type -> event type."""
    consents: Mapping[str, str] = field(default_factory=dict)
    """Segment: category of consent -> purpose."""
    personal: bool = False
    """Segment: keep personal traits."""
    salt: str = ""
    """Access logs: key of the hash of address and user agent."""
    pages_only: bool = False
    """Access logs: leave out requests that showed no page."""


def mapper_of(options: MapperOptions) -> Mapper:
    """Returns the function that turns a record into an event, None where it is to be left out.

    The function raises RecordError.
    Errors: MappingError for a mapping of columns that cannot be used.
    """
    reader = _READERS[options.format](options)
    rename = dict(options.rename)

    def read(record: bytes) -> event_pb2.Event | None:
        event = reader(record)
        if event is not None and event.event_type in rename:
            event.event_type = rename[event.event_type]
        return event

    return read


def _csv(options: MapperOptions) -> Mapper:
    columns = columns_of(options.mapping, options.header)
    csv.field_size_limit(CSV_CELL_SIZE_MAX)

    def read(record: bytes) -> event_pb2.Event:
        try:
            text = record.decode(options.encoding)
            rows = list(csv.reader((text,), delimiter=options.delimiter, strict=True))
        except UnicodeDecodeError as error:
            raise RecordError(
                f"not {options.encoding}: {error.reason} at byte {error.start}"
            ) from None
        except csv.Error as error:
            raise RecordError(f"not CSV: {error}") from None
        if len(rows) != 1:
            raise RecordError("not one row of CSV")
        return columns.event(rows[0])

    return read


def _jsonl(_: MapperOptions) -> Mapper:
    def read(record: bytes) -> event_pb2.Event:
        row = json_read(record)
        if not isinstance(row, dict):
            raise RecordError("an event is a JSON object")
        return event_of_row(row)

    return read


def _cloudevents(options: MapperOptions) -> Mapper:
    path = options.subject or "subject"
    return lambda record: cloudevent(json_read(record), path)


def _segment(options: MapperOptions) -> Mapper:
    consents = dict(options.consents)
    return lambda record: segment_event(json_read(record), consents, personal=options.personal)


def _access_log(options: MapperOptions) -> Mapper:
    salt = options.salt.encode()

    def read(record: bytes) -> event_pb2.Event | None:
        event = access_event(record, salt)
        return None if options.pages_only and event.event_type == REQUEST else event

    return read


_READERS: Final[dict[str, Callable[[MapperOptions], Mapper]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "cloudevents": _cloudevents,
    "segment": _segment,
    "access-log": _access_log,
}
