"""The parser of the whole command line, with no more imported than the command needs."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from kairos_server.commands import COMMANDS, Command
from kairos_server.exits import Exit

GUIDE = "docs/guides/command-line.md"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on standard error, with the way to the help."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with the exit code of a wrong command line."""
        self.exit(Exit.USAGE, f"kairos: {message}; see `{self.prog} --help`.\n")


def parser_of(words: Sequence[str] = (), *, complete: bool = False) -> argparse.ArgumentParser:
    """Returns the parser of the whole command, with the arguments of the command that `words`
    names.

    Only that command's module is imported, so that `kairos --help` and light commands start fast.
    `complete`: with the arguments of every command.
    """
    parser = Parser(
        prog="kairos",
        description="A low-latency decision server for marketing automation.",
        epilog=f"`kairos COMMAND --help` shows the arguments and examples of a command; {GUIDE} "
        "shows all of them at work.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="the same as `kairos version`")
    chosen = next((word for word in words if not word.startswith("-")), "")
    if "--version" in words and not chosen:
        chosen = "version"
    commands = parser.add_subparsers(
        dest="command", required="--version" not in words, metavar="COMMAND"
    )
    for command in COMMANDS:
        child = commands.add_parser(
            command.name,
            help=command.text,
            description=command.text[0].upper() + command.text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if complete or command.name == chosen:
            _load(command, child)
            if command.name == "version":
                parser.set_defaults(run=child.get_default("run"))
    return parser


def _load(command: Command, parser: argparse.ArgumentParser) -> None:
    module = import_module(f"kairos_server.commands.{command.module}")
    module.arguments(parser)
