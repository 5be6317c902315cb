"""Between the messages of kairos.v1.EffectService and what delivery works with."""

from collections.abc import Callable, Sequence
from typing import Final, cast

from kairos.v1 import effect_service_pb2 as effects
from kairos.v1 import event_pb2

from kairos_server.delivery import (
    NO_TRIGGER,
    EffectChoice,
    EffectId,
    EffectRow,
    Failure,
    Handed,
    action_type,
    effect_id_read,
    effect_id_text,
)
from kairos_server.errors import Refused

BATCH_MAX: Final = 1_000
KEY_SIZE_MAX: Final = 256
TYPE_SIZE_MAX: Final = 128
WORKER_SIZE_MAX: Final = 128
TYPES_MAX: Final = 100
REASON_SIZE_MAX: Final = 512
LEASE_US_MIN: Final = 1_000_000
LEASE_US_MAX: Final = 3_600_000_000
DELAY_US_MAX: Final = 7 * 86_400_000_000
DUE_US_MAX: Final = 366 * 86_400_000_000

Enqueue = tuple[bytes, int, bytes, int, int, int, bytes]
"""One row of Engine.enqueue_all."""


def effect_message(row: EffectRow, trigger_id: str) -> effects.Effect:
    """Returns an effect as lists show it."""
    return effects.Effect(
        effect_id=effect_id_text(row.id),
        idempotency_key=row.key.hex(),
        action=event_pb2.Action.FromString(row.action),
        subject_id=row.identifier.decode("utf-8", "replace"),
        subject_type=cast("event_pb2.IdentifierType", row.identifier_type),
        channel=cast("event_pb2.Channel", row.channel),
        urgency=cast("event_pb2.Urgency", row.urgency),
        trigger_id=trigger_id if row.trigger != NO_TRIGGER else "",
        action_index=row.action_index,
        step=row.step,
        source=cast("effects.EffectSource", row.source),
        origin_sequence=row.origin_sequence,
        create_time_us=row.created_us,
        due_time_us=row.due_us,
        attempt=row.attempt_count,
        failure_reason=row.reason.decode("utf-8", "replace"),
    )


def handed_message(handed: Handed, trigger_id: str) -> effects.Effect:
    """Returns an effect as a worker is handed it."""
    message = effect_message(handed.row, trigger_id)
    message.attempt += 1
    message.lease_token = handed.token
    message.lease_expire_time_us = handed.lease_end_us
    return message


def new_effects_read(message: effects.EnqueueEffectsRequest, now_us: int) -> list[Enqueue]:
    """Returns the rows of a request. Errors: Refused."""
    if not message.effects:
        raise Refused("BATCH_EMPTY", "effects")
    if len(message.effects) > BATCH_MAX:
        raise Refused("BATCH_TOO_LARGE", "effects", str(len(message.effects)))
    return [
        _new_effect_read(effect, f"effects[{index}]", now_us)
        for index, effect in enumerate(message.effects)
    ]


def _new_effect_read(effect: effects.NewEffect, where: str, now_us: int) -> Enqueue:
    key = effect.idempotency_key.encode()
    if not key:
        raise Refused("FIELD_REQUIRED", f"{where}.idempotency_key")
    if len(key) > KEY_SIZE_MAX:
        raise Refused("FIELD_INVALID", f"{where}.idempotency_key", f"{len(key)} bytes")
    if not effect.subject_id:
        raise Refused("SUBJECT_MISSING", f"{where}.subject_id")
    if len(effect.subject_id.encode()) > KEY_SIZE_MAX:
        raise Refused("SUBJECT_INVALID", f"{where}.subject_id", effect.subject_id)
    if not effect.action.type:
        raise Refused("FIELD_REQUIRED", f"{where}.action.type")
    if len(effect.action.type.encode()) > TYPE_SIZE_MAX:
        raise Refused("FIELD_INVALID", f"{where}.action.type", effect.action.type)
    if effect.due_time_us < 0 or effect.due_time_us > now_us + DUE_US_MAX:
        raise Refused("FIELD_INVALID", f"{where}.due_time_us", str(effect.due_time_us))
    _enum_check(event_pb2.Channel, effect.channel, f"{where}.channel")
    _enum_check(event_pb2.Urgency, effect.urgency, f"{where}.urgency")
    _enum_check(event_pb2.IdentifierType, effect.subject_type, f"{where}.subject_type")
    return (
        effect.subject_id.encode(), effect.subject_type, key, effect.due_time_us,
        effect.urgency, effect.channel, effect.action.SerializeToString(deterministic=True),
    )  # fmt: skip


