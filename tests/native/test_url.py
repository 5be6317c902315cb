"""Addresses against ada (the URL parser of Node.js), on the web platform's own cases, on random
ones, and on the table of sites.
"""

import json
import random
from pathlib import Path
from urllib.parse import parse_qsl

import ada_url
import pytest
import url_door

# Of another scheme, so that `http:path` is not read as relative: an event has no base.
BASE = "ftp://base.example/"


def expected(text: str) -> tuple[str | None, str | None, list[tuple[str, str]]]:
    """(host, path, parameters) as a browser reads them; host None where it is no address."""
    url = ada_url.URL(text, BASE)
    pairs = parse_qsl(url.search[1:], keep_blank_values=True, errors="replace")
    return url.hostname, url.pathname, pairs


def is_web(text: str) -> bool:
    """Whether the text is a full address of the web, in any spelling that browsers take."""
    clean = text.strip("".join(map(chr, range(33)))).translate({9: None, 10: None, 13: None})
    return clean.lower().startswith(("http:", "https:"))


def compare(text: str) -> bool:
    """Compares one web address with ada; False where one of the documented differences applies."""
    kind, host, path, pairs = url_door.split(text.encode())
    try:
        their_host, their_path, their_pairs = expected(text)
    except ValueError:
        # What is no address has no host.
        if host is not None and (b"xn--" in host or max(host) > 127):
            return False
        assert host is None, (text, host)
        return True
    decoded = [(name.decode(), value.decode()) for name, value in pairs]
    assert decoded == their_pairs, text
    if "xn--" in their_host or len(their_host) > 255 or (host and max(host) > 127):
        return False
    assert kind == "web", text
    assert (host or b"").decode() == their_host, text
    assert (path or b"").decode() == their_path, text
    return True


def test_the_web_platform_s_cases(shared: Path) -> None:
    """Every case of http and https that stands alone: the same host and path, or refused."""
    text = (shared / "data" / "suites" / "url" / "urltestdata.json").read_text()
    cases = [case for case in json.loads(text) if isinstance(case, dict)]
    compared = differ = 0
    for case in cases:
        text = case["input"]
        try:
            text.encode()
        except UnicodeEncodeError:
            continue
        if not is_web(text):
            continue
        if compare(text):
            compared += 1
        else:
            differ += 1
    print(f"\n{compared} cases agree, {differ} fall under the documented differences")
    assert compared > 150


PIECES = [
    "http://", "https://", "HTTP://", "http:/", "http:\\\\", "//", "/", "\\", "a.example", "A.B",
    "user@", "u:p@", "@", ":80", ":443", ":", ":99999", "[::1]", "[1:2::8]", "[fe80::1%25]", "[",
    "127.1", "0x7f.1", "1.2.3.4.5", "256.1.1.1", "0300.1", "4294967296", "..", ".", "%2e", "%2E%2e",
    "%41", "%", "%zz", "b c", "?", "&", "=", "utm_source", "x=1", "+", "%20", "%ff", "%C3%A9", "#",
    "\t", "\n", " ", "é", "😀", "|", "^", "{", "\"", "<", "`", "~", "x" * 70, "&&", "=a", "a=",
]  # fmt: skip


def test_random_addresses_agree_with_ada() -> None:
    rng = random.Random(11)
    compared = 0
    for _ in range(20_000):
        text = rng.choice(("http://", "https://", "http:")) + "".join(
            rng.choices(PIECES, k=rng.randrange(1, 9))
        )
        compared += compare(text)
    assert compared > 5_000


@pytest.mark.parametrize(
    ("text", "kind", "host", "path"),
    [
        ("/pricing?x=1#y", "relative", None, b"/pricing"),
        ("/a/../b/./c", "relative", None, b"/b/c"),
        ("?x=1", "relative", None, None),
        ("", "relative", None, None),
        ("//CDN.example/x", "web", b"cdn.example", b"/x"),
        ("pricing/plans", "other", None, None),
        ("example.com/x", "other", None, None),
        ("app://screen/cart", "other", None, None),
        ("javascript:alert(1)", "other", None, None),
        ("https://shop.example", "web", b"shop.example", b"/"),
        ("https://Bücher.example/x", "web", "bücher.example".encode(), b"/x"),
        ("https://" + "a" * 256, "web", None, b"/"),
        ("https://[2001:DB8:0:0:1:0:0:1]/", "web", b"[2001:db8::1:0:0:1]", b"/"),
    ],
)  # fmt: skip
def test_what_events_send(text: str, kind: str, host: bytes | None, path: bytes | None) -> None:
    assert url_door.split(text.encode())[:3] == (kind, host, path)


def test_values_decode_as_forms_do() -> None:
    rng = random.Random(3)
    pieces = [
        "a",
        "é",
        "%",
        "%4",
        "%41",
        "+",
        "%e2%82%ac",
        "%e2%82",
        "%ff",
        "%f0%9f%98",
        "%00",
        "%ed%a0%80",
    ]
    for _ in range(20_000):
        text = "".join(rng.choices(pieces, k=rng.randrange(8)))
        found = url_door.decode(text.encode(), 1000).decode()
        (_, theirs) = parse_qsl(f"x={text}", keep_blank_values=True, errors="replace")[0]
        assert found == theirs, text
        for limit in (0, 1, 2, 3, 5):
            cut = url_door.decode(text.encode(), limit)
            assert len(cut) <= limit
            assert found.startswith(cut.decode())


def test_the_tables_are_sorted() -> None:
    """They are searched by halves."""
    for name, rows in url_door.tables().items():
        names = [row[0] for row in rows]
        assert names == sorted(set(names)), name
        assert all(row[1] for row in rows)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("google.com", "search"), ("www.google.co.uk", "search"), ("google.de", "search"),
        ("mail.google.com", "email"), ("mail.yahoo.com", "email"),
        ("de.search.yahoo.com", "search"),
        ("images.google.com.br", "search"), ("google.example.com", "referral"),
        ("notgoogle.com", "referral"), ("bing.com", "search"), ("yandex.ru", "search"),
        ("m.facebook.com", "social"), ("t.co", "social"), ("at.co", "referral"),
        ("old.reddit.com", "social"), ("pinterest.at", "social"), ("my.mail.ru", "social"),
        ("e.mail.ru", "email"), ("example.org", "referral"), ("", "referral"),
        ("google.museum", "referral"),
    ],
)  # fmt: skip
def test_sites(host: str, source: str) -> None:
    assert url_door.source_of(host.encode()) == source


def test_every_row_finds_itself() -> None:
    for host, source in url_door.tables()["hosts"]:
        assert url_door.source_of(host.encode()) == source
        assert url_door.source_of(b"www." + host.encode()) == source
