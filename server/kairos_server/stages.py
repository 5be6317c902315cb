"""How long the stages of one call took: filled on its way, read at its end."""

import time
from typing import Final

STAGES: Final = ("check", "queue", "append", "apply", "answer", "core")
"""In the order in which a call passes them; a call that writes has the first five, a call that
reads the last.
"""


class Stages:
    """Durations in nanoseconds; 0: the call did not pass the stage.

    Threads: one at a time; the writer's thread fills in the middle of a call, while the event
    loop's waits for it.
    """

    __slots__ = ("answer_ns", "append_ns", "apply_ns", "check_ns", "committed_ns", "core_name",
                 "core_ns", "queue_ns")  # fmt: skip

    def __init__(self) -> None:
        self.check_ns = 0
        self.queue_ns = 0
        self.append_ns = 0
        self.apply_ns = 0
        self.answer_ns = 0
        self.core_ns = 0
        self.core_name = ""
        """Which native call `core_ns` is of: `decide`, `evaluate`, …"""
        self.committed_ns = 0
        """When the group commit ended, in ns of time.perf_counter_ns()."""

    def check_begin(self) -> "Stages":
        """Begins the check of a request; returns itself."""
        self.check_ns = -time.perf_counter_ns()
        return self

    def check_end(self) -> None:
        """Ends the check."""
        self.check_ns += time.perf_counter_ns()

    def answer_end(self) -> None:
        """Says that the handler knows of the commit."""
        self.answer_ns = time.perf_counter_ns() - self.committed_ns

    def core(self, name: str) -> "Stages":
        """Measures a native call: `with stages.core("decide"): …`."""
        self.core_name = name
        return self

    def __enter__(self) -> None:
        self.core_ns = -time.perf_counter_ns()

    def __exit__(self, *error: object) -> None:
        self.core_ns += time.perf_counter_ns()

    def figures(self) -> dict[str, int]:
        """Returns name -> microseconds of every stage that was passed, for a log line."""
        times = {name: getattr(self, f"{name}_ns") // 1000 for name in STAGES}
        return {f"{name}_us": time_us for name, time_us in times.items() if time_us > 0}
