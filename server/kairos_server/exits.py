"""How a server process ends: exit codes after sysexits.h,
and the error that carries one from a failed start.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. Documented in docs/guides/operations.md; scripts and supervisors rely on them."""

    OK = 0
    DATA = 65
    """The data folder is damaged, or was written by a version that this one cannot read."""
    UNAVAILABLE = 69
    """A port is busy, or another server uses the data folder."""
    SOFTWARE = 70
    """The engine failed while running.

    Start again: the log is the truth, the view follows from it.
    """
    CANNOT_CREATE = 73
    """The data folder cannot be made or written."""
    CONFIG = 78
    """A flag, a variable or the tenants file is wrong."""
    INTERRUPTED = 130
    """Ctrl-C before the server was ready."""


class StartError(Exception):
    """The server could not start; `args[0]` is one line for a person."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
