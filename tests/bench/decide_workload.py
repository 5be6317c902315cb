"""The standard decision workload: a placement with candidates, one condition and 64 weights each,
and a plain recomputation.
"""

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kairos.v1 import event_pb2, ingest_service_pb2, personalization_service_pb2
from kairos_native.engine import LIMITS, Engine
from kairos_server.catalog import Catalog, DocumentInput, build_image

TENANT = 1
START_US = 1_600_000_000_000_000
EVENT_TYPES = tuple(f"event_{i}" for i in range(12))
CONTEXT_TEXTS = tuple(f"segment_{i}" for i in range(4))
CONTEXT_NUMBERS = tuple(f"signal_{i}" for i in range(16))
TRAITS = tuple(f"trait_{i}" for i in range(8))
TEXT_VALUES = 8
NUMBER_VALUES = 1_000
HALF_LIFE_US = 86_400_000_000
TOP = 10
WEIGHTS = 64
DOCUMENTS_PER_CALL = 9_000
CONSENT_EVERY = 10
"""One subject in so many has not consented to anything."""
SOURCES = (
    *(f'count("{name}")' for name in EVENT_TYPES),
    *(f'decayed("{name}", "24h")' for name in EVENT_TYPES),
    *(f'count("{name}", "24h")' for name in EVENT_TYPES[:2]),
    *(f'session_count("{name}")' for name in EVENT_TYPES[:6]),
    *(f"profile.{name}" for name in TRAITS),
    *(f"context.{name}" for name in CONTEXT_NUMBERS),
    "profile.event_count",
    "profile.session_count",
    "session.event_count",
    "session.ordinal",
    'sum("event_0", "amount")',
    'sum("event_1", "amount")',
    'session_sum("event_0", "amount")',
    'session_sum("event_1", "amount")',
)
assert len(SOURCES) == WEIGHTS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A content: it is allowed where all its texts, its numbers and its count hold; `weights` in
    the order of SOURCES.
    """

    texts: dict[str, frozenset[str]]
    numbers: dict[str, tuple[int, int]]
    counted: str | None
    personal: bool
    bias: float
    weights: np.ndarray

    def condition(self) -> str:
        """Returns the eligibility in CEL."""
        parts = [f"context.{name} in {json.dumps(sorted(v))}" for name, v in self.texts.items()]
        parts += [
            f"context.{name} >= {low} && context.{name} < {high}"
            for name, (low, high) in self.numbers.items()
        ]
        if self.counted is not None:
            parts.append(f'count("{self.counted}") < 1')
        return " && ".join(parts)


def candidates_of(count: int, seed: int = 5) -> list[Candidate]:
    """Returns candidates of which about 1 % are allowed for a request."""
    draw = random.Random(seed)
    weights = np.random.default_rng(seed).normal(0.0, 0.1, (count, WEIGHTS)).astype(np.float32)
    made = []
    for index in range(count):
        chosen = draw.sample(CONTEXT_TEXTS + CONTEXT_NUMBERS, draw.choice((3, 4, 4, 5)))
        texts, numbers = {}, {}
        for name in chosen:
            if name in CONTEXT_TEXTS:
                picked = draw.sample(range(TEXT_VALUES), draw.choice((2, 3)))
                texts[name] = frozenset(f"{name}-{i}" for i in picked)
            else:
                low = draw.randrange(0, NUMBER_VALUES - 300, 10)
                numbers[name] = (low, low + draw.randrange(250, 400, 10))
        counted = draw.choice(EVENT_TYPES) if index % 4 == 0 else None
        # Signals go up to a thousand: their weights are small, or the logistic would be 0 or 1 for
        # everyone.
        weights[index, 40:56] *= 0.001
        made.append(
            Candidate(
                texts,
                numbers,
                counted,
                index % 2 == 0,
                round(draw.uniform(-1, 1), 3),
                weights[index],
            )
        )
    return made


def documents_of(candidates: list[Candidate]) -> list[DocumentInput]:
    """Returns the tenant's documents."""
    fields = dict.fromkeys(CONTEXT_TEXTS, "string") | dict.fromkeys(CONTEXT_NUMBERS, "int")
    bodies: list[dict[str, object]] = [
        {
            "kind": "schema",
            "id": "main",
            "attributes": {"amount": "int"},
            "traits": dict.fromkeys(TRAITS, "double"),
            "context": fields,
            "purposes": ["marketing", "personalization"],
        },
        {"kind": "placement", "id": "hero", "fallback": "default"},
        {"kind": "content", "id": "default", "payload": {"hook": "default"}},
    ]
    bodies += [
        {
            "kind": "content",
            "id": f"content-{i:05}",
            "placements": ["hero"],
            "eligibility": candidate.condition(),
            "purposes": ["personalization"] if candidate.personal else [],
            "ttl": "15m",
            "payload": {"hook": f"hook {i}", "call_to_action": "Learn more"},
            "score": {
                "type": "logistic",
                "bias": candidate.bias,
                "terms": [
                    {"feature": source, "weight": float(weight)}
                    for source, weight in zip(SOURCES, candidate.weights, strict=True)
                ],
            },
        }
        for i, candidate in enumerate(candidates)
    ]
    return [
        DocumentInput(kind=str(body["kind"]), document_id=str(body["id"]), body=json.dumps(body))
        for body in bodies
    ]


