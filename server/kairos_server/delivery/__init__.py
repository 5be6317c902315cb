"""Delivery: pending effects, leases, retries, dead letters."""

from kairos_server.delivery.delivery import Delivery
from kairos_server.delivery.entry import EntryState
from kairos_server.delivery.index import EffectChoice
from kairos_server.delivery.outbox import Handed
from kairos_server.delivery.outcome import Failure, Result
from kairos_server.delivery.policy import DeliveryPolicy, delivery_policy_read
from kairos_server.delivery.row import (
    NO_TRIGGER,
    EffectId,
    EffectRow,
    action_type,
    effect_id_read,
    effect_id_text,
)

__all__ = [
    "NO_TRIGGER",
    "Delivery",
    "DeliveryPolicy",
    "EffectChoice",
    "EffectId",
    "EffectRow",
    "EntryState",
    "Failure",
    "Handed",
    "Result",
    "action_type",
    "delivery_policy_read",
    "effect_id_read",
    "effect_id_text",
]
