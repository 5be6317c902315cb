"""The core looked at from outside: frames of a log without an engine, the kernel of this machine.

The second door between Python and the core; it writes nothing and takes no lock, so that it may
stand beside a running server.
"""

from typing import Final, final

KINDS: Final[dict[int, str]]
"""Number of a frame's kind -> its name."""

def kernel_best() -> str:
    """The kernel that an engine chooses on this machine: avx512, avx2 or portable."""

class LogDamaged(Exception):
    """The log cannot be read further; the sentence names the place and what to do."""

@final
class LogFrames:
    """The frames of a log from a sequence on, in order, each with its checksum verified.

    Beside a running server it sees what is written at the time. A commit that is being written, or
    that a killed server left torn, reads as damage at the end: only a start of the server can tell
    the two from real damage, and cuts them.
    """

    def __new__(cls, folder: str, sequence: int = 0, partition: int = 0) -> LogFrames:
        """Errors: LogDamaged when the folder cannot be opened."""
    def read(self, count: int = ...) -> list[tuple[int, int, int, int, int, bytes]]:
        """The next frames: (sequence, kind, tenant, occurred_us, received_us, payload); empty after
        the last.

        Errors: LogDamaged.
        """
    def verify(self, count: int = ...) -> bool:
        """Verifies and counts the next frames without handing them out; False after the last.

        Errors: LogDamaged.
        """
    @property
    def totals(self) -> tuple[int, int, int, int, dict[int, tuple[int, int]]]:
        """What `verify` has seen: (sequence_first, sequence_last, received_first_us,
        received_last_us, {kind: (frames, bytes)}).
        """