def image_of(candidates: list[Candidate]) -> bytes:
    """Returns the plan image of all documents, applied in as many calls as their limit asks for."""
    documents = documents_of(candidates)
    catalog = Catalog.from_documents(TENANT, {})
    for first in range(0, len(documents), DOCUMENTS_PER_CALL):
        applied = catalog.apply(documents[first : first + DOCUMENTS_PER_CALL], [], "", "", 0)
        catalog = applied.catalog
    return build_image(applied.model)


class World:
    """An engine with the plan of some candidates and subjects of one event each.

    Owns: the engine, until close.
    """

    def __init__(
        self, folder: Path, candidates: list[Candidate], image: bytes, subjects: int
    ) -> None:
        self.candidates = candidates
        self.subjects = subjects
        self.engine = Engine.open(str(folder), now_us=time.time_ns() // 1000)
        now_us = time.time_ns() // 1000
        settings = self.engine.tenant_settings(TENANT, "bench", b"k" * 16, 1, now_us)
        self.engine.commit([settings], now_us)
        plan = self.engine.store_plan(image)
        self.engine.commit([self.engine.activation(TENANT, plan, now_us)], now_us)

    def fill(self) -> None:
        """Ingests one event per subject, as many per commit as a commit may hold."""
        now_us = time.time_ns() // 1000
        group = []
        for batch in self._fill_batches():
            group.append(self.engine.check_batch(TENANT, batch, now_us))
            if len(group) * LIMITS["batch_events_max"] + LIMITS["batch_events_max"] > 4096:
                self.engine.commit(group, now_us)
                group = []
        self.engine.commit(group, now_us)
        assert self.engine.figures()["event_count"] == self.subjects

    def _fill_batches(self) -> Iterator[bytes]:
        size = LIMITS["batch_events_max"]
        for first in range(0, self.subjects, size):
            events = [_fill_event(i) for i in range(first, min(first + size, self.subjects))]
            yield ingest_service_pb2.IngestBatchRequest(events=events).SerializeToString()

    def requests(self, count: int, seed: int) -> list[tuple[int, dict[str, str | int], bytes]]:
        """Returns (subject, context, encoded request) of random subjects under random
        circumstances.
        """
        draw = random.Random(seed)
        made = []
        for _ in range(count):
            subject = draw.randrange(self.subjects)
            context: dict[str, str | int] = {
                name: f"{name}-{draw.randrange(TEXT_VALUES)}" for name in CONTEXT_TEXTS
            }
            context |= {name: draw.randrange(NUMBER_VALUES) for name in CONTEXT_NUMBERS}
            request = personalization_service_pb2.DecideRequest(
                subject=personalization_service_pb2.Subject(id=f"subject-{subject}"),
                context=personalization_service_pb2.Context(placement="hero"),
                constraints=personalization_service_pb2.Constraints(max_variants=TOP),
            )
            for name, value in context.items():
                if isinstance(value, int):
                    request.context.attributes.add(name=name, int_value=value)
                else:
                    request.context.attributes.add(name=name, string_value=value)
            made.append((subject, context, request.SerializeToString()))
        return made

    def expected(self, subject: int, context: dict[str, str | int]) -> list[tuple[str, float]]:
        """Recomputes a decision in plain Python: (content id, score), best first."""
        features = np.array(self._features(subject, context), np.float64)
        consented = subject % CONSENT_EVERY != 0
        own = EVENT_TYPES[subject % len(EVENT_TYPES)]
        scored = []
        for index, candidate in enumerate(self.candidates):
            if candidate.personal and not consented:
                continue
            if candidate.counted == own:
                continue
            if any(context[name] not in allowed for name, allowed in candidate.texts.items()):
                continue
            numbers = candidate.numbers.items()
            if any(not low <= int(context[name]) < high for name, (low, high) in numbers):
                continue
            value = candidate.bias + float(candidate.weights.astype(np.float64) @ features)
            scored.append((f"content-{index:05}", 1.0 / (1.0 + math.exp(-value))))
        scored.sort(key=lambda row: -row[1])
        return scored[:TOP] or [("default", 0.0)]

    def _features(self, subject: int, context: dict[str, str | int]) -> list[float]:
        own = subject % len(EVENT_TYPES)
        # The tenant's present is the time of its last event.
        age_us = self.subjects - 1 - subject
        is_own = [1.0 if i == own else 0.0 for i in range(len(EVENT_TYPES))]
        decayed = [value * 0.5 ** (age_us / HALF_LIFE_US) for value in is_own]
        amounts = [float(subject % 100) * is_own[0], float(subject % 100) * is_own[1]]
        numbers = [float(context[name]) for name in CONTEXT_NUMBERS]
        traits = [float(subject % 7 + i) for i in range(len(TRAITS))]
        return [
            *is_own,
            *decayed,
            *is_own[:2],
            *is_own[:6],
            *traits,
            *numbers,
            1.0,
            1.0,
            1.0,
            1.0,
            *amounts,
            *amounts,
        ]

    def close(self) -> None:
        """Closes the engine."""
        self.engine.close()


def _fill_event(subject: int) -> event_pb2.Event:
    event = event_pb2.Event(
        event_type=EVENT_TYPES[subject % len(EVENT_TYPES)],
        subject_id=f"subject-{subject}",
        occurred_time_us=START_US + subject,
    )
    event.attributes.add(name="amount", int_value=subject % 100)
    for i, name in enumerate(TRAITS):
        event.traits.add(name=name, double_value=float(subject % 7 + i))
    if subject % CONSENT_EVERY:
        event.consents.add(purpose="personalization", status=event_pb2.CONSENT_STATUS_GRANTED)
    return event
