"""The tenants of a server: a file of names, time modes and key hashes."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIME_MODES: Final = {"live": 0, "event": 1}
TENANTS_MAX: Final = 1024
_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")
_HASH: Final = re.compile(r"^[0-9a-f]{64}$")
_SETTINGS: Final = {
    "ahead_us_max": 300_000_000,
    "behind_us_max": 691_200_000_000,
    "lateness_us_max": 86_400_000_000,
    "session_gap_us": 1_800_000_000,
}
_SETTING_US_MAX: Final = 400 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant. `number` and `time_mode` never change once the tenant has data.

    Units: all `_us` in microseconds; their meaning is in docs/guides/time.md.
    """

    number: int
    name: str
    time_mode: str
    key_hashes: tuple[bytes, ...]
    ahead_us_max: int = _SETTINGS["ahead_us_max"]
    behind_us_max: int = _SETTINGS["behind_us_max"]
    lateness_us_max: int = _SETTINGS["lateness_us_max"]
    session_gap_us: int = _SETTINGS["session_gap_us"]


def tenants_read(path: Path) -> tuple[Tenant, ...]:
    """Reads a tenants file: TOML, or JSON where the name ends in `.json`.

    Errors: OSError when it cannot be read; ValueError with a sentence that names
    tenant, key and rule.
    """
    raw = path.read_bytes()
    try:
        document = json.loads(raw) if path.suffix == ".json" else tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"not a valid {'JSON' if path.suffix == '.json' else 'TOML'} file: {error}"
        ) from error
    rows = document.get("tenants") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows or set(document) != {"tenants"}:
        raise ValueError(
            "the file must hold one list `tenants` with at least one tenant; "
            "see deploy/tenants.example.toml."
        )
    if len(rows) >= TENANTS_MAX:
        raise ValueError(f"at most {TENANTS_MAX - 1} tenants fit one server.")
    tenants = tuple(_tenant_parse(row, index) for index, row in enumerate(rows))
    for key in ("name", "number"):
        values = [getattr(tenant, key) for tenant in tenants]
        if len(set(values)) != len(values):
            raise ValueError(f"two tenants have the same {key}.")
    hashes = [key_hash for tenant in tenants for key_hash in tenant.key_hashes]
    if len(set(hashes)) != len(hashes):
        raise ValueError("one key belongs to two tenants, or is named twice.")
    return tenants


def _tenant_parse(row: object, index: int) -> Tenant:
    where = f"tenants[{index}]"
    if not isinstance(row, Mapping):
        raise ValueError(f"{where} must be a table.")
    unknown = sorted(set(row) - {"number", "name", "time_mode", "key_sha256", *_SETTINGS})
    if unknown:
        raise ValueError(f"{where} has an unknown key `{unknown[0]}`.")
    number, name, mode = row.get("number"), row.get("name"), row.get("time_mode", "live")
    if type(number) is not int or not 1 <= number < 2**31:
        raise ValueError(
            f"{where}: `number` must be a whole number from 1; "
            "it identifies the tenant's data for ever."
        )
    if not isinstance(name, str) or not _NAME.match(name):
        raise ValueError(f"{where}: `name` must be 1 to 63 of a-z, 0-9, `_`, `-`.")
    if mode not in TIME_MODES:
        raise ValueError(f"{where}: `time_mode` must be `live` or `event`.")
    hashes = row.get("key_sha256", [])
    hashes = [hashes] if isinstance(hashes, str) else hashes
    if (
        not isinstance(hashes, list)
        or not hashes
        or not all(isinstance(text, str) and _HASH.match(text) for text in hashes)
    ):
        raise ValueError(
            f"{where}: `key_sha256` must be one or more hashes of 64 hexadecimal digits; "
            "`kairos key new` prints one."
        )
    settings = {
        key: _setting_parse(row[key], f"{where}: `{key}`") for key in _SETTINGS if key in row
    }
    return Tenant(number, name, mode, tuple(bytes.fromhex(text) for text in hashes), **settings)


def _setting_parse(value: object, where: str) -> int:
    if type(value) is not int or not 0 <= value <= _SETTING_US_MAX:
        raise ValueError(f"{where} must be microseconds, 0 to {_SETTING_US_MAX}.")
    return value
