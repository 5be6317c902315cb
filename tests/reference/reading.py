"""What is read of a subject: rules that hold, ranked candidates, profiles. See reference.engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kairos.v1 import profile_service_pb2
from kairos_server.catalog.model import Candidate, Placement, PlanModel, Rule, Source

from reference import features, group, match, score
from reference.active import Value, constant_of_value, plain, put_value
from reference.features import ABSENT, BOOL, DOUBLE, INT, NO_VALUE

if TYPE_CHECKING:
    from reference.engine import Subject, Tenant


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
    """A score's view of a value: numbers and truths as float32, all else and what is not finite
    there 0.
    """
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
        purpose for purpose in range(64) if features.read_consent(view, purpose) == (BOOL, True)
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


def profile_of(
    tenant: Tenant, subjects: Sequence[Subject], subject_id: bytes, view: features.View
) -> Any:
    active, history = tenant.active, group.merged(view)
    times = [event.occurred_us for event in history.events]
    profile = profile_service_pb2.Profile(
        subject_id=subject_id.decode(),
        first_seen_time_us=min(times),
        last_seen_time_us=max(times),
        event_count=len(times),
        session_count=history.session_count,
        late_count=sum(member.late_count for member in subjects),
        sequence=max(member.sequence for member in subjects),
        at_time_us=view.now_us,
    )
    for session in sorted(history.sessions, key=shown_order, reverse=True):
        profile.sessions.add(
            ordinal=session.ordinal,
            start_time_us=session.start_us,
            end_time_us=session.last_us,
            event_count=len(session.events),
        )
    for name in sorted({name for name, _, _ in history.traits}):
        trait = profile.traits.add(
            updated_time_us=max(t for n, _, t in history.traits if n == name)
        )
        trait.attribute.name = name.decode()
        put_value(
            trait.attribute,
            features.newest([entry for entry in history.traits if entry[0] == name]),
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


def shown_order(session: features.Session) -> tuple[int, int, int, int]:
    """Sessions of two members may be alike in all but their events."""
    return session.last_us, session.ordinal, session.start_us, len(session.events)


def put_feature(entry: profile_service_pb2.Feature, value: Value) -> None:
    if value[0] != ABSENT:
        put_value(entry.value, value)
