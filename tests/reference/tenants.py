"""Random tenants: documents in several versions, and the events and decisions that go with them.

Everything is drawn from few names and few values, so that conditions, filters, ties and repeats meet often.
"""

from __future__ import annotations

import json
import random
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2
from kairos.v1 import event_pb2, personalization_service_pb2
from kairos_server.catalog import DocumentInput

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_000_000_000_000
TYPES = ("view", "buy", "exit")
TEXTS = ("a", "b", "a long text", "é")
WHOLES = (-1, 0, 1, 2, 7, 100, 2**53 + 1, 2**63 - 1)
NUMBERS = (0.0, -0.0, 0.1, 0.5, 1.0, 2.5, -3.75, 7.0, 1e17)
SUBJECTS = ("ann", "bob", "cyd", "dan", "eve")
PURPOSES = ("marketing", "analytics", "profiling")
SPANS = ("20m/4", "1h", "3h/8", "1d/5", "45m/7")
ATTRIBUTES = {
    "amount": "int", "price": "double", "label": "string", "gift": "bool", "due": "timestamp", "any": "dyn",
    "view.width": "int",
}  # fmt: skip
LATER_ATTRIBUTES = {"extra": "int", "note": "string"}
TRAITS = {"plan": "string", "level": "double", "mixed": "dyn"}
LATER_TRAITS = {"grade": "int"}
ENUM_TEXTS = {
    "device_type": ("mobile", "desktop", "tablet"), "channel": ("web", "app"), "urgency": ("low", "high"),
}  # fmt: skip


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
            "schema", "main", attributes=self.attributes, traits=self.traits,
            context={"cart": "int", "mood": "string"}, purposes=self.purposes,
        )  # fmt: skip

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
                "type": source.choice(("linear", "logistic")), "terms": terms, "bias": source.choice((0, 0.1, -2.0)),
            }  # fmt: skip
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
            "number": f"previous({self.call('number')})", "text": f"previous({self.call('text')}).value",
            "time": f"previous({self.call('time')}).time",
        }  # fmt: skip
        shared = {
            "number": ["profile.level", "profile.event_count", "profile.session_count", "profile.engagement_score",
                       "profile.intent", "session.event_count", "session.ordinal", f"{self.call('time')}.value",
                       calls["number"], calls["number"], calls["number"]],
            "text": ["profile.plan", calls["text"]],
            "time": ["now", calls["time"], "profile.last_seen_time", "session.start_time"],
            "span": ["session.duration", "profile.age", f"now - {calls['time']}"],
            "truth": ["session.is_new", *(f"consent.{purpose}" for purpose in self.purposes)],
            "has": ["profile.plan", "profile.mixed", "session.ordinal", f"consent.{self.purposes[0]}", calls["time"]],
        }[kind]  # fmt: skip
        of_event = {
            "number": ["event.amount", "event.price", "event.value_minor", "event.any", "event.view.width",
                       previous["number"]],
            "text": ["event.label", "event.type", "event.type", "event.url", "event.persona", "event.device_type",
                     "event.channel", "event.session_id", previous["text"]],
            "time": ["event.time", "event.due", previous["time"]],
            "span": [f"now - {previous['time']}"],
            "truth": ["event.gift", "event.late", "event.any"],
            "has": ["event.amount", "event.any", "event.label", "event.urgency"],
        }[kind]  # fmt: skip
        of_context = {
            "number": ["context.cart"], "text": ["context.mood", "context.device_type", "context.channel"],
            "has": ["context.cart", "context.persona"],
        }.get(kind, [])  # fmt: skip
        return shared + (of_event if event else of_context)


def document(kind: str, document_id: str, **fields: Any) -> DocumentInput:
    return DocumentInput(
        kind=kind,
        document_id=document_id,
        body=json.dumps({"kind": kind, "id": document_id, **fields}),
    )


