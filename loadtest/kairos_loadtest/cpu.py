"""CPU time and memory of a process, from /proc."""

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Returns the CPU seconds, user and system, that a process has used.

    Errors: OSError when there is none.
    """
    text = Path(f"/proc/{pid}/stat").read_text()
    # The second field is the command in parentheses and may itself hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> int:
    """Returns the resident memory of a process. Errors: OSError when there is none."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
