"""Arguments that several commands share, and the readers of their values."""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from kairos.v1 import event_pb2

from kairos_server.exits import CommandFailed, Exit

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Run = Callable[[argparse.Namespace], int]
Scalar = bool | int | float | str | None


def actions_add(
    parser: argparse.ArgumentParser,
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Adds the level of actions below a command, as in `kairos plan list`."""
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def action_add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Run,
    examples: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """Adds one action with its help and examples; `run` executes it."""
    parser = actions.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    examples_set(parser, examples)
    parser.set_defaults(run=run)
    return parser


def examples_set(parser: argparse.ArgumentParser, examples: Sequence[str]) -> None:
    """Puts examples below the arguments in a parser's help."""
    if examples:
        parser.epilog = "examples:\n" + "\n".join(f"  {line}" for line in examples)


def pair_read(text: str) -> tuple[str, Scalar]:
    """Returns name and value of `name=value`.

    A value that is a JSON number, truth value, null or quoted text is that; anything else is text.
    Errors: ArgumentTypeError, which argparse shows.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"`{text}` is not name=value")
    try:
        found = json.loads(value)
    except ValueError:
        return name, value
    return name, found if isinstance(found, (bool, int, float, str)) or found is None else value


def time_us_read(text: str) -> int:
    """Returns microseconds since 1970 of an ISO 8601 time or of a whole number of microseconds.

    A time without a zone is UTC.
    Errors: ArgumentTypeError, which argparse shows.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"`{text}` is not a time; write 2026-01-31T10:00:00Z or microseconds since 1970"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)


def count_read(text: str) -> int:
    """Returns a whole number from 1. Errors: ArgumentTypeError, which argparse shows."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 31):
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from 1")
    return int(text)


def attribute_set(attribute: event_pb2.Attribute, value: Scalar) -> None:
    """Sets the typed value that belongs to a Python value. Errors: CommandFailed."""
    # bool is a subclass of int and has to be asked first.
    if value is None:
        attribute.null_value = event_pb2.NULL_VALUE_UNSPECIFIED
    elif isinstance(value, bool):
        attribute.bool_value = value
    elif isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise CommandFailed(Exit.USAGE, f"{attribute.name}: {value} has more than 64 bits.")
        attribute.int_value = value
    elif isinstance(value, float):
        attribute.double_value = value
    else:
        attribute.string_value = value


def enum_names(values: Sequence[str], prefix: str) -> list[str]:
    """Returns the lower-case names of an enum's values without prefix, the unspecified left out."""
    names = [name.removeprefix(prefix).lower() for name in values]
    return [name for name in names if name != "unspecified"]


DEVICES: Final = enum_names(event_pb2.DeviceType.keys(), "DEVICE_TYPE_")
CHANNELS: Final = enum_names(event_pb2.Channel.keys(), "CHANNEL_")
URGENCIES: Final = enum_names(event_pb2.Urgency.keys(), "URGENCY_")
IDENTIFIERS: Final = enum_names(event_pb2.IdentifierType.keys(), "IDENTIFIER_TYPE_")


def subject_type_add(parser: argparse.ArgumentParser) -> None:
    """Adds `--subject-type`."""
    parser.add_argument(
        "--subject-type", choices=IDENTIFIERS, help="kind of identifier (default user)"
    )


def subject_type_of(parsed: argparse.Namespace) -> str | None:
    """Returns the enum's name of `--subject-type`; None where it was not given."""
    kind = parsed.subject_type
    return f"IDENTIFIER_TYPE_{kind.upper()}" if kind else None
