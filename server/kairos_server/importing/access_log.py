"""Lines of web servers' access logs (Combined and Common Log Format) as events.

Source: the Apache HTTP Server's documentation of mod_log_config, `%h %l %u %t "%r" %>s %b
"%{Referer}i" "%{User-agent}i"`, and of its escapes.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from kairos.v1 import event_pb2

from .errors import RecordError
from .values import moment_us

PAGE: Final = "page_view"
REQUEST: Final = "request"
_LINE: Final = re.compile(
    rb'(\S+) (\S+) (.+?) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)'
    rb'(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?(?:\s.*)?\Z',
    re.DOTALL,
)
_REQUEST: Final = re.compile(r"([A-Z]+) (\S+)(?: (HTTP/\d(?:\.\d)?))?\Z")
_TIME: Final = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\Z"
)
_ESCAPE: Final = re.compile(rb'\\(x[0-9a-fA-F]{2}|["\\bnrtv])')
_ESCAPES: Final = {
    b'"': b'"', b"\\": b"\\", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
# What a page brings along is not a page.
_ASSETS: Final = frozenset(
    [
        "avif",
        "bmp",
        "css",
        "eot",
        "gif",
        "ico",
        "jpeg",
        "jpg",
        "js",
        "json",
        "map",
        "mjs",
        "mp3",
        "mp4",
        "ogg",
        "otf",
        "png",
        "svg",
        "swf",
        "ttf",
        "wasm",
        "wav",
        "webm",
        "webmanifest",
        "webp",
        "woff",
        "woff2",
    ]
)
_ASSET_PATHS: Final = frozenset({"/robots.txt", "/favicon.ico", "/sitemap.xml"})
_PAGE_STATUSES: Final = frozenset({200, 203, 206, 304})


def access_event(line: bytes, salt: bytes = b"") -> event_pb2.Event:
    """Returns the event of one line: a `page_view`, or a `request` where no page was shown (another
    method than GET, an error, a redirection, or an image, a style and the like).

    The subject is the authenticated user where the log has one, else a hash of address and
    user agent under `salt`; the address itself goes nowhere.
    Errors: RecordError.
    """
    found = _LINE.match(line.rstrip(b"\r\n"))
    if found is None:
        raise RecordError("not a line of the Combined or Common Log Format")
    host, _, user, moment, request, status, size, referrer, agent = found.groups()
    agent = b"" if agent in (None, b"-") else agent
    event = event_pb2.Event(
        occurred_time_us=time_us_of(moment.decode("ascii", "replace")),
        referrer="" if referrer in (None, b"-") else _text(referrer),
        user_agent=_text(agent),
    )
    anonymous = visitor_id(host, agent, salt)
    if user == b"-":
        event.subject_id = anonymous
        event.subject_type = event_pb2.IDENTIFIER_TYPE_ANONYMOUS
    else:
        event.subject_id = _text(user)
        event.subject_type = event_pb2.IDENTIFIER_TYPE_USER
        event.identifiers.add(type=event_pb2.IDENTIFIER_TYPE_ANONYMOUS, value=anonymous)
    line_text = _text(request)
    parts = _REQUEST.match(line_text)
    code = int(status)
    if parts is None:
        event.event_type = REQUEST
        event.attributes.add(name="request_line", string_value=line_text)
    else:
        method, event.url, protocol = parts.groups()
        event.event_type = PAGE if is_page(method, event.url, code) else REQUEST
        event.attributes.add(name="method", string_value=method)
        if protocol:
            event.attributes.add(name="protocol", string_value=protocol)
    event.attributes.add(name="status", int_value=code)
    if size != b"-":
        event.attributes.add(name="bytes", int_value=int(size))
    return event


def is_page(method: str, url: str, status: int) -> bool:
    """Returns True when a request showed a page to somebody."""
    path = url.split("?", 1)[0].split("#", 1)[0]
    if method != "GET" or status not in _PAGE_STATUSES or path in _ASSET_PATHS:
        return False
    name, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return not (dot and name and suffix.lower() in _ASSETS)


@lru_cache(65_536)
def visitor_id(host: bytes, agent: bytes, salt: bytes) -> str:
    """Returns the anonymous id of who has this address and user agent: 32 hexadecimal digits."""
    return blake2b(host + b"\0" + agent, digest_size=16, key=salt).hexdigest()


@lru_cache(4_096)
def time_us_of(text: str) -> int:
    """Returns `17/May/2015:10:05:03 +0000` in microseconds since 1970. Errors: RecordError."""
    found = _TIME.match(text)
    if found is None or found[2] not in _MONTHS:
        raise RecordError(f"time: `{text[:64]}` is not like 17/May/2015:10:05:03 +0000")
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        zone = timezone(-offset if found[7] == "-" else offset) if offset else UTC
        moment = datetime(
            int(found[3]), _MONTHS[found[2]], int(found[1]), int(found[4]), int(found[5]),
            int(found[6]), tzinfo=zone,
        )  # fmt: skip
    except ValueError as error:
        raise RecordError(f"time: `{text[:64]}`: {error}") from None
    return moment_us(moment)


def _text(raw: bytes) -> str:
    if b"\\" in raw:
        raw = _ESCAPE.sub(_unescape, raw)
    return raw.decode("utf-8", "replace")


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes.fromhex(code[1:].decode()) if code[:1] == b"x" else _ESCAPES[code]
