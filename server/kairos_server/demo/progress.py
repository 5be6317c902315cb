"""A progress bar on a terminal; elsewhere a line for every tenth."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

BAR_WIDTH = 30
REDRAW_S = 0.1


@dataclass(slots=True)
class Progress:
    """Progress of `total` steps, written to standard error so that standard
    output stays a report.
    """

    title: str
    total: int
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    done: int = 0
    start_s: float = field(default_factory=time.perf_counter)
    drawn_s: float = 0.0
    tenths: int = 0

    def add(self, count: int) -> None:
        """Counts steps and redraws when it is time."""
        self.done += count
        now_s = time.perf_counter()
        last = self.done >= self.total
        if self.stream.isatty():
            if last or now_s - self.drawn_s >= REDRAW_S:
                self.drawn_s = now_s
                filled = BAR_WIDTH * self.done // max(self.total, 1)
                bar = "#" * filled + "." * (BAR_WIDTH - filled)
                self.stream.write(
                    f"\r{self.title} [{bar}] {self._numbers(now_s)}" + ("\n" if last else "")
                )
                self.stream.flush()
        elif 10 * self.done // max(self.total, 1) > self.tenths:
            self.tenths = 10 * self.done // max(self.total, 1)
            self.stream.write(f"{self.title} {self._numbers(now_s)}\n")
            self.stream.flush()

    def _numbers(self, now_s: float) -> str:
        rate = self.done / max(now_s - self.start_s, 1e-9)
        return (
            f"{self.done:,}/{self.total:,} {100 * self.done // max(self.total, 1)} % {rate:,.0f}/s"
        )
