"""What the engine as a whole means, in plain Python: tenants, their log, what every call answers.

Composed of the references of the parts: the wire rules (reference.wire), features from the history
of events (reference.features), leaves and rules (reference.match), scores (reference.score).
Nothing is kept up to date, nothing is compiled: each answer is found from the whole history. The
text that it follows is docs/guides/time.md and ingest.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kairos.v1 import personalization_service_pb2, trigger_service_pb2
from kairos_server.catalog.model import FieldType, Rule

from reference import features, group
from reference.active import (
    ENUMS,
    Active,
    Value,
    enum_value,
    fitted,
    text_value,
    value_field,
    value_of_wire,
)
from reference.features import BOOL, INT, NO_VALUE, TIME
from reference.identities import ACCOUNT, Identities, Key, key_of
from reference.reading import profile_of, ranked, rules_holding
from reference.wire import Refused, read_decide, read_event

DAY_US = 86_400_000_000
LOOK_BACK_DAYS = 8


@dataclass(frozen=True)
class Settings:
    name: str
    hash_key: bytes
    event_time: bool
    ahead_us: int = 300_000_000
    behind_us: int = 8 * DAY_US
    lateness_us: int = DAY_US
    gap_us: int = 1_800_000_000


# ---------------------------------------------------------------- what a tenant keeps


@dataclass
class Subject:
    history: features.Subject
    ids: dict[bytes, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    """Event id -> received day of its last acceptance, and the numbers of the triggers that it
    fired.
    """
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
    subjects: dict[Key, Subject] = field(default_factory=dict)
    session_keys: dict[bytes, int] = field(default_factory=dict)
    identities: Identities = field(init=False)

    def __post_init__(self) -> None:
        self.identities = Identities(self.settings.hash_key)

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
                raise Refused("ATTRIBUTE_ID_UNKNOWN", f"traits[{index}].name_id")
            trait = active.trait_types.get(name, FieldType.DYN)
            if fitted(value_of_wire(kind, value), trait) is None:
                raise Refused("ATTRIBUTE_TYPE_MISMATCH", f"traits[{index}].{value_field(kind)}")
        for index, (purpose, _) in enumerate(event["consents"]):
            if purpose.decode() not in active.model.purposes:
                raise Refused("CONSENT_PURPOSE_UNKNOWN", f"consents[{index}].purpose")
        return {**event, "received_us": received_us}

    def _check_attributes(self, active: Active, attributes: Sequence[tuple[Any, ...]]) -> None:
        fields = []
        for index, (name, name_id, kind, value) in enumerate(attributes):
            known = active.field_id(name, name_id)
            if name_id and known is None:
                raise Refused("ATTRIBUTE_ID_UNKNOWN", f"attributes[{index}].name_id")
            fields.append(known)
            if known is None:
                continue
            if fitted(value_of_wire(kind, value), active.model.event_fields[known].type) is None:
                raise Refused("ATTRIBUTE_TYPE_MISMATCH", f"attributes[{index}].{value_field(kind)}")
        for index, known in enumerate(fields):
            if known is not None and known in fields[:index]:
                given = "name_id" if attributes[index][1] else "name"
                raise Refused("ATTRIBUTE_DUPLICATE", f"attributes[{index}].{given}")

    def apply(self, event: dict[str, Any], sequence: int, received_us: int) -> Outcome:
        """Applies a checked event at a place of the log."""
        key = key_of(event["subject_type"], event["subject_id"])
        subject = self.subjects.get(key)
        event_id, day = event["event_id"], received_us // DAY_US
        if subject is not None and event_id in subject.ids:
            accepted_day, numbers = subject.ids[event_id]
            if accepted_day + LOOK_BACK_DAYS >= day:
                return Outcome(duplicate=True, numbers=numbers)
        if subject is None:
            subject = self.subjects[key] = Subject(features.Subject(0))
        self.identities.of_event(key, event["identifiers"], sequence)
        outcome, occurred = self.change(subject, event, sequence, received_us)
        self._accounts(key, event, subject.history.events[-1])
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
        others, place = self.others(key_of(event["subject_type"], event["subject_id"]))
        view = features.View(
            active.plan, history, now, tuple(self.births), applied, session, opened,
            tuple(other.history for other in others), place,
        )  # fmt: skip
        fired = rules_holding(active.model.trigger_rules, view, {})
        return Outcome(False, late, fired, tuple(rule.number for rule in fired)), occurred

    def _accounts(self, key: Key, event: dict[str, Any], applied: features.Event) -> None:
        """The event counts once for every account that it names."""
        for value in {value for kind, value in event["identifiers"] if kind == ACCOUNT}:
            if (ACCOUNT, value) == key:
                continue
            account = self.subjects.setdefault((ACCOUNT, value), Subject(features.Subject(0)))
            account.history.gap_us = self.settings.gap_us
            account.history.apply(applied)
            account.late_count += applied.late
            account.sequence = applied.sequence

    def others(self, key: Key) -> tuple[list[Subject], int]:
        """The other members of the key's group that have events, and how many come before it."""
        group = self.identities.group(key)
        known = [
            (member, self.subjects[member])
            for member in group
            if member != key and member in self.subjects
        ]
        place = sum(group.index(member) < group.index(key) for member, _ in known)
        return [subject for _, subject in known], place

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

    def view(self, key: Key, now_us: int) -> features.View:
        subject = self.subjects.get(key)
        history = subject.history if subject else features.Subject(0)
        others, place = self.others(key)
        view = features.View(
            self.active.plan, history, now_us, tuple(self.births),
            others=tuple(other.history for other in others), own_place=place,
        )  # fmt: skip
        newest = next(iter(group.sessions(view)), None)
        if newest is None or now_us - newest.last_us > self.settings.gap_us:
            return view
        return replace(view, session=newest)

    def evaluate(self, data: bytes, wanted: Sequence[str], sequence: int, now_us: int) -> Any:
        event = self.check(data, now_us)
        subject = self.subjects.get(key_of(event["subject_type"], event["subject_id"]))
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
        view = self.view(request["subject_id"], moment)
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
                raise Refused("ATTRIBUTE_ID_UNKNOWN", f"context.attributes[{index}].name_id")
            place = known.get(name.decode())
            if place is None:
                continue
            fit = fitted(value_of_wire(kind, value), self.active.model.context_fields[place].type)
            if fit is None:
                raise Refused(
                    "ATTRIBUTE_TYPE_MISMATCH", f"context.attributes[{index}].{value_field(kind)}"
                )
            values[place] = fit
        return values

    def profile(self, key: Key, at_us: int | None, now_us: int) -> Any:
        """A GetProfileResponse without stored_bytes. Errors: Refused."""
        moment = self.moment(at_us, now_us, "at_time_us")
        found = [
            self.subjects[known] for known in self.identities.group(key) if known in self.subjects
        ]
        if not found:
            raise Refused("SUBJECT_NOT_FOUND", "subject_id")
        subject_id = key[1] if isinstance(key, tuple) else key
        return profile_of(self, found, subject_id, self.view(key, moment))
