"""Random messages for the wire scanner: good ones, odd ones, broken ones;
all from one seeded generator.
"""

import random
import struct
from collections.abc import Callable

NAMES = [
    b"time_on_page", b"timeOnPage", b"TimeOnPage", b"pageURL", b"page_url", b"URLPath",
    b"viewport.width", b"viewport.Width", b"a",
    b"x9Y", b"\xc3\xa9t\xc3\xa9", b"a..b",
    b".a", b"a.", b".", b"a\x00b", b"\x7f", b"A" * 65, b"a" * 128, b"a" * 129, b"aB" * 43,
    b"aB" * 42, b"url", b"eventType", b"type", b"Late", b"age", b"eventCount", b"first_seen_time",
    b"placement", b"scenario", b"", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"a b", b"quantity",
    b"sku", b"URL", b"producerSequence", b"occurred_time_us", b"userAgent", b"identifiers",
    b"SubjectType",
]  # fmt: skip
TEXTS = [
    b"", b"a", b"page_view", b"user-1", "日本語".encode(), "😀".encode(), b"\xf4\x90\x80\x80",
    b"\xf0\x80\x80\x80", b"\xe0\x80\x80",
    b"\xc3", b"\xed\xbf\xbf", b"1234567", b"12345678", b"123456789", b"1234567\xc3\xa9", b"x" * 64,
    b"x" * 65, b"x" * 128, b"x" * 129, b"x" * 256, b"x" * 257, b"x" * 1024, b"x" * 1025,
    b"x" * 8192, b"x" * 8193, b"EUR", b"usd", b"EURO", b"EU",
]  # fmt: skip
NUMBERS = [
    0, 1, 2, 3, 4, 5, 6, 9, 10, 100, 101, 127, 128, 16383, 16384, 2**31 - 1, 2**31, 2**32 - 1,
    2**32, 2**32 + 1, 2**63 - 1, 2**63,
    2**64 - 1, 253_402_300_799_999_999, 253_402_300_800_000_000, 1_700_000_000_000_000,
]  # fmt: skip
ADDRESSES = [
    b"a@b", b" Ann.Lee@Example.COM\t", b"@b", b"a@", b"a@b.", b"a@.b", b"a@b..c", b"a b@c",
    b"a@b@c",
    b"\xc3\x89@\xc3\xa9.fr", b"a\x00@b",
    b"x" * 256 + b"@b", b"+49 (0)30 1234567", b"0049301234567", b"49301234567", b"030 1234567",
    b"+1-202-555.0143", b"(202) 555/0143", b"+123456", b"++49301234567", b"+1 202 555 0143 x5",
    b"1" * 15, b"1" * 16, b"(0)4930123456", b"000", b"+",
]  # fmt: skip
DOUBLES = [0.0, -0.0, 1.5, -1e308, 5e-324, float("inf"), float("-inf"), float("nan")]


