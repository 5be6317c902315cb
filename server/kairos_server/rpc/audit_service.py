"""kairos.v1.AuditService: who changed what, and when."""

import asyncio
from collections.abc import Sequence
from typing import Final

from kairos.v1 import audit_service_pb2 as audit

from kairos_server.administration import AuditEntry, entry_key, key_before
from kairos_server.errors import Refused
from kairos_server.limits import Limits
from kairos_server.plans import Plans
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import parsed, required

SERVICE = "kairos.v1.AuditService"
SCANNED_MAX: Final = 1_000
"""Entries that one page looks at, so that a filter that nothing passes cannot hold the server."""


class AuditService:
    """Handlers of the service; ordinary generated messages."""

    def __init__(self, plans: Plans, limits: Limits) -> None:
        self._store = plans.documents
        self._limits = limits

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        return (
            Method(f"/{SERVICE}/ListAuditEntries", Kind.UNARY, unary=self._list),
            Method(f"/{SERVICE}/GetAuditEntry", Kind.UNARY, unary=self._get),
        )

    async def _list(self, request: bytes, call: Call) -> bytes:
        message = parsed(audit.ListAuditEntriesRequest, request)
        size, after = page_read(SERVICE, message.page_size, message.page_token, self._limits)
        start_us = message.start_time_us if message.HasField("start_time_us") else 0
        end_us = message.end_time_us if message.HasField("end_time_us") else None
        if end_us is not None and end_us < start_us:
            raise Refused("FILTER_INVALID", "end_time_us", str(end_us))
        key = after[1] if after else "" if end_us is None else key_before(end_us)
        rows = self._store.audit_rows(call.tenant, key, SCANNED_MAX)
        response = audit.ListAuditEntriesResponse()
        scanned = await asyncio.to_thread(_scan, rows, message, start_us, size)
        response.entries.extend(_message(entry) for entry in scanned.entries)
        if scanned.last is not None and (scanned.last != rows[-1][0] or len(rows) == SCANNED_MAX):
            response.next_page_token = page_token(SERVICE, (0, scanned.last))
        return response.SerializeToString()

    async def _get(self, request: bytes, call: Call) -> bytes:
        message = parsed(audit.GetAuditEntryRequest, request)
        try:
            key = entry_key(required("entry_id", message.entry_id))
        except ValueError:
            raise Refused("DOCUMENT_NOT_FOUND", "entry_id", message.entry_id) from None
        entry = self._store.audit_entry(call.tenant, key)
        if entry is None:
            raise Refused("DOCUMENT_NOT_FOUND", "entry_id", message.entry_id)
        return audit.GetAuditEntryResponse(entry=_message(entry)).SerializeToString()


class _Scanned:
    """Entries of one page; `last`: the key where the next page goes on, None at the end."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.last: str | None = None


def _scan(
    rows: Sequence[tuple[str, bytes]],
    message: audit.ListAuditEntriesRequest,
    start_us: int,
    size: int,
) -> _Scanned:
    result = _Scanned()
    for key, value in rows:
        if len(result.entries) == size:
            return result
        entry = AuditEntry.from_json(value)
        # Ids, which give the order, never lie before the time of their act.
        if int(entry.entry_id, 16) < start_us:
            result.last = None
            return result
        result.last = key
        if (
            entry.time_us >= start_us
            and entry.resource.startswith(message.resource_prefix)
            and message.action in ("", entry.action)
            and message.author in ("", entry.author)
        ):
            result.entries.append(entry)
    return result


def _message(entry: AuditEntry) -> audit.AuditEntry:
    return audit.AuditEntry(
        entry_id=entry.entry_id,
        time_us=entry.time_us,
        action=entry.action,
        resource=entry.resource,
        version=entry.version,
        etag=entry.etag,
        author=entry.author,
        note=entry.note,
        peer=entry.peer,
        key_id=entry.key_id,
        method=entry.method,
        request_id=entry.request_id,
        details=[audit.AuditDetail(name=n, value=v) for n, v in entry.details.items()],
    )
