"""Random tenants: documents in several versions. What is sent to them: reference.traffic.

Everything is drawn from few names and few values, so that conditions, filters, ties and repeats
meet often.
"""

from __future__ import annotations

import json
import random
from typing import Any

from google.protobuf import timestamp_pb2
from kairos_server.catalog import DocumentInput

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_000_000_000_000
TYPES = ("view", "buy", "exit")
TEXTS = ("a", "b", "a long text", "é")
WHOLES = (-1, 0, 1, 2, 7, 100, 2**53 + 1, 2**63 - 1)
NUMBERS = (0.0, -0.0, 0.1, 0.5, 1.0, 2.5, -3.75, 7.0, 1e17)
PURPOSES = ("marketing", "analytics", "profiling")
SPANS = ("20m/4", "1h", "3h/8", "1d/5", "45m/7")
ATTRIBUTES = {
    "amount": "int",
    "price": "double",
    "label": "string",
    "gift": "bool",
    "due": "timestamp",
    "any": "dyn",
    "view.width": "int",
}
LATER_ATTRIBUTES = {"extra": "int", "note": "string"}
TRAITS = {"plan": "string", "level": "double", "mixed": "dyn"}
LATER_TRAITS = {"grade": "int"}
ENUM_TEXTS = {
    "device_type": ("mobile", "desktop", "tablet"),
    "channel": ("web", "app"),
    "urgency": ("low", "high"),
}


