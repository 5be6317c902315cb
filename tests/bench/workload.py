"""The standard ingest workload: 1,000 triggers, events of 12 attributes, and a plain
recomputation of what fires.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_server.catalog import DocumentInput

SUBJECTS = 1_000_000
RULES = 1_000
BATCH = 1_000
START_US = 1_600_000_000_000_000
EVENT_TYPES = ("view", "click", "purchase")
TEXTS = ("country", "category", "campaign", "page_group", "browser")
NUMBERS = (
    "quantity",
    "scroll_depth",
    "time_on_page",
    "cart_value",
    "items_viewed",
    "search_results",
    "load_ms",
)
TEXT_VALUES = 8
NUMBER_VALUES = 1_000
# Three kinds of features, all of which equal a plain count as long as events lie close together in
# time. The decayed count
# lies a little below it, hence the half.
FEATURES = (
    ('count("click") >= {}', "click", 0.0),
    ('count("purchase", "7d") >= {}', "purchase", 0.0),
    ('decayed("click", "24h") >= {}', "click", 0.5),
    ('count("*") >= {}', "*", 0.0),
)
FEATURE_SHARE = 4
OTHER_FEATURES = (
    'count("view", "24h")',
    'sum("purchase", "quantity")',
    'session_count("click")',
    'decayed("view", "7d")',
    'sum("purchase", "cart_value", "30d")',
    'count("view", {"category": "category-1"})',
    'session_sum("click", "quantity")',
    'count("purchase")',
)


@dataclass(frozen=True, slots=True)
class Rule:
    """texts: attribute -> allowed values; numbers: attribute -> low <= x < high; feature: (index
    in FEATURES, threshold).
    """

    texts: dict[str, frozenset[str]]
    numbers: dict[str, tuple[int, int]]
    feature: tuple[int, int] | None

    def condition(self) -> str:
        """Returns the rule in CEL."""
        parts = [f"event.{name} in {json.dumps(sorted(v))}" for name, v in self.texts.items()]
        parts += [
            f"event.{name} >= {low} && event.{name} < {high}"
            for name, (low, high) in self.numbers.items()
        ]
        if self.feature is not None:
            text, _, less = FEATURES[self.feature[0]]
            parts.append(text.format(self.feature[1] - less))
        return " && ".join(parts)

    def holds(self, values: dict[str, str | int], counts: Counter[str]) -> bool:
        """Recomputes the rule in plain Python."""
        if any(values[name] not in allowed for name, allowed in self.texts.items()):
            return False
        numbers = self.numbers.items()
        if any(not low <= int(values[name]) < high for name, (low, high) in numbers):
            return False
        return self.feature is None or counts[FEATURES[self.feature[0]][1]] >= self.feature[1]


def rules_of(count: int = RULES, seed: int = 1) -> list[Rule]:
    """Returns rules of 3 to 5 predicates of which about 1 % match an event."""
    draw = random.Random(seed)
    rules = []
    for index in range(count):
        size = draw.choice((3, 4, 5))
        feature = None
        if index % FEATURE_SHARE == 0:
            feature = (index // FEATURE_SHARE % len(FEATURES), draw.randrange(1, 12))
            size -= 1
        chosen = draw.sample(TEXTS + NUMBERS, size)
        texts, numbers = {}, {}
        for name in chosen:
            if name in TEXTS:
                picked = draw.sample(range(TEXT_VALUES), draw.choice((2, 3)))
                texts[name] = frozenset(f"{name}-{i}" for i in picked)
            else:
                low = draw.randrange(0, NUMBER_VALUES - 300, 10)
                numbers[name] = (low, low + draw.randrange(200, 360, 10))
        rules.append(Rule(texts, numbers, feature))
    return rules


def documents_of(rules: Sequence[Rule]) -> list[DocumentInput]:
    """Returns the tenant's documents: a schema, a score that keeps further features, and one
    trigger per rule.
    """
    names = dict.fromkeys(TEXTS, "string") | dict.fromkeys(NUMBERS, "int")
    bodies: list[dict[str, object]] = [
        {"kind": "schema", "id": "main", "attributes": names, "purposes": ["marketing"]},
        {
            "kind": "score",
            "id": "engagement",
            "type": "engagement",
            "terms": [{"feature": feature, "weight": 0.1} for feature in OTHER_FEATURES],
        },
    ]
    bodies += [
        {
            "kind": "trigger",
            "id": f"trigger-{i:04}",
            "condition": rule.condition(),
            "actions": [{"type": "notify", "parameters": {"team": "growth"}}],
        }
        for i, rule in enumerate(rules)
    ]
    return [
        DocumentInput(kind=str(body["kind"]), document_id=str(body["id"]), body=json.dumps(body))
        for body in bodies
    ]


class Events:
    """Makes encoded batches. Attributes are encoded once each and joined, because protobuf would
    take most of a run's time.

    Every event has its own id and lies 1 ms after the one before, over all batches that this object
    makes.
    """

    def __init__(self, seed: int = 2, subjects: int = SUBJECTS) -> None:
        self._draw = np.random.default_rng(seed)
        self._subjects = subjects
        weights = 1.0 / np.arange(1, subjects + 1)
        self._cumulated = np.cumsum(weights / weights.sum())
        self._made = 0
        self._texts = [
            [_attribute(name, string_value=f"{name}-{v}") for v in range(TEXT_VALUES)]
            for name in TEXTS
        ]
        self._numbers = [
            [_attribute(name, int_value=v) for v in range(NUMBER_VALUES)] for name in NUMBERS
        ]
        self._types = [_field(2, name.encode()) for name in EVENT_TYPES]

    def fill(self) -> Iterator[bytes]:
        """Yields batches with one small event of each subject: what makes a million subjects
        exist.
        """
        for first in range(0, self._subjects, BATCH):
            batch = [
                self._types[0]
                + _field(3, b"subject-%d" % subject)
                + self._occurred()
                + self._texts[0][subject % TEXT_VALUES]
                for subject in range(first, min(first + BATCH, self._subjects))
            ]
            yield b"".join(_field(1, event) for event in batch)

    def batches(self, count: int, *, zipf: bool, size: int = BATCH) -> list[bytes]:
        """Returns batches of events with 12 attributes; subjects by Zipf's law with exponent 1,
        or uniform.
        """
        total = count * size
        if zipf:
            subjects = np.searchsorted(self._cumulated, self._draw.random(total))
            subjects = np.minimum(subjects, self._subjects - 1)
        else:
            subjects = self._draw.integers(0, self._subjects, total)
        types = self._draw.integers(0, len(EVENT_TYPES), total)
        texts = self._draw.integers(0, TEXT_VALUES, (total, len(TEXTS)))
        numbers = self._draw.integers(0, NUMBER_VALUES, (total, len(NUMBERS)))
        events = [
            self._event(*row)
            for row in zip(
                subjects.tolist(), types.tolist(), texts.tolist(), numbers.tolist(), strict=True
            )
        ]
        return [
            b"".join(_field(1, event) for event in events[i : i + size])
            for i in range(0, total, size)
        ]

    def _event(self, subject: int, kind: int, texts: list[int], numbers: list[int]) -> bytes:
        return b"".join(
            (
                _field(1, b"event-%012d" % self._made),
                self._types[kind],
                _field(3, b"subject-%d" % subject),
                self._occurred(),
                *map(list.__getitem__, self._texts, texts),
                *map(list.__getitem__, self._numbers, numbers),
            )
        )

    def _occurred(self) -> bytes:
        self._made += 1
        return b"\x28" + _varint(START_US + self._made * 1_000)


def events_in(batch: bytes) -> list[event_pb2.Event]:
    """Returns the events of a batch as protobuf reads them."""
    return list(ingest_service_pb2.IngestBatchRequest.FromString(batch).events)


def attributes_of(event: event_pb2.Event) -> dict[str, str | int]:
    """Returns the attributes as a dict, as the control reads them."""
    return {a.name: getattr(a, a.WhichOneof("value")) for a in event.attributes}


def fired_expected(
    rules: Sequence[Rule], events: Sequence[event_pb2.Event], filled: str = "view"
) -> list[list[str]]:
    """Recomputes which triggers each of some events fires, when every subject had one event of
    type `filled` before.
    """
    counts: dict[str, Counter[str]] = {}
    answers = []
    for event in events:
        seen = counts.setdefault(event.subject_id, Counter({filled: 1, "*": 1}))
        seen[event.event_type] += 1
        seen["*"] += 1
        values = attributes_of(event)
        answers.append(
            [f"trigger-{i:04}" for i, rule in enumerate(rules) if rule.holds(values, seen)]
        )
    return answers


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(number: int, data: bytes) -> bytes:
    size = len(data)
    if size < 0x80:
        return bytes((number << 3 | 2, size)) + data
    return bytes((number << 3 | 2,)) + _varint(size) + data


def _attribute(name: str, **value: object) -> bytes:
    return _field(6, event_pb2.Attribute(name=name, **value).SerializeToString())
