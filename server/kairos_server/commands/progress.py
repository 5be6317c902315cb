"""A progress bar on a terminal; elsewhere a plain line now and then."""

import sys
import time
from dataclasses import dataclass, field
from typing import Final, TextIO

BAR_SIZE: Final = 30
REDRAW_S: Final = 0.1
LINE_S: Final = 10.0


@dataclass(slots=True)
class Progress:
    """Progress through `size` bytes, on standard error so that standard output stays a report."""

    title: str
    size: int
    """0: not known."""
    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    start_s: float = field(default_factory=time.monotonic)
    drawn_s: float = field(default_factory=time.monotonic)
    drawn: bool = False

    def show(self, read_size: int, records: int) -> None:
        """Draws when it is time."""
        now_s = time.monotonic()
        terminal = self.stream.isatty()
        if self.quiet or now_s - self.drawn_s < (REDRAW_S if terminal else LINE_S):
            return
        self.drawn_s, self.drawn = now_s, True
        text = self.text(read_size, records, now_s - self.start_s)
        # Erases what a longer line before has left.
        self.stream.write(f"\r{text}\x1b[K" if terminal else f"{text}\n")
        self.stream.flush()

    def end(self) -> None:
        """Leaves the bar's line."""
        if self.drawn and self.stream.isatty():
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def text(self, read_size: int, records: int, seconds: float) -> str:
        """Returns one line: bar and time left where the size is known, records and rate."""
        rate = records / max(seconds, 1e-9)
        if not self.size:
            return f"{self.title} {records:,} records {rate:,.0f}/s"
        part = min(read_size / self.size, 1.0)
        bar = "#" * int(BAR_SIZE * part) + "." * (BAR_SIZE - int(BAR_SIZE * part))
        left = f" {seconds * (1 - part) / part:.0f} s left" if 0 < part < 1 else ""
        return f"{self.title} [{bar}] {100 * part:.0f} % {records:,} records {rate:,.0f}/s{left}"