class Documents:
    """One tenant's documents; each call of `version` gives what to apply and what to remove."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.attributes = dict(ATTRIBUTES)
        self.traits = dict(TRAITS)
        self.purposes = list(source.sample(PURPOSES, source.choice((1, 2, 2))))
        self.names: set[str] = set()
        self.serial = 0

    def version(self) -> tuple[list[DocumentInput], list[str]]:
        source, first = self.source, not self.names
        if not first and source.random() < 0.5:
            self.attributes.update(LATER_ATTRIBUTES)
            self.traits.update(LATER_TRAITS)
            self.purposes = list(dict.fromkeys([*self.purposes, *PURPOSES]))
        removed = [] if first else [name for name in sorted(self.names) if source.random() < 0.3]
        kept = self.names.difference(removed)
        documents = [
            self._schema(),
            self._score("engagement_score", "engagement"),
            self._score("intent", "logistic"),
        ]
        documents += [
            self._trigger()
            for _ in range(source.choice((0, 2, 4)) if not first else source.choice((1, 3, 5)))
        ]
        if first:
            documents += [
                self._content("plain", fallback=True),
                self._placement("hero", "plain"),
                self._placement("side", None),
            ]
        documents += [
            self._content(self._name("c"), fallback=False) for _ in range(source.choice((1, 2, 4)))
        ]
        self.names = kept | {f"{d.kind}/{d.document_id}" for d in documents if d.kind == "trigger"}
        self.names |= {
            f"content/{d.document_id}"
            for d in documents
            if d.kind == "content" and d.document_id != "plain"
        }
        return documents, removed

    def _name(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def _schema(self) -> DocumentInput:
        return document(
            "schema",
            "main",
            attributes=self.attributes,
            traits=self.traits,
            context={"cart": "int", "mood": "string"},
            purposes=self.purposes,
        )

    def _placement(self, name: str, fallback: str | None) -> DocumentInput:
        return document("placement", name, **({"fallback": fallback} if fallback else {}))

    def _score(self, name: str, kind: str) -> DocumentInput:
        source = self.source
        terms = [
            {"feature": self.feature(scored=True), "weight": source.choice((0.2, -0.5, 1, 0.001))}
            for _ in range(source.choice((1, 2, 3)))
        ]
        return document(
            "score", name, type=kind, terms=terms, **({"bias": -0.5} if kind == "logistic" else {})
        )

    def _trigger(self) -> DocumentInput:
        source = self.source
        fields: dict[str, Any] = {
            "condition": self.condition(source.choice((0, 1, 1, 2)), event=True)
        }
        if source.random() < 0.5:
            fields["priority"] = source.choice((-1, 1, 1, 9))
        if source.random() < 0.3:
            fields["urgency"] = source.choice(("low", "critical"))
        if source.random() < 0.5:
            fields["actions"] = [
                {
                    "type": "notify",
                    "parameters": {"team": "vip", "n": source.choice((1, 2.5, True, None))},
                }
            ]
        if source.random() < 0.1:
            fields["schedule"] = {"active": source.random() < 0.5, "startDate": "2023-11-15"}
        return document("trigger", self._name("t"), **fields)

    def _content(self, name: str, *, fallback: bool) -> DocumentInput:
        source = self.source
        fields: dict[str, Any] = {"payload": {"hook": name, "n": source.choice((1, 0.5))}}
        if not fallback:
            fields["placements"] = source.choice((["hero"], ["side"], ["hero", "side"]))
            if source.random() < 0.6:
                fields["eligibility"] = self.condition(source.choice((0, 1)), event=False)
            if source.random() < 0.4:
                fields["purposes"] = source.sample(self.purposes, 1)
            if source.random() < 0.2:
                fields["schedule"] = {
                    "startDate": "2023-11-15",
                    "endDate": source.choice((None, "2023-11-16")),
                }
            fields["priority"] = source.choice((0, 0, 1, 5))
            fields["offer"] = source.random() < 0.2
            fields["variant"] = source.choice(("", "v"))
            fields["ttl"] = source.choice(("15m", "1h"))
        if source.random() < 0.7:
            terms = [
                {
                    "feature": self.feature(scored=True, content=True),
                    "weight": source.choice((0.25, 1.5, -1, 0.1)),
                }
                for _ in range(source.choice((0, 1, 3)))
            ]
            fields["score"] = {
                "type": source.choice(("linear", "logistic")),
                "terms": terms,
                "bias": source.choice((0, 0.1, -2.0)),
            }
        return document("content", name, **fields)

    # ---- conditions

    def call(self, kind: str) -> str:
        """A feature call with a value of the kind: number, text or (with .time) time."""
        source = self.source
        what = f'"{source.choice((*TYPES, "*"))}"'
        part = source.choice(
            (
                "",
                "",
                ', {"label": "a"}',
                ', {"amount": 1}',
                ', {"price": 0.5, "gift": true}',
                ', {"device_type": "mobile"}',
            )
        )
        if kind == "time":
            return f"{source.choice(('last', 'first'))}({what}{part})"
        if kind == "text":
            return f'{source.choice(("last", "first"))}({what}, "label"{part})'
        shape = source.choice(("count", "window", "sum", "wsum", "decayed", "session", "ssum"))
        number = source.choice(("amount", "price", "value_minor"))
        return {
            "count": f"count({what}{part})",
            "window": f'count({what}{part}, "{source.choice(SPANS)}")',
            "sum": f'sum({what}, "{number}"{part})',
            "wsum": f'sum({what}, "{number}"{part}, "{source.choice(SPANS)}")',
            "decayed": f'decayed({what}{part}, "{source.choice(("30m", "6h"))}")',
            "session": f"session_count({what}{part})",
            "ssum": f'session_sum({what}, "{number}"{part})',
        }[shape]

    def feature(self, *, scored: bool, content: bool = False) -> str:
        """Something that a score may read."""
        names = [
            "session.event_count",
            "session.is_new",
            "profile.event_count",
            "profile.session_count",
        ]
        if content:
            names += ["profile.engagement_score", "profile.intent", "context.cart", "profile.level"]
        return self.source.choice(names) if self.source.random() < 0.4 else self.call("number")

    def condition(self, depth: int, *, event: bool) -> str:
        source = self.source
        if not depth:
            return self._leaf(event=event)
        shape = source.choice(("&&", "&&", "||", "!", "?"))
        parts = [f"({self.condition(depth - 1, event=event)})" for _ in range(3)]
        if shape == "!":
            return f"!{parts[0]}"
        if shape == "?":
            return f"{parts[0]} ? {parts[1]} : {parts[2]}"
        return f" {shape} ".join(parts[: source.choice((2, 3))])

    def _leaf(self, *, event: bool) -> str:
        source = self.source
        kind = source.choices(
            ("number", "text", "time", "span", "truth", "has"), (6, 4, 1, 2, 3, 2)
        )[0]
        name = source.choice(self._names(kind, event=event))
        if kind == "truth":
            return source.choice(("", "!")) + name
        if kind == "has":
            return source.choice(("", "!")) + f"has({name})"
        sign = source.choice(("==", "!=", "<", "<=", ">", ">="))
        if kind == "text":
            known = next((texts for end, texts in ENUM_TEXTS.items() if name.endswith(end)), None)
            texts = known or (TYPES if name == "event.type" else TEXTS)
            if known or name == "event.type":
                sign = source.choice(("==", "==", "!="))
            if source.random() < 0.3:
                return f"{name} in {json.dumps(source.sample(texts, 2), ensure_ascii=False)}"
            return f"{name} {sign} {json.dumps(source.choice(texts), ensure_ascii=False)}"
        if kind == "time":
            return f'{name} {sign} timestamp("{moment(START + source.choice((0, HOUR, DAY)))}")'
        if kind == "span":
            return f'{name} {sign} duration("{source.choice(("0s", "10m", "1h", "26h"))}")'
        constant = repr(source.choice((*WHOLES[:6], 3, 4, *NUMBERS[:7])))
        return f"{name} {sign} {constant}"

    def _names(self, kind: str, *, event: bool) -> list[str]:
        calls = {
            "number": self.call("number"),
            "text": f"{self.call('text')}.value",
            "time": f"{self.call('time')}.time",
        }
        previous = {
            "number": f"previous({self.call('number')})",
            "text": f"previous({self.call('text')}).value",
            "time": f"previous({self.call('time')}).time",
        }
        shared = {
            "number": [
                "profile.level",
                "profile.event_count",
                "profile.session_count",
                "profile.engagement_score",
                "profile.intent",
                "session.event_count",
                "session.ordinal",
                f"{self.call('time')}.value",
                calls["number"],
                calls["number"],
                calls["number"],
            ],
            "text": ["profile.plan", calls["text"]],
            "time": ["now", calls["time"], "profile.last_seen_time", "session.start_time"],
            "span": ["session.duration", "profile.age", f"now - {calls['time']}"],
            "truth": ["session.is_new", *(f"consent.{purpose}" for purpose in self.purposes)],
            "has": [
                "profile.plan",
                "profile.mixed",
                "session.ordinal",
                f"consent.{self.purposes[0]}",
                calls["time"],
            ],
        }[kind]
        of_event = {
            "number": [
                "event.amount",
                "event.price",
                "event.value_minor",
                "event.any",
                "event.view.width",
                previous["number"],
            ],
            "text": [
                "event.label",
                "event.type",
                "event.type",
                "event.url",
                "event.persona",
                "event.device_type",
                "event.channel",
                "event.session_id",
                previous["text"],
            ],
            "time": ["event.time", "event.due", previous["time"]],
            "span": [f"now - {previous['time']}"],
            "truth": ["event.gift", "event.late", "event.any"],
            "has": ["event.amount", "event.any", "event.label", "event.urgency"],
        }[kind]
        of_context = {
            "number": ["context.cart"],
            "text": ["context.mood", "context.device_type", "context.channel"],
            "has": ["context.cart", "context.persona"],
        }.get(kind, [])
        return shared + (of_event if event else of_context)


def document(kind: str, document_id: str, **fields: Any) -> DocumentInput:
    return DocumentInput(
        kind=kind,
        document_id=document_id,
        body=json.dumps({"kind": kind, "id": document_id, **fields}),
    )


def moment(us: int) -> str:
    return timestamp_pb2.Timestamp(seconds=us // 1_000_000).ToJsonString()