def varint(value: int, pad: int = 0) -> bytes:
    """A varint; `pad` more bytes than it needs."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    for _ in range(pad):
        out[-1] |= 128
        out.append(0)
    return bytes(out)


def field(number: int, kind: int, payload: bytes, pad: int = 0) -> bytes:
    """One encoded field; length-delimited payloads get their length."""
    return (
        varint(number << 3 | kind, pad)
        + (varint(len(payload), pad) if kind == 2 else b"")
        + payload
    )


class Cases:
    """Random messages. `odd` is the chance that a choice is taken from the forbidden or strange."""

    def __init__(self, rng: random.Random, odd: float) -> None:
        self.rng, self.odd = rng, odd

    def is_odd(self) -> bool:
        return self.rng.random() < self.odd

    def text(self) -> bytes:
        if self.is_odd():
            return self.rng.choice(TEXTS)
        return self.rng.choice(
            [
                b"a",
                b"page_view",
                b"user-1",
                "日本語".encode(),
                b"12345678",
                b"x" * self.rng.randrange(1, 65),
            ]
        )

    def number(self) -> int:
        return (
            self.rng.choice(NUMBERS)
            if self.is_odd()
            else self.rng.randrange(1, 10 ** self.rng.randrange(1, 16))
        )

    def pad(self) -> int:
        return self.rng.choice((1, 1, 2, 3, 4, 6)) if self.rng.random() < self.odd / 30 else 0

    def text_field(self, number: int, text: bytes | None = None) -> bytes:
        return field(number, 2, self.text() if text is None else text, self.pad())

    def number_field(self, number: int, value: int | None = None) -> bytes:
        return field(
            number, 0, varint(self.number() if value is None else value, self.pad()), self.pad()
        )

    def unknown(self) -> bytes:
        number = self.rng.choice((23, 24, 100, 2**29 - 1, 1, 3, 5, 6, 7))
        kind = self.rng.choice((0, 1, 2, 5))
        if self.rng.random() < 0.1:
            number, kind = (
                self.rng.choice((2**29, 0, 1, 100)),
                self.rng.choice((0, 1, 2, 3, 4, 5, 6, 7)),
            )
        payload = {0: varint(self.number()), 1: bytes(8), 5: bytes(4), 2: self.text()}.get(
            kind, b""
        )
        if kind == 3:
            payload = varint(number << 3 | 4)
        return field(number, kind, payload)

    def value(self) -> bytes:
        kind = self.rng.randrange(3, 9)
        if kind == 3:
            return self.text_field(3)
        if kind == 5:
            return field(
                5,
                1,
                struct.pack(
                    "<d", self.rng.choice(DOUBLES) if self.is_odd() else self.rng.gauss(0, 1e6)
                ),
            )
        if kind == 8 and not self.is_odd():
            return self.number_field(8, 0)
        return self.number_field(kind)

    def attribute(self, index: int) -> bytes:
        name = self.rng.choice(NAMES) if self.is_odd() else b"name_%d" % index
        fields = [
            self.text_field(1, name)
            if self.rng.random() < 0.8
            else self.number_field(2, index + 1),
            self.value(),
        ]
        if self.is_odd():
            fields.append(self.value())
        return self.join(fields)

    def consent(self, index: int) -> bytes:
        purpose = self.text() if self.is_odd() else b"purpose_%d" % index
        status = self.number() if self.is_odd() else self.rng.randrange(1, 3)
        return self.join([self.text_field(1, purpose), self.number_field(2, status)])

    def identifier(self) -> bytes:
        kind = self.number() if self.is_odd() else self.rng.randrange(1, 8)
        value = self.text()
        if kind in (3, 4):
            value = self.rng.choice(ADDRESSES if self.is_odd() else ADDRESSES[:2])
            if kind == 4 and not self.is_odd():
                value = b"+%d" % self.rng.randrange(10**6, 10**15)
        return self.join([self.number_field(1, kind), self.text_field(2, value)])

    def subject(self) -> list[bytes]:
        """A type of subject and an identifier of it."""
        kind = self.number() if self.is_odd() else self.rng.randrange(8)
        form = {3: b"a@b", 4: b"+1 202 555 0143"}.get(kind)
        return [self.number_field(22, kind), self.text_field(3, None if self.is_odd() else form)]

    def join(self, fields: list[bytes]) -> bytes:
        """Shuffles; sometimes drops, repeats and adds unknown fields."""
        self.rng.shuffle(fields)
        if self.rng.random() < self.odd and fields:
            fields.append(self.rng.choice(fields))
        if self.rng.random() < self.odd and fields:
            fields.pop(self.rng.randrange(len(fields)))
        if self.rng.random() < self.odd / 2:
            fields.insert(self.rng.randrange(len(fields) + 1), self.unknown())
        return b"".join(fields)

    def count(self, limit: int) -> int:
        if self.rng.random() < self.odd / 40:
            return self.rng.choice((limit, limit + 1))
        return self.rng.randrange(0, 8)

    def enum(self, number: int, limit: int) -> bytes:
        return self.number_field(
            number, self.number() if self.is_odd() else self.rng.randrange(limit + 1)
        )

    def event(self) -> bytes:
        """An Event."""
        fields = [self.text_field(2)]
        fields += self.subject() if self.rng.random() < 0.3 else [self.text_field(3)]
        fields += [
            self.text_field(number) for number in (1, 4, 10, 11, 12, 17) if self.rng.random() < 0.4
        ]
        if self.rng.random() < 0.5:
            fields.append(self.number_field(5))
        if self.rng.random() < 0.5:
            fields += [
                self.number_field(13),
                self.text_field(14, self.text() if self.is_odd() else b"EUR"),
            ]
        fields += [
            self.enum(number, limit)
            for number, limit in ((7, 5), (8, 9), (9, 4))
            if self.rng.random() < 0.4
        ]
        if self.rng.random() < 0.3:
            fields += [self.text_field(19), self.number_field(20)]
        if self.rng.random() < 0.3:
            fields.append(self.text_field(21))
        if self.rng.random() < 0.3:
            fields += [field(18, 2, self.identifier()) for _ in range(self.count(16))]
        for number, limit, element in (
            (6, 256, self.attribute),
            (15, 64, self.attribute),
            (16, 64, self.consent),
        ):
            fields += [field(number, 2, element(i)) for i in range(self.count(limit))]
        return self.join(fields)

    def decide(self) -> bytes:
        """A DecideRequest."""
        subject = [self.text_field(1)] + [self.text_field(2)] * (self.rng.random() < 0.3)
        context = [self.text_field(2)] + [
            self.text_field(n) for n in (3, 5) if self.rng.random() < 0.4
        ]
        context += [
            self.enum(number, limit)
            for number, limit in ((1, 9), (4, 5), (6, 4))
            if self.rng.random() < 0.4
        ]
        context += [field(7, 2, self.attribute(i)) for i in range(self.count(256))]
        constraints = [
            self.number_field(1, self.number() if self.is_odd() else self.rng.randrange(101)),
            self.number_field(2),
        ]
        fields = [field(1, 2, self.join(subject)), field(2, 2, self.join(context))]
        if self.rng.random() < 0.5:
            fields.append(field(3, 2, self.join(constraints)))
        if self.rng.random() < 0.5:
            fields.append(self.number_field(4))
        return self.join(fields)


def damage(rng: random.Random, data: bytes) -> bytes:
    """One to three changes of bytes: flipped, cut, inserted, doubled, overwritten."""
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(out) + 1)
        change = rng.randrange(5)
        if change == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            del out[at:]
        elif change == 2:
            out[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif change == 3:
            out[at:at] = out[at : at + rng.randrange(1, 20)]
        elif at < len(out):
            out[at] = rng.choice((0, 1, 127, 128, 255))
    return bytes(out)


def case(rng: random.Random, kind: str) -> bytes:
    """One random case: `kind` is event or decide."""
    shape = rng.random()
    if shape < 0.05:
        return rng.randbytes(rng.randrange(60))
    make: Callable[[Cases], bytes] = Cases.event if kind == "event" else Cases.decide
    data = make(Cases(rng, rng.choice((0.0, 0.02, 0.1, 0.3))))
    return damage(rng, data) if shape < 0.3 else data
