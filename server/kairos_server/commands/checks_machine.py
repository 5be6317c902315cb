"""What `kairos doctor` checks of the machine: versions, the core, the clock, system limits."""

import ctypes
import platform
import re
import resource
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from kairos_server.commands.check import FAIL, OK, WARN, Check

PYTHON_MIN: Final = (3, 11)
DESCRIPTORS_MIN: Final = 4096
MAPS_MIN: Final = 65_530
MEMORY_MIN: Final = 512 << 20
_PIN: Final = re.compile(r"([A-Za-z0-9._-]+)==([^;\s]+)\s*$")
_STA_UNSYNC: Final = 0x40
_TIME_ERROR: Final = 5


class _Timex(ctypes.Structure):
    """`struct timex` of Linux. Source: adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("constant", ctypes.c_long), ("rest", ctypes.c_long * 32),
    )  # fmt: skip


def machine_checks() -> Iterator[Check]:
    """Yields the checks of the machine."""
    yield _python()
    yield _packages()
    yield from _core()
    yield _clock()
    yield _memory()
    yield _descriptors()
    yield _address_space()
    yield _maps()


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        return Check("python", FAIL, found, "install Python 3.11 or later")
    return Check("python", OK, f"{found} at {sys.executable}")


def _packages() -> Check:
    wrong, count = [], 0
    try:
        requirements = metadata.requires("kairos-server") or []
    except metadata.PackageNotFoundError:
        return Check("packages", WARN, "kairos-server is not installed", "run `make build`")
    for requirement in requirements:
        pin = _PIN.match(requirement)
        if pin is None:
            continue
        count += 1
        try:
            found = metadata.version(pin[1])
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != pin[2]:
            wrong.append(f"{pin[1]} {found}, not {pin[2]}")
    if wrong:
        return Check("packages", WARN, "; ".join(wrong), "run `make build`; others were not tested")
    return Check("packages", OK, f"{count} as pinned")


def _core() -> Iterator[Check]:
    try:
        from kairos_native.engine import SEMANTICS_VERSION  # noqa: PLC0415  # may not load
        from kairos_native.engine_inspect import kernel_best  # noqa: PLC0415
    except (ImportError, TypeError) as error:
        yield Check("native core", FAIL, str(error), "run `make build`")
        return
    yield Check("native core", OK, f"loads; semantics {SEMANTICS_VERSION}")
    kernel = kernel_best()
    if kernel == "portable":
        yield Check("kernel", WARN, f"{kernel} on {platform.machine()}", "slower without AVX2")
    else:
        yield Check("kernel", OK, f"{kernel} on {platform.machine()}")


def _clock() -> Check:
    state = _Timex()
    try:
        code = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state))
    except (OSError, AttributeError):
        code = -1
    if code < 0:
        return Check("clock", WARN, "its state cannot be read", "see that NTP or chrony runs")
    if code == _TIME_ERROR or state.status & _STA_UNSYNC:
        return Check(
            "clock", WARN, "not synchronised",
            "run chrony or another NTP client: received times would drift from senders' clocks",
        )  # fmt: skip
    return Check("clock", OK, f"synchronised, error at most {state.maxerror / 1000:.0f} ms")


def _memory() -> Check:
    available = _meminfo("MemAvailable")
    if available is None:
        return Check("memory", WARN, "not known", "")
    text = f"{available >> 20:,} MiB available"
    if available < MEMORY_MIN:
        return Check("memory", WARN, text, "the view is read from disk where it does not fit")
    return Check("memory", OK, text)


def _meminfo(name: str) -> int | None:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) << 10 if found else None


def _descriptors() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS_MIN:
        return Check(
            "open files", WARN, f"at most {soft}",
            f"raise it to {DESCRIPTORS_MIN} (ulimit -n, LimitNOFILE=): each connection takes one",
        )  # fmt: skip
    return Check("open files", OK, f"at most {soft:,}")


def _address_space() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        return Check(
            "address space", WARN, f"at most {soft >> 20:,} MiB",
            "remove the limit (ulimit -v), or start with a --map-size well below it",
        )  # fmt: skip
    return Check("address space", OK, "unlimited")


def _maps() -> Check:
    values = {}
    for name in ("max_map_count", "overcommit_memory"):
        try:
            values[name] = int(Path("/proc/sys/vm", name).read_text())
        except (OSError, ValueError):
            return Check("memory maps", WARN, "vm settings cannot be read", "")
    text = ", ".join(f"vm.{name}={value}" for name, value in values.items())
    if values["max_map_count"] < MAPS_MIN:
        return Check("memory maps", WARN, text, f"sysctl vm.max_map_count={MAPS_MIN}")
    if values["overcommit_memory"] == 2:
        return Check(
            "memory maps", WARN, text, "threads and buffers count in full; leave it at 0 or 1"
        )
    return Check("memory maps", OK, text)