def choice_read(channels: Sequence[int], action_types: Sequence[str]) -> EffectChoice:
    """Returns which effects a worker takes. Errors: Refused(FIELD_INVALID)."""
    for index, channel in enumerate(channels):
        _enum_check(event_pb2.Channel, channel, f"channels[{index}]")
    if len(action_types) > TYPES_MAX:
        raise Refused("FIELD_INVALID", "action_types", f"{len(action_types)} types")
    return EffectChoice(frozenset(channels), frozenset(action_types))


def filter_read(message: effects.EffectFilter) -> Callable[[EffectRow], bool]:
    """Returns whether a row is meant. Errors: Refused(FIELD_INVALID)."""
    choice = choice_read(message.channels, message.action_types)
    subject = message.subject_id.encode()
    latest_us = message.create_time_us_max
    if latest_us < 0:
        raise Refused("FIELD_INVALID", "filter.create_time_us_max", str(latest_us))

    def fits(row: EffectRow) -> bool:
        return (
            choice.fits((row.channel, action_type(row.action)))
            and (not subject or row.identifier == subject)
            and (not latest_us or row.created_us <= latest_us)
        )

    return fits


def leases_read(leases: Sequence[effects.EffectLease]) -> list[tuple[EffectId, str]]:
    """Returns ids and tokens. Errors: Refused."""
    _count_check(len(leases), "leases")
    return [_lease_read(lease, f"leases[{index}]") for index, lease in enumerate(leases)]


def failures_read(failures: Sequence[effects.FailedEffect]) -> list[Failure]:
    """Returns the failed attempts of a request. Errors: Refused."""
    _count_check(len(failures), "failures")
    found = []
    for index, failure in enumerate(failures):
        where = f"failures[{index}]"
        if not 0 <= failure.retry_delay_us <= DELAY_US_MAX:
            raise Refused("FIELD_INVALID", f"{where}.retry_delay_us", str(failure.retry_delay_us))
        effect_id, token = _lease_read(failure.lease, f"{where}.lease")
        reason = failure.reason.encode()[:REASON_SIZE_MAX].decode("utf-8", "ignore").encode()
        found.append(Failure(effect_id, token, reason, failure.permanent, failure.retry_delay_us))
    return found


def ids_read(texts: Sequence[str]) -> list[EffectId]:
    """Returns the ids of a request. Errors: Refused."""
    if len(texts) > BATCH_MAX:
        raise Refused("BATCH_TOO_LARGE", "effect_ids", str(len(texts)))
    return [_id_read(text, f"effect_ids[{index}]") for index, text in enumerate(texts)]


def count_read(field: str, count: int, default: int) -> int:
    """Returns how many effects are asked for. Errors: Refused(FIELD_INVALID)."""
    if count > BATCH_MAX:
        raise Refused("FIELD_INVALID", field, str(count))
    return count or default


def lease_us_read(lease_us: int) -> int:
    """Returns the length of a lease, 0 for the policy's. Errors: Refused(FIELD_INVALID)."""
    if lease_us and not LEASE_US_MIN <= lease_us <= LEASE_US_MAX:
        raise Refused("FIELD_INVALID", "lease_us", str(lease_us))
    return lease_us


def worker_check(worker_id: str) -> None:
    """Refuses a name beyond its size. Errors: Refused(FIELD_INVALID)."""
    if len(worker_id.encode()) > WORKER_SIZE_MAX:
        raise Refused("FIELD_INVALID", "worker_id", worker_id)


def _count_check(count: int, field: str) -> None:
    if not count:
        raise Refused("BATCH_EMPTY", field)
    if count > BATCH_MAX:
        raise Refused("BATCH_TOO_LARGE", field, str(count))


def _lease_read(lease: effects.EffectLease, where: str) -> tuple[EffectId, str]:
    if not lease.lease_token:
        raise Refused("FIELD_INVALID", f"{where}.lease_token")
    return _id_read(lease.effect_id, f"{where}.effect_id"), lease.lease_token


def _id_read(text: str, where: str) -> EffectId:
    found = effect_id_read(text)
    if found is None:
        raise Refused("FIELD_INVALID", where, text)
    return found


def _enum_check(kind: object, number: int, where: str) -> None:
    if number not in kind.DESCRIPTOR.values_by_number:  # type: ignore[attr-defined]
        raise Refused("FIELD_INVALID", where, str(number))
