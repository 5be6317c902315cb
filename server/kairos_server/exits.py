"""How a process of ours ends: exit codes after sysexits.h, and the errors that carry one from a
failed start or command.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. Documented in docs/guides/operations.md and docs/guides/command-line.md; scripts
    and supervisors rely on them.
    """

    OK = 0
    REFUSED = 1
    """The server, or a check, said no: a refused request, violations, records that were refused."""
    USAGE = 2
    """The command line cannot be read."""
    DATA = 65
    """The data folder is damaged, or was written by a version that this one cannot read."""
    NO_INPUT = 66
    """A file that was named cannot be read."""
    UNAVAILABLE = 69
    """A port is busy, another server uses the data folder, or no server answers."""
    SOFTWARE = 70
    """The engine failed while running.

    Start again: the log is the truth, the view follows from it.
    """
    CANNOT_CREATE = 73
    """The data folder, or a file that was named, cannot be made or written."""
    TEMPORARY = 75
    """The server is overloaded or too slow just now; the same command may succeed later."""
    PERMISSION = 77
    """The API key is missing, wrong, or not allowed to do this."""
    CONFIG = 78
    """A flag, a variable or the tenants file is wrong."""
    INTERRUPTED = 130
    """Ctrl-C: of a command, or before the server was ready."""


class StartError(Exception):
    """The server could not start; `args[0]` is one line for a person."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code


class CommandFailed(Exception):
    """A command could not do what it was asked; `args[0]` is one line for a person."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
