"""Who does what: the caller of an administrative act, and the entry that the audit keeps of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

AUDIT_PREFIX: Final = "server/audit/"
"""Keys of stored entries. Behind it stands the complement of the id, so that a walk
in order of the keys meets the newest entry first.
"""
_ID_END: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, by which call.

    Units: `now_us` in microseconds UTC.
    """

    now_us: int
    author: str = ""
    note: str = ""
    peer: str = ""
    key_id: str = ""
    method: str = ""
    request_id: str = ""
    request_digest: str = ""
    """Hash of method and request: tells a repeat from another request under the same id."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act on one resource. Fields as in kairos.v1.AuditEntry."""

    entry_id: str
    time_us: int
    action: str
    resource: str
    version: int = 0
    etag: str = ""
    author: str = ""
    note: str = ""
    peer: str = ""
    key_id: str = ""
    method: str = ""
    request_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Key under which the entry is stored."""
        return entry_key(self.entry_id)

    def to_json(self) -> bytes:
        """Returns what is stored."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False).encode()

    @staticmethod
    def from_json(data: bytes) -> "AuditEntry":
        """Returns the entry of to_json."""
        return AuditEntry(**json.loads(data))


def entry_key(entry_id: str) -> str:
    """Returns the key of an entry.

    Errors: ValueError when the id is none
    """
    number = int(entry_id, 16)
    if entry_id != f"{number:016x}" or not 0 <= number < _ID_END:
        raise ValueError(f"{entry_id!r} is no id of an entry")
    return f"{AUDIT_PREFIX}{_ID_END - 1 - number:016x}"


def key_before(time_us: int) -> str:
    """Returns a key behind which stand exactly the entries of ids below `time_us`."""
    return f"{AUDIT_PREFIX}{_ID_END - 1 - max(0, min(time_us, _ID_END - 1)):016x}"


class AuditNumbers:
    """Gives out the ids of one tenant: the time in microseconds, or the next greater number where
    two acts share one.
    """

    def __init__(self, newest_key: str = "") -> None:
        """`newest_key`: the first key of the stored entries; empty: there are none."""
        self._last = -1
        if newest_key:
            self._last = _ID_END - 1 - int(newest_key.removeprefix(AUDIT_PREFIX), 16)

    def entry(
        self,
        actor: Actor,
        action: str,
        resource: str,
        *,
        version: int = 0,
        etag: str = "",
        details: Mapping[str, str] | None = None,
    ) -> AuditEntry:
        """Returns a new entry; it exists once the caller's record is durable."""
        self._last = max(self._last + 1, actor.now_us)
        return AuditEntry(
            f"{self._last:016x}", actor.now_us, action, resource, version, etag, actor.author,
            actor.note, actor.peer, actor.key_id, actor.method, actor.request_id,
            dict(details or {}),
        )  # fmt: skip
