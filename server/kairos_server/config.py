"""The configuration of one server process: flags and KAIROS_* variables, checked once,
then never changed.
"""

import argparse
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kairos_server.tenants import Tenant, tenants_read

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
KERNELS: Final = ("", "avx512", "avx2", "portable")
_SIZE: Final = re.compile(r"^(\d+)(|[KMGT])(?:i?B)?$", re.IGNORECASE)
_FACTORS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ConfigError(Exception):
    """A wrong setting; `args[0]` is one sentence that names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """A numeric host or name, and a port; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a server process is told from outside."""

    data: Path
    grpc: Address
    http: Address
    tenants: tuple[Tenant, ...]
    """Empty in local mode: then the server makes the tenant `demo` and a key for it."""
    partition: int
    map_size: int
    segment_size: int
    queue_records_max: int
    queue_size_max: int
    drain_s: float
    checkpoint_s: float
    """0: no checkpoints; a rebuild then reads the whole log."""
    log_level: str
    kernel: str
    slow_ms: int = 100
    """Unary calls that take longer are logged with their stages; 0: none are."""
    slow_lines_per_s: int = 1

    @property
    def engine_folder(self) -> Path:
        """Log, view and plans of the partition; the data folder itself holds what
        all partitions share.
        """
        return self.data / f"partition-{self.partition}"

    @property
    def local(self) -> bool:
        """True without a tenants file."""
        return not self.tenants


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `--name` and KAIROS_NAME.

    A flag beats the variable, the variable beats the default.
    """

    name: str
    default: str
    text: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "KAIROS_" + self.name.replace("-", "_").upper()


SETTINGS: Final = (
    Setting("data", "./data", "folder of log, view and plans; made when missing"),
    Setting("grpc", "127.0.0.1:50051", "address of the gRPC services"),
    Setting("http", "127.0.0.1:9090", "private address of /metrics, /healthz and /readyz"),
    Setting(
        "tenants",
        "",
        "TOML or JSON file of tenants; none: local mode with the tenant `demo`, loopback only",
    ),
    Setting("partition", "0", "partition that this process owns"),
    Setting(
        "map-size",
        "64G",
        "size of the view's address space; fixed while running, takes disk only as it fills",
    ),
    Setting("segment-size", "64M", "size of one log segment"),
    Setting("queue-records", "65536", "records that may wait for the writer"),
    Setting("queue-size", "256M", "bytes that may wait for the writer"),
    Setting("drain-seconds", "20", "longest time that a stop waits for running calls"),
    Setting("checkpoint-seconds", "600", "time between checkpoints of the view; 0: none"),
    Setting("log-level", "info", "debug, info, warning or error"),
    Setting(
        "slow-ms",
        "100",
        "log unary calls that take longer, with the times of their stages; 0: none",
    ),
    Setting("slow-lines", "1", "lines a second that slow calls may write"),
    Setting("kernel", "", "SIMD kernels: avx512, avx2 or portable; none: the best of this machine"),
)


def settings_add(parser: argparse.ArgumentParser) -> None:
    """Adds one flag per setting to a parser."""
    for setting in SETTINGS:
        shown = f"{setting.text} (default {setting.default or 'none'}, or {setting.variable})"
        parser.add_argument(f"--{setting.name}", metavar="VALUE", default=None, help=shown)


def config_read(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> Config:
    """Returns the checked configuration.

    Errors: ConfigError, naming the flag or variable that the wrong value came from.
    """
    texts, origins = _settings_collect(flags, environment)

    def number(name: str, low: int, high: int) -> int:
        return size_parse(texts[name], origins[name], low, high)

    config = Config(
        data=Path(texts["data"]),
        grpc=address_parse(texts["grpc"], origins["grpc"]),
        http=address_parse(texts["http"], origins["http"]),
        tenants=_tenants_of(texts["tenants"], origins["tenants"]),
        partition=number("partition", 0, 65_535),
        map_size=number("map-size", 1 << 20, 1 << 46),
        segment_size=number("segment-size", 1 << 17, 1 << 32),
        queue_records_max=number("queue-records", 4_096, 1 << 24),
        queue_size_max=number("queue-size", 4 << 20, 1 << 36),
        drain_s=float(number("drain-seconds", 0, 3_600)),
        checkpoint_s=float(number("checkpoint-seconds", 0, 86_400)),
        log_level=_choice(texts["log-level"], origins["log-level"], LOG_LEVELS),
        kernel=_choice(texts["kernel"], origins["kernel"], KERNELS),
        slow_ms=number("slow-ms", 0, 3_600_000),
        slow_lines_per_s=number("slow-lines", 1, 1_000),
    )
    _config_check(config, origins)
    return config


def address_parse(text: str, origin: str) -> Address:
    """Returns host and port of `host:port` or `[v6]:port`. Errors: ConfigError."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(
            f"{origin}: `{text}` is not an address; write host:port, for example 127.0.0.1:50051."
        )
    return Address(host, int(port))


def size_parse(text: str, origin: str, low: int, high: int) -> int:
    """Returns a whole number with an optional binary unit, K, M, G or T.

    Bounds: both inclusive.
    Errors: ConfigError.
    """
    found = _SIZE.match(text.strip())
    if found is None:
        raise ConfigError(
            f"{origin}: `{text}` is not a number; write digits and perhaps K, M, G or T."
        )
    value = int(found[1]) * _FACTORS[found[2].upper()]
    if not low <= value <= high:
        raise ConfigError(f"{origin}: {text} is out of bounds; choose {low} to {high}.")
    return value


def _settings_collect(
    flags: Mapping[str, str | None], environment: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    known = {setting.variable for setting in SETTINGS} | {
        "KAIROS_SHARED",
        "KAIROS_DEBUG",
        "KAIROS_CORE",
        "KAIROS_ATTACK_COUNT",
        # Of the commands that call a server.
        "KAIROS_KEY",
        "KAIROS_SALT",
    }
    unknown = sorted(
        name for name in environment if name.startswith("KAIROS_") and name not in known
    )
    if unknown:
        # A misspelt variable would otherwise be a setting that silently does not hold.
        raise ConfigError(
            f"{unknown[0]}: there is no such setting; `kairos serve --help` lists them."
        )
    texts: dict[str, str] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS:
        flag = flags.get(setting.name.replace("-", "_"))
        variable = environment.get(setting.variable)
        if flag is not None:
            texts[setting.name], origins[setting.name] = flag, f"--{setting.name}"
        elif variable is not None:
            texts[setting.name], origins[setting.name] = variable, setting.variable
        else:
            texts[setting.name], origins[setting.name] = setting.default, f"--{setting.name}"
    return texts, origins


def _choice(text: str, origin: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise ConfigError(
            f"{origin}: `{text}` is not one of {', '.join(choice or 'none' for choice in choices)}."
        )
    return text


def _tenants_of(text: str, origin: str) -> tuple[Tenant, ...]:
    if not text:
        return ()
    try:
        return tenants_read(Path(text))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{origin}: {text}: {error}") from error


def _config_check(config: Config, origins: Mapping[str, str]) -> None:
    if config.local and not config.grpc.loopback:
        raise ConfigError(
            f"{origins['grpc']}: local mode (no tenants file) binds loopback only, "
            f"not {config.grpc}; "
            "name a tenants file with --tenants to serve others."
        )
    if config.grpc == config.http and config.grpc.port != 0:
        raise ConfigError(
            f"{origins['http']}: {config.http} is already the gRPC address; choose another port."
        )
    if config.map_size < 2 * config.segment_size:
        raise ConfigError(
            f"{origins['map-size']}: the map must be at least twice the segment size."
        )