def moment(us: int) -> str:
    return timestamp_pb2.Timestamp(seconds=us // 1_000_000).ToJsonString()


def span(us: int) -> str:
    message = duration_pb2.Duration()
    message.FromMicroseconds(us)
    return message.ToJsonString()


# ---------------------------------------------------------------- events and decisions


def set_value(source: random.Random, attribute: event_pb2.Attribute, kind: str) -> None:
    if kind == "dyn":
        kind = source.choice(("int", "double", "string", "bool", "timestamp", "null"))
    if kind == "null" or source.random() < 0.05:
        attribute.null_value = 0
    elif kind == "int" or (kind == "double" and source.random() < 0.3):
        attribute.int_value = source.choice(WHOLES)
    elif kind == "double":
        attribute.double_value = source.choice(NUMBERS)
    elif kind == "bool":
        attribute.bool_value = source.random() < 0.5
    elif kind == "timestamp":
        attribute.time_value_us = START + source.choice((0, HOUR))
    else:
        attribute.string_value = source.choice((*TEXTS, "", "x" * 255, "y" * 256))


def spelled(source: random.Random, name: str) -> str:
    if source.random() < 0.5:
        return name
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def random_event(
    source: random.Random, documents: Documents, clock_us: int, *, live: bool
) -> event_pb2.Event:
    """An event near the clock: on time, ahead, late, or tied with another one."""
    event = event_pb2.Event(
        event_type=source.choice((*TYPES, *TYPES, "ping")), subject_id=source.choice(SUBJECTS),
        device_type=source.choice((0, 0, 1, 2)), channel=source.choice((0, 1, 2)), urgency=source.choice((0, 0, 1, 3)),
        persona=source.choice(("", "a", "b")), url=source.choice(("", "a", "/b")),
    )  # fmt: skip
    if source.random() < 0.8:
        event.event_id = f"e{source.randrange(60)}"
    if source.random() < 0.3:
        event.session_id = source.choice(("one", "two", "three", "four", "five", "six"))
    if not live or source.random() < 0.9:
        shift = source.choice(
            (0, 0, 0, -1, -MINUTE, -10 * MINUTE, -HOUR, -5 * HOUR, -30 * HOUR, MINUTE, 4 * MINUTE)
        )
        event.occurred_time_us = clock_us // MINUTE * MINUTE + shift
    for name, kind in documents.attributes.items():
        if source.random() < 0.4:
            set_value(source, event.attributes.add(name=spelled(source, name)), kind)
    if source.random() < 0.2:
        event.attributes.add(name="unheard_of", string_value="kept in the log only")
    for name, kind in documents.traits.items():
        if source.random() < 0.15:
            set_value(source, event.traits.add(name=name), kind)
    for purpose in documents.purposes:
        if source.random() < 0.2:
            event.consents.add(purpose=purpose, status=source.choice((1, 1, 2)))
    if source.random() < 0.3:
        event.value_minor, event.currency_code = source.choice((0, 5, -100, 10**12)), "EUR"
    if source.random() < 0.12:
        spoil(source, event, clock_us)
    return event


def spoil(source: random.Random, event: event_pb2.Event, clock_us: int) -> None:
    """One fault: of the fields, of the tenant's plan, or of the clock."""
    fault = source.randrange(11)
    if fault == 0:
        event.subject_id = ""
    elif fault == 1:
        event.attributes.add(name="price", double_value=float("nan"))
    elif fault == 2:
        event.occurred_time_us = clock_us + source.choice((HOUR, -9 * DAY))
    elif fault == 3:
        del event.attributes[:]
        event.attributes.add(name="amount", string_value="many")
    elif fault == 4:
        event.consents.add(purpose="unheard_of", status=1)
    elif fault == 5:
        event.tenant_id = "another"
    elif fault == 6:
        event.attributes.add(name="viewWidth2", int_value=1)
        event.attributes.add(name="view_width2", int_value=1)
    elif fault == 7:
        event.attributes.add(name_id=source.choice((12, 13, 500, 3)), int_value=1)
    elif fault == 8:
        event.traits.add(name="grade", string_value="none")
    elif fault == 9:
        event.event_id = "i" * 129
    else:
        event.channel = 99


def random_decide(
    source: random.Random, documents: Documents, event_time_us: int
) -> personalization_service_pb2.DecideRequest:
    request = personalization_service_pb2.DecideRequest()
    request.subject.id = source.choice((*SUBJECTS, "stranger"))
    context = request.context
    context.placement = source.choice(("hero", "hero", "hero", "side", "side", "nowhere"))
    context.device_type = source.choice((0, 1, 2))
    context.channel = source.choice((0, 1, 1, 77) if source.random() < 0.1 else (0, 1, 1))
    context.persona = source.choice(("", "a"))
    if source.random() < 0.6:
        set_value(source, context.attributes.add(name="cart"), "int")
    if source.random() < 0.6:
        set_value(
            source,
            context.attributes.add(name="mood"),
            source.choice(("string", "string", "string", "bool")),
        )
    if source.random() < 0.5:
        request.constraints.max_variants = source.choice((0, 1, 2, 5, 100, 101))
    if source.random() < 0.5:
        request.constraints.require_consent = source.random() < 0.5
    if source.random() < 0.3:
        request.at_time_us = event_time_us + source.choice((0, HOUR, 3 * DAY, -1))
    return request
