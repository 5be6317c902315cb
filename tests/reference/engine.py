"""What the engine as a whole means, in plain Python: tenants, their log, what every call answers.

Composed of the references of the parts: the wire rules (reference.wire), features from the history of events
(reference.features), leaves and rules (reference.match), scores (reference.score). Nothing is kept up to date, nothing is
compiled: each answer is found from the whole history. The text that it follows is docs/guides/time.md and ingest.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kairos.v1 import (
    error_pb2,
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    profile_service_pb2,
    trigger_service_pb2,
)
from kairos_server.catalog.model import (
    Candidate,
    Constant,
    Duration,
    FieldType,
    Placement,
    PlanModel,
    Rule,
    Source,
    Time,
)

from reference import features, match, score
from reference.features import ABSENT, BOOL, DOUBLE, DURATION, INT, NO_VALUE, NULL, STRING, TIME
from reference.hash import siphash128
from reference.wire import Refused, read_decide, read_event

DAY_US = 86_400_000_000
LOOK_BACK_DAYS = 8
ATTRIBUTE_FIRST = 12
ENUMS = {
    "device_type": (event_pb2.DeviceType, "DEVICE_TYPE_"),
    "channel": (event_pb2.Channel, "CHANNEL_"),
    "urgency": (event_pb2.Urgency, "URGENCY_"),
}
# A malformed message may have no id that can be trusted.
ID_UNKNOWN = ("WIRE_MALFORMED", "UTF8_INVALID", "EVENT_ID_INVALID", "EVENT_TOO_LARGE")
KINDS = {"string": STRING, "int": INT, "double": DOUBLE, "bool": BOOL, "time": TIME, "null": NULL}

Value = features.Value


@dataclass(frozen=True)
class Settings:
    name: str
    hash_key: bytes
    event_time: bool
    ahead_us: int = 300_000_000
    behind_us: int = 8 * DAY_US
    lateness_us: int = DAY_US
    gap_us: int = 1_800_000_000


# ---------------------------------------------------------------- values


def value_of_wire(kind: str, value: Any) -> Value:
    if kind == "double":
        return DOUBLE, struct.unpack("<d", value)[0]
    return KINDS[kind], None if kind == "null" else value


def value_of_constant(constant: Constant) -> Value:
    match constant:
        case None:
            return NULL, None
        case bool():
            return BOOL, constant
        case int():
            return INT, constant
        case float():
            return DOUBLE, constant
        case str():
            return STRING, constant.encode()
        case Time():
            return TIME, constant.us
        case Duration():
            return DURATION, constant.us
    raise TypeError(constant)


def constant_of_value(value: Value) -> match.Value:
    kind, payload = value
    if kind == ABSENT:
        return match.ABSENT
    if kind == STRING:
        return payload.decode()
    if kind == TIME:
        return Time(payload)
    return Duration(payload) if kind == DURATION else payload


def fitted(value: Value, kind: FieldType) -> Value | None:
    """The value as the field's type; None where it has another one."""
    if kind == FieldType.DYN or value[0] in (int(kind), NULL):
        return value
    if kind == FieldType.DOUBLE and value[0] == INT:
        return DOUBLE, float(value[1])
    return None


def text_value(text: bytes) -> Value:
    return (STRING, text) if text else NO_VALUE


def enum_value(name: str, number: int) -> Value:
    enum, prefix = ENUMS[name]
    return (STRING, enum.Name(number).removeprefix(prefix).lower().encode()) if number else NO_VALUE


def put_value(attribute: event_pb2.Attribute, value: Value) -> None:
    """Sets the member of the oneof; a duration stands as microseconds."""
    kind, payload = value
    if kind == STRING:
        attribute.string_value = payload.decode()
    elif kind == NULL:
        attribute.null_value = 0
    elif kind != ABSENT:
        member = {BOOL: "bool_value", DOUBLE: "double_value", TIME: "time_value_us"}
        setattr(attribute, member.get(kind, "int_value"), payload)


# ---------------------------------------------------------------- plans


