"""Prints seeds for the fuzzer of the wire scanner, one "kind hex" a line: good and odd messages,
and the crowded ones that mutation alone is slow to find. Run as `python tests/fuzz/wire_seeds.py`
with tests/ and tests/doors on the path."""

import itertools
import random

import hash_door
from reference.wire_cases import Cases, field, varint

KINDS = {
    "event": 0, "decide": 1, "find": 2, "batch": 3, "evaluate": 4, "name": 5, "url": 6,
    "normalise": 0xFF07,
}  # fmt: skip
URLS = (
    b"https://u:p@Shop.Example:443/a/../b%2e/c d?q=1&utm_source=a%20b+c&x&=&utm_medium=cpc#f",
    b"http://[2001:db8::1]:80\\x?utm_term=%ff%e2%82", b"//0x7f.1/%2E%2e/..", b" /p\t?q\n=1",
    b"app://x/y?q=1", b"?gclid=1&fbclid=2", b"mailto:a@b", b"",
)  # fmt: skip


def attribute(name: bytes, text: bytes = b"x") -> bytes:
    return field(1, 2, name) + field(3, 2, text)


def colliding_names(space: int, count: int) -> list[bytes]:
    names = (b"n%d" % i for i in itertools.count())
    return list(itertools.islice((n for n in names if hash_door.hash64(space, n) % 64 == 5), count))


def seeds() -> list[tuple[str, bytes]]:
    good, odd = Cases(random.Random(1), 0.0), Cases(random.Random(2), 0.1)
    found = [("event", cases.event()) for cases in (good, odd) for _ in range(40)]
    found += [("decide", cases.decide()) for cases in (good, odd) for _ in range(40)]
    outer = field(2, 2, b"page_view") + field(3, 2, b"u")
    found += [
        (
            "event",
            outer + b"".join(field(6, 2, attribute(name)) for name in colliding_names(2, 30)),
        ),
        (
            "event",
            outer
            + b"".join(
                field(6, 2, field(2, 0, varint(i << 9)) + field(4, 0, b"\1")) for i in range(1, 257)
            ),
        ),
        (
            "event",
            outer + b"".join(field(15, 2, attribute(name)) for name in colliding_names(4, 30)),
        ),
        ("event", outer + field(6, 2, attribute(b"n", b"x" * 8193))),
        ("event", outer + field(15, 2, attribute(b"n", b"x" * 1025))),
        ("event", outer + field(11, 2, b"x" * 8193)),
        ("event", outer + field(18, 2, field(1, 0, b"\7") + field(2, 2, b"a")) * 17),
        (
            "event",
            outer
            + b"".join(
                field(18, 2, field(1, 0, varint(kind)) + field(2, 2, value))
                for kind in (3, 4)
                for value in (b" Ann@B.c", b"+1 (202) 555-0143", b"0049(0)301234567")
            ),
        ),
        ("event", outer + field(19, 2, b"p") + field(20, 0, varint(7)) + field(21, 2, b"Mozilla")),
        ("event", field(2, 2, b"a") + field(3, 2, b"a@b.c") + field(22, 0, b"\3")),
    ]
    events = [data for kind, data in found[:4]]
    found += [
        ("find", field(1, 2, events[0])),
        ("batch", b"".join(field(1, 2, event) for event in events)),
        ("evaluate", field(1, 2, events[1]) + field(2, 2, b"big_basket") * 2),
    ]
    found += [("url", url) for url in URLS]
    found += [
        ("normalise", outer + field(11, 2, url) + field(12, 2, other) + events[0])
        for url in URLS
        for other in URLS[:3]
    ]
    return found + [
        ("name", name) for name in (b"timeOnPage", b"viewport.screenWidth", b"URLPath", b"a" * 128)
    ]


if __name__ == "__main__":
    for kind, data in seeds():
        print(KINDS[kind], data.hex())
