"""How commands answer: aligned tables for people, JSON lines with the contract's names for
programs, nothing but the exit code with `--quiet`.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from kairos.v1 import event_pb2

GAP: Final = "  "
# Of all columns but the last, which may be as long as it is.
CELL_SIZE_MAX: Final = 60
_NUMBER: Final = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?(?:e[-+][0-9]+)?\Z")
Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, and what it shows of a message."""

    title: str
    show: Callable[[Any], Cell]


def output_add(parser: argparse.ArgumentParser) -> None:
    """Adds `--json` and `--quiet`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--json", action="store_true", help="JSON lines with the names of the contract"
    )
    group.add_argument("--quiet", action="store_true", help="no output, only the exit code")


class Output:
    """Writes to standard output in the form that was asked for."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self.json: bool = parsed.json
        self.quiet: bool = parsed.quiet

    @property
    def text(self) -> bool:
        """True when tables and sentences are wanted."""
        return not self.json and not self.quiet

    def table(self, messages: Iterable[Message], columns: Sequence[Column], none: str = "") -> None:
        """Writes a table with a row per message, or the messages; `none` where there is none."""
        if self.json:
            for message in messages:
                self.record(message_dict(message))
            return
        rows = [[cell_text(column.show(message)) for column in columns] for message in messages]
        if rows:
            self.lines(table_lines([column.title for column in columns], rows))
        elif none:
            self.line(none)

    def fields(self, pairs: Iterable[tuple[str, Cell]]) -> None:
        """Writes names and values below each other, aligned; only as text."""
        shown = [(name, cell_text(value)) for name, value in pairs if value is not None]
        width = max((len(name) for name, _ in shown), default=0)
        self.lines(f"{name:<{width}}{GAP}{value}".rstrip() for name, value in shown)

    def message(self, message: Message) -> None:
        """Writes a message as one JSON line; only with `--json`."""
        if self.json:
            self.record(message_dict(message))

    def record(self, row: dict[str, Any]) -> None:
        """Writes one JSON line; only with `--json`."""
        if self.json:
            sys.stdout.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")

    def line(self, text: str = "") -> None:
        """Writes a line of text; only as text."""
        if self.text:
            sys.stdout.write(text + "\n")

    def lines(self, lines: Iterable[str]) -> None:
        """Writes lines of text; only as text."""
        for line in lines:
            self.line(line)


def message_dict(message: Message) -> dict[str, Any]:
    """Returns a message in canonical proto JSON, with fields that have their default."""
    found: dict[str, Any] = MessageToDict(message, always_print_fields_with_no_presence=True)
    return found


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table: columns aligned, numbers to the right, long cells shortened."""
    rows = [[*map(_shorten, row[:-1]), row[-1]] for row in rows]
    sizes = [max(len(title), *(len(row[i]) for row in rows)) for i, title in enumerate(titles)]
    right = [_are_numbers([row[i] for row in rows]) for i in range(len(titles))]
    return [
        GAP.join(
            f"{cell:>{size}}" if numeric else f"{cell:<{size}}"
            for cell, size, numeric in zip(row, sizes, right, strict=True)
        ).rstrip()
        for row in [[title.upper() for title in titles], *rows]
    ]


def cell_text(value: Cell) -> str:
    """Returns a value as a cell: one line, no control characters."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    # Names and values are of strangers: a terminal must not take them for commands.
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value
    )


def time_text(time_us: int) -> str:
    """Returns a moment as ISO 8601 in UTC; `-` for 0, which is never."""
    if not time_us:
        return "-"
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_us % 1_000_000:06d}Z"


def attribute_cell(attribute: event_pb2.Attribute) -> Cell:
    """Returns the value of an attribute as a cell; None where it has none."""
    field = attribute.WhichOneof("value")
    if field is None:
        return None
    if field == "null_value":
        return "null"
    if field == "time_value_us":
        return time_text(attribute.time_value_us)
    value: Cell = getattr(attribute, field)
    return value


def attributes_text(attributes: Iterable[event_pb2.Attribute]) -> str:
    """Returns attributes as `name=value` after each other."""
    return " ".join(f"{attribute.name}={_value_text(attribute)}" for attribute in attributes)


def _value_text(attribute: event_pb2.Attribute) -> str:
    value = attribute_cell(attribute)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else cell_text(value)


def _shorten(text: str) -> str:
    return text if len(text) <= CELL_SIZE_MAX else text[: CELL_SIZE_MAX - 1] + "…"


def _are_numbers(cells: Sequence[str]) -> bool:
    numbers = [cell for cell in cells if cell != "-"]
    return bool(numbers) and all(_NUMBER.match(cell) for cell in numbers)