@dataclass(frozen=True)
class Active:
    """A plan as the references of the parts take it."""

    model: PlanModel
    plan_id: bytes
    plan: features.Plan
    field_ids: dict[str, int]
    trait_types: dict[bytes, FieldType]

    @staticmethod
    def of(model: PlanModel, plan_id: bytes) -> Active:
        plan = features.Plan(
            slots=tuple(
                features.Slot(
                    int(slot.kind), int(slot.scope), slot.offset, slot.size, slot.event_type,
                    tuple((index, value_of_constant(constant)) for index, constant in slot.filter),
                    slot.value_field, slot.bucket_us, slot.bucket_count, slot.decay_per_us, slot.weight,
                )
                for slot in model.slots
            ),
            slot_size=model.slot_size,
            session_slot_size=model.session_slot_size,
            event_type_count=len(model.event_types),
            event_field_count=len(model.event_fields),
            derived=tuple(
                features.Derived(
                    int(derived.kind), derived.bias, tuple((term.weight, plain(term.source)) for term in derived.terms)
                )
                for derived in model.derived
            ),
            traits=tuple((trait.name.encode(), int(trait.type)) for trait in model.traits),
        )  # fmt: skip
        return Active(
            model,
            plan_id,
            plan,
            {known.name: index for index, known in enumerate(model.event_fields)},
            {trait.name.encode(): trait.type for trait in model.traits},
        )

    def field_id(self, name: bytes, name_id: int) -> int | None:
        if name_id:
            return name_id if ATTRIBUTE_FIRST <= name_id < len(self.model.event_fields) else None
        return self.field_ids.get(name.decode())


def plain(source: Source) -> features.Source:
    return int(source.kind), source.id, int(source.part)


# ---------------------------------------------------------------- what a tenant keeps


