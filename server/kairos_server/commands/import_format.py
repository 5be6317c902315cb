"""Which format an input has, by its name and its first record."""

from pathlib import PurePath
from typing import Any, Final

import msgspec

from kairos_server.exits import CommandFailed, Exit
from kairos_server.importing import RecordError, access_event

JSON_SUFFIXES: Final = {".json", ".jsonl", ".ndjson"}
SEGMENT_TYPES: Final = {"track", "page", "screen", "identify", "group", "alias"}


def format_of(name: str, prefix: bytes) -> str:
    """Returns the format. Errors: CommandFailed when it cannot be told."""
    suffixes = set(PurePath(name).suffixes)
    if suffixes & {".csv", ".tsv"}:
        return "csv"
    text = prefix.lstrip(b"\xef\xbb\xbf \t\r\n")
    if suffixes & JSON_SUFFIXES or text[:1] in (b"{", b"["):
        return _json_format(text)
    try:
        access_event(text.partition(b"\n")[0])
    except RecordError:
        raise CommandFailed(
            Exit.USAGE, f"{name}: its format cannot be told; name it with --format."
        ) from None
    return "access-log"


def _json_format(text: bytes) -> str:
    # The beginning of a record is enough: a long document need not be whole here.
    record = _first_object(text)
    if "specversion" in record:
        return "cloudevents"
    if "batch" in record or (
        record.get("type") in SEGMENT_TYPES and record.keys() & {"userId", "anonymousId"}
    ):
        return "segment"
    return "jsonl"


def _first_object(text: bytes) -> dict[str, Any]:
    line = text.partition(b"\n")[0]
    for candidate in (line, text):
        try:
            found = msgspec.json.decode(candidate)
        except (msgspec.DecodeError, RecursionError):
            continue
        found = found[0] if isinstance(found, list) and found else found
        if isinstance(found, dict):
            return found
    return {
        name: True
        for name in ("specversion", "batch")
        if f'"{name}"'.encode() in text.partition(b"}")[0]
    }
