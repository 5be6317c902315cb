"""Idempotency by request id: the first answer, kept in the log for a while."""

import base64
import json
import re
from asyncio import Future
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kairos_server.errors import Refused

from .acts import Actor

REQUEST_PREFIX: Final = "server/request/"
REQUEST_KEPT_US: Final = 3_600_000_000
REQUESTS_KEPT_MAX: Final = 100_000
"""Of one tenant; above it the oldest are forgotten before their time, which bounds memory."""
SWEPT_MAX: Final = 64
"""Expired requests that one record removes: more than it adds, so that they never pile up."""
_REQUEST_ID: Final = re.compile(r"[!-~]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: str
    expire_us: int


class Requests:
    """The requests of one tenant that were answered within the last 60 minutes.

    Owns: an index in memory; the answers stay in the view.
    """

    def __init__(self, stored: Mapping[str, bytes]) -> None:
        """`stored`: what Engine.documents_of gives for REQUEST_PREFIX."""
        rows = sorted(
            (row["expire_us"], key.removeprefix(REQUEST_PREFIX), row["digest"])
            for key, value in stored.items()
            for row in [json.loads(value)]
        )
        self._kept = {name: _Kept(digest, expire_us) for expire_us, name, digest in rows}
        self.running: dict[str, Future[None]] = {}
        """Requests that are being worked at, so that a repeat waits for the first."""

    def known(self, actor: Actor) -> bool:
        """Returns whether the request was answered before.

        Errors: Refused(REQUEST_ID_REUSED) when the id stands for another request
        """
        kept = self._kept.get(actor.request_id)
        if kept is None or kept.expire_us <= actor.now_us:
            return False
        if kept.digest != actor.request_digest:
            raise Refused("REQUEST_ID_REUSED", "request_id", actor.request_id)
        return True

    def entries(self, actor: Actor, response: bytes) -> list[tuple[str, bytes]]:
        """Returns what to store so that a repeat gets this answer; removes what has expired."""
        if not actor.request_id:
            return []
        expire_us = actor.now_us + REQUEST_KEPT_US
        row = {
            "digest": actor.request_digest,
            "expire_us": expire_us,
            "response": base64.b64encode(response).decode(),
        }
        value = json.dumps(row, separators=(",", ":")).encode()
        return [*self._swept(actor), (REQUEST_PREFIX + actor.request_id, value)]

    def stored(self, actor: Actor) -> None:
        """Tells that the record of `entries` is durable."""
        for key, _ in self._swept(actor):
            del self._kept[key.removeprefix(REQUEST_PREFIX)]
        self._kept.pop(actor.request_id, None)
        self._kept[actor.request_id] = _Kept(actor.request_digest, actor.now_us + REQUEST_KEPT_US)

    def _swept(self, actor: Actor) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for name, kept in self._kept.items():
            full = len(self._kept) - len(found) >= REQUESTS_KEPT_MAX
            if len(found) == SWEPT_MAX or not (full or kept.expire_us <= actor.now_us):
                break
            if name != actor.request_id:
                found.append((REQUEST_PREFIX + name, b""))
        return found


def answer_of(value: bytes) -> bytes:
    """Returns the answer in a stored row."""
    return base64.b64decode(json.loads(value)["response"])


def request_id_check(request_id: str) -> None:
    """Refuses what is no request id.

    Errors: Refused(REQUEST_ID_INVALID)
    """
    if request_id and not _REQUEST_ID.match(request_id):
        raise Refused("REQUEST_ID_INVALID", "request_id", request_id)