@dataclass
class Subject:
    history: features.Subject
    ids: dict[bytes, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    """Event id -> received day of its last acceptance, and the numbers of the triggers that it fired."""
    late_count: int = 0
    sequence: int = 0

    def copy(self) -> Subject:
        history = self.history
        return Subject(
            features.Subject(
                history.gap_us,
                list(history.events),
                [replace(session, events=list(session.events)) for session in history.sessions],
                history.session_count,
                list(history.traits),
                list(history.consents),
            ),
            dict(self.ids),
            self.late_count,
            self.sequence,
        )


@dataclass(frozen=True)
class Outcome:
    duplicate: bool = False
    late: bool = False
    fired: tuple[Rule, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass
class Tenant:
    settings: Settings
    active: Active | None = None
    births: list[tuple[int, int]] = field(default_factory=list)
    event_time_us: int = 0
    subjects: dict[bytes, Subject] = field(default_factory=dict)
    session_keys: dict[bytes, int] = field(default_factory=dict)

    def activate(self, active: Active, sequence: int, received_us: int) -> None:
        """A slot that the plan before did not feed is born now."""
        before = self.active.plan.slots if self.active else ()
        moment = self.event_time_us + 1
        if not self.settings.event_time:
            moment = received_us + self.settings.ahead_us + 1
        for index, slot in enumerate(active.plan.slots):
            fed = index < len(before) and before[index].kind
            known = index < len(self.births)
            if known and (fed or not slot.kind):
                continue
            self.births[index : index + 1] = [(sequence, moment)]
        self.active = active

    # ---- ingest

    def check(self, data: bytes, received_us: int) -> dict[str, Any]:
        """The event's values. Errors: Refused."""
        event = read_event(data)
        active, settings = self.active, self.settings
        if event["tenant_id"] not in (b"", settings.name.encode()):
            raise Refused("TENANT_MISMATCH", "tenant_id")
        occurred = event["occurred_time_us"]
        if occurred is not None and not settings.event_time:
            if occurred > received_us + settings.ahead_us:
                raise Refused("TIME_TOO_NEW", "occurred_time_us")
            if occurred < received_us - settings.behind_us:
                raise Refused("TIME_TOO_OLD", "occurred_time_us")
        self._check_attributes(active, event["attributes"])
        for index, (name, name_id, kind, value) in enumerate(event["traits"]):
            if name_id:
                raise Refused("ATTRIBUTE_ID_UNKNOWN", f"traits[{index}]")
            trait = active.trait_types.get(name, FieldType.DYN)
            if fitted(value_of_wire(kind, value), trait) is None:
                raise Refused("ATTRIBUTE_TYPE_MISMATCH", f"traits[{index}]")
        for index, (purpose, _) in enumerate(event["consents"]):
            if purpose.decode() not in active.model.purposes:
                raise Refused("CONSENT_PURPOSE_UNKNOWN", f"consents[{index}]")
        return {**event, "received_us": received_us}

    def _check_attributes(self, active: Active, attributes: Sequence[tuple[Any, ...]]) -> None:
        fields = []
        for index, (name, name_id, kind, value) in enumerate(attributes):
            known = active.field_id(name, name_id)
            if name_id and known is None:
                raise Refused("ATTRIBUTE_ID_UNKNOWN", f"attributes[{index}]")
            fields.append(known)
            if known is None:
                continue
            if fitted(value_of_wire(kind, value), active.model.event_fields[known].type) is None:
                raise Refused("ATTRIBUTE_TYPE_MISMATCH", f"attributes[{index}]")
        for index, known in enumerate(fields):
            if known is not None and known in fields[:index]:
                raise Refused("ATTRIBUTE_DUPLICATE", f"attributes[{index}]")

    def apply(self, event: dict[str, Any], sequence: int, received_us: int) -> Outcome:
        """Applies a checked event at a place of the log."""
        subject = self.subjects.get(event["subject_id"])
        event_id, day = event["event_id"], received_us // DAY_US
        if subject is not None and event_id in subject.ids:
            accepted_day, numbers = subject.ids[event_id]
            if accepted_day + LOOK_BACK_DAYS >= day:
                return Outcome(duplicate=True, numbers=numbers)
        if subject is None:
            subject = self.subjects[event["subject_id"]] = Subject(features.Subject(0))
        outcome, occurred = self.change(subject, event, sequence, received_us)
        self.event_time_us = max(self.event_time_us, occurred)
        if event_id:
            subject.ids[event_id] = (day, outcome.numbers)
        return outcome

    def change(
        self, subject: Subject, event: dict[str, Any], sequence: int, received_us: int
    ) -> tuple[Outcome, int]:
        """What the event changes in its subject and fires; the tenant itself stays as it is."""
        active, history = self.active, subject.history
        occurred = event["occurred_time_us"]
        occurred = event["received_us"] if occurred is None else occurred
        now = max(occurred, self.event_time_us) if self.settings.event_time else received_us
        late = now - occurred > self.settings.lateness_us
        types = active.model.event_types
        kind = event["event_type"].decode()
        applied = features.Event(
            self._fields(active, event, occurred, late),
            occurred,
            sequence,
            types.index(kind) + 1 if kind in types else 0,
            self._session_key(event["session_id"]),
            late,
            active.plan.slots,
        )
        history.gap_us = self.settings.gap_us
        session, opened = history.apply(applied)
        for name, _, wire_kind, value in event["traits"]:
            value = value_of_wire(wire_kind, value)
            value = fitted(value, active.trait_types.get(name, FieldType.DYN)) or value
            history.traits.append((name, value, occurred))
        for purpose, granted in event["consents"]:
            if purpose.decode() in active.model.purposes:
                number = active.model.purposes.index(purpose.decode())
                history.consents.append((number, granted, occurred))
        subject.late_count += late
        subject.sequence = sequence
        view = features.View(
            active.plan, history, now, tuple(self.births), applied, session, opened
        )
        fired = rules_holding(active.model.trigger_rules, view, {})
        return Outcome(False, late, fired, tuple(rule.number for rule in fired)), occurred

    def _session_key(self, session_id: bytes) -> int:
        if not session_id:
            return 0
        return self.session_keys.setdefault(session_id, len(self.session_keys) + 1)

    def _fields(
        self, active: Active, event: dict[str, Any], occurred: int, late: bool
    ) -> tuple[Value, ...]:
        money = event["value_minor"]
        known: list[Value] = [
            text_value(event["event_type"]),
            (TIME, occurred),
            text_value(event["session_id"]),
            *(enum_value(name, event[name]) for name in ("device_type", "channel", "urgency")),
            *(text_value(event[name]) for name in ("persona", "url", "referrer")),
            NO_VALUE if money is None else (INT, money),
            text_value(event["currency_code"]),
            (BOOL, late),
        ]
        known += [NO_VALUE] * (len(active.model.event_fields) - len(known))
        for name, name_id, kind, value in event["attributes"]:
            index = active.field_id(name, name_id)
            if index is not None:
                value = fitted(value_of_wire(kind, value), active.model.event_fields[index].type)
                known[index] = NO_VALUE if value is None else value
        return tuple(known)

    # ---- reads

    def moment(self, at_us: int | None, now_us: int, field_name: str) -> int:
        present = self.event_time_us if self.settings.event_time else now_us
        if at_us is None:
            return present
        if not self.settings.event_time or at_us < self.event_time_us:
            raise Refused("TIME_NOT_ALLOWED", field_name)
        return at_us

    def view(self, subject: Subject | None, now_us: int) -> features.View:
        history = subject.history if subject else features.Subject(0)
        history.gap_us = self.settings.gap_us
        return features.View(
            self.active.plan, history, now_us, tuple(self.births), None, history.newest_open_session(now_us)
        )  # fmt: skip

    def evaluate(self, data: bytes, wanted: Sequence[str], sequence: int, now_us: int) -> Any:
        event = self.check(data, now_us)
        subject = self.subjects.get(event["subject_id"])
        subject = subject.copy() if subject else Subject(features.Subject(0))
        outcome, _ = self.change(subject, event, sequence + 1, now_us)
        names = self.active.model.trigger_names
        response = trigger_service_pb2.EvaluateResponse(
            plan_id=self.active.plan_id.hex(), applied_sequence=sequence
        )
        for rule in outcome.fired:
            if not wanted or names[rule.number] in wanted:
                response.triggers.add().MergeFromString(rule.blob)
        response.allowed = bool(response.triggers)
        return response

    def decide(self, data: bytes, sequence: int, now_us: int) -> Any:
        """A DecideResponse without decision id and processing time. Errors: Refused."""
        request = read_decide(data)
        if request["tenant_id"] not in (b"", self.settings.name.encode()):
            raise Refused("TENANT_MISMATCH", "subject.tenant_id")
        context = self._context(request)
        moment = self.moment(request["at_time_us"], now_us, "at_time_us")
        placements = {placement.name: placement for placement in self.active.model.placements}
        placement = placements.get(request["placement"].decode())
        if placement is None:
            raise Refused("PLACEMENT_UNKNOWN", "context.placement")
        view = self.view(self.subjects.get(request["subject_id"]), moment)
        chosen = ranked(self.active.model, placement, view, context, request)
        response = personalization_service_pb2.DecideResponse(
            plan_id=self.active.plan_id.hex(), applied_sequence=sequence
        )
        for candidate, points, reason in chosen:
            decision = response.decisions.add()
            decision.MergeFromString(candidate.blob)
            decision.score, decision.reason, decision.propensity = points, reason, 1.0
        return response

    def _context(self, request: dict[str, Any]) -> dict[int, Value]:
        known = {field.name: index for index, field in enumerate(self.active.model.context_fields)}
        values = {known[name]: enum_value(name, request[name]) for name in ENUMS}
        for name in ("placement", "scenario", "persona"):
            values[known[name]] = text_value(request[name])
        for index, (name, name_id, kind, value) in enumerate(request["attributes"]):
            if name_id:
                raise Refused("ATTRIBUTE_ID_UNKNOWN", f"context.attributes[{index}]")
            place = known.get(name.decode())
            if place is None:
                continue
            fit = fitted(value_of_wire(kind, value), self.active.model.context_fields[place].type)
            if fit is None:
                raise Refused("ATTRIBUTE_TYPE_MISMATCH", f"context.attributes[{index}]")
            values[place] = fit
        return values

    def profile(self, subject_id: bytes, at_us: int | None, now_us: int) -> Any:
        """A GetProfileResponse without stored_bytes. Errors: Refused."""
        moment = self.moment(at_us, now_us, "at_time_us")
        subject = self.subjects.get(subject_id)
        if subject is None:
            raise Refused("SUBJECT_NOT_FOUND", "subject_id")
        return profile_of(self, subject, subject_id, self.view(subject, moment))


# ---------------------------------------------------------------- rules, candidates, profiles


def read(view: features.View, source: Source, context: dict[int, Value]) -> Value:
    if source.kind == features.SOURCE_CONTEXT:
        return context.get(source.id, NO_VALUE)
    return features.read(view, plain(source))


def rules_holding(
    rules: Sequence[Rule], view: features.View, context: dict[int, Value]
) -> tuple[Rule, ...]:
    sources = {leaf.source for rule in rules for leaves in rule.conjunctions for leaf in leaves}
    values = {source: constant_of_value(read(view, source, context)) for source in sources}
    return tuple(rules[index] for index in match.rules_holding(rules, values))


def number_of(value: Value) -> float:
    """A score's view of a value: numbers and truths as float32, all else and what is not finite there 0."""
    kind, payload = value
    if kind not in (BOOL, INT, DOUBLE):
        return 0.0
    try:
        return score.float32(float(payload))
    except OverflowError:
        return 0.0


def ranked(
    model: PlanModel,
    placement: Placement,
    view: features.View,
    context: dict[int, Value],
    request: dict[str, Any],
) -> list[tuple[Candidate, float, int]]:
    """The best candidates with score and reason: by priority, then score, then document order."""
    holding = set(rules_holding(model.decide_rules, view, context))
    numbers = [number_of(read(view, source, context)) for source in placement.sources]
    granted = {
        purpose
        for purpose in range(64)
        if features.read_consent(view, purpose) == (BOOL, True)
    }
    allowed = []
    for order, candidate in enumerate(placement.candidates):
        if candidate.rule is not None and model.decide_rules[candidate.rule] not in holding:
            continue
        if candidate.start_us is not None and view.now_us < candidate.start_us:
            continue
        if candidate.end_us is not None and view.now_us >= candidate.end_us:
            continue
        needed = {purpose for purpose in range(64) if candidate.consent_mask >> purpose & 1}
        if request["require_consent"] and not needed <= granted:
            continue
        weights = [[score.float32(weight)] for weight in candidate.weights]
        points = score.linear(weights, numbers, [score.float32(candidate.bias)])[0]
        points = score.logistic(points) if candidate.logistic else points
        allowed.append((-candidate.priority, -points, order, candidate, points))
    best = sorted(allowed, key=lambda entry: entry[:3])[: request["max_variants"]]
    if not best and placement.fallback is not None:
        return [(placement.fallback, 0.0, 2)]
    return [(candidate, points, 1) for *_, candidate, points in best]


def profile_of(tenant: Tenant, subject: Subject, subject_id: bytes, view: features.View) -> Any:
    active, history = tenant.active, subject.history
    times = [event.occurred_us for event in history.events]
    profile = profile_service_pb2.Profile(
        subject_id=subject_id.decode(), first_seen_time_us=min(times), last_seen_time_us=max(times),
        event_count=len(times), session_count=history.session_count, late_count=subject.late_count,
        sequence=subject.sequence, at_time_us=view.now_us,
    )  # fmt: skip
    for session in sorted(history.sessions, key=features.session_order, reverse=True):
        profile.sessions.add(
            ordinal=session.ordinal, start_time_us=session.start_us, end_time_us=session.last_us,
            event_count=len(session.events),
        )  # fmt: skip
    for name in sorted({name for name, _, _ in history.traits}):
        trait = profile.traits.add(updated_time_us=max(t for n, _, t in history.traits if n == name))
        trait.attribute.name = name.decode()
        put_value(
            trait.attribute, features.newest([entry for entry in history.traits if entry[0] == name])
        )
    for number, purpose in enumerate(active.model.purposes):
        entries = [entry for entry in history.consents if entry[0] == number]
        if entries:
            status = 1 if features.newest(entries) else 2
            profile.consents.add(
                purpose=purpose, status=status, updated_time_us=max(time for *_, time in entries)
            )
    for index, slot in enumerate(active.model.slots):
        if not slot.kind:
            continue
        entry = profile.features.add(name=slot.text, complete=features.complete(view, index))
        put_feature(entry, features.read(view, (features.SOURCE_SLOT, index, features.PART_VALUE)))
        if slot.kind in (features.LAST, features.FIRST):
            time = features.read(view, (features.SOURCE_SLOT, index, features.PART_TIME))
            entry.time_us = time[1] or 0
    for index, derived in enumerate(active.model.derived):
        entry = profile.features.add(name=derived.name, complete=True)
        put_feature(entry, features.read(view, (features.SOURCE_DERIVED, index, 0)))
    return profile_service_pb2.GetProfileResponse(profile=profile)


def put_feature(entry: profile_service_pb2.Feature, value: Value) -> None:
    if value[0] != ABSENT:
        put_value(entry.value, value)
