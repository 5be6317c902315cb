"""Versions of documents: what each change left behind."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from kairos_server.catalog import StoredDocument

VERSION_PREFIX: Final = "server/version/"
DRAFT_PREFIX: Final = "server/draft/"
REMOVED_PREFIX: Final = "server/removed/"
_TRIMMED_MAX: Final = 32
"""Old versions that one change removes at most, so that a lowered policy takes effect in steps."""

Range = Callable[[str, str, int], list[tuple[str, bytes]]]
"""Engine.documents_range of one tenant: prefix, after, count."""


class Change(StrEnum):
    """What a change did; names of kairos.v1.DocumentChange."""

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    REMOVED = "REMOVED"
    DRAFTED = "DRAFTED"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document; `text` is empty in a removal."""

    kind: str
    id: str
    version: int
    change: Change
    text: str
    etag: str
    cel: str
    author: str
    note: str
    create_time_us: int
    update_time_us: int
    entry_id: str

    @property
    def name(self) -> str:
        """`kind/id`."""
        return f"{self.kind}/{self.id}"

    @property
    def key(self) -> str:
        """Key under which the version is stored; versions of one document stand in their order."""
        return version_key(self.name, self.version)

    def to_json(self) -> bytes:
        """Returns what is stored."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False).encode()

    @staticmethod
    def from_json(data: bytes) -> "Version":
        """Returns the version of to_json."""
        fields = json.loads(data)
        fields["change"] = Change(fields["change"])
        return Version(**fields)


def version_of(document: StoredDocument, change: Change, entry_id: str) -> Version:
    """Returns the version that a stored document is."""
    return Version(
        document.kind, document.id, document.version, change, document.text, document.etag,
        document.cel, document.author, document.note, document.create_time_us,
        document.update_time_us, entry_id,
    )  # fmt: skip


def version_key(name: str, version: int) -> str:
    """Returns the key of one version of a document."""
    # An id holds no slash, so that the versions of one document are no prefix of another's.
    return f"{VERSION_PREFIX}{name}/{version:010d}"


def versions_trimmed(
    read: Range, name: str, newest: int, kept_count: int
) -> list[tuple[str, bytes]]:
    """Returns the removals of versions that are no longer kept once `newest` is stored.

    Cost: nothing before a document has more than `kept_count` versions, then one read
    """
    first = newest - kept_count + 1
    if first <= 1:
        return []
    prefix = f"{VERSION_PREFIX}{name}/"
    end = version_key(name, first)
    return [(key, b"") for key, _ in read(prefix, "", _TRIMMED_MAX) if key < end]


def versions_page(read: Range, name: str, end: int, count: int) -> list[Version]:
    """Returns the versions below `end` that are kept, newest first, up to `count`.

    Cost: one read; the numbers of a document's versions have no gaps
    """
    prefix = f"{VERSION_PREFIX}{name}/"
    rows = read(prefix, version_key(name, max(0, end - 1 - count)), count)
    versions = [Version.from_json(value) for _, value in rows]
    return [item for item in reversed(versions) if item.version < end]
