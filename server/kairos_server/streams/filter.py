"""Which events and triggers a subscription is told of, and which fields of them."""

from dataclasses import dataclass

from google.protobuf.field_mask_pb2 import FieldMask
from kairos.v1 import event_pb2
from kairos.v1 import subscribe_service_pb2 as contract


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """The filters of a SubscribeRequest; an empty set lets everything pass."""

    events: bool
    triggers: bool
    engagement: bool
    subject_ids: frozenset[str]
    session_ids: frozenset[str]
    event_types: frozenset[str]
    trigger_ids: frozenset[str]
    mask: FieldMask | None

    @classmethod
    def of(cls, request: contract.SubscribeRequest) -> "SubscriptionFilter":
        """Returns the filter of a checked request."""
        kinds = set(request.kinds) or {contract.SUBSCRIPTION_KIND_BEHAVIORAL_EVENTS}
        return cls(
            events=contract.SUBSCRIPTION_KIND_BEHAVIORAL_EVENTS in kinds,
            triggers=contract.SUBSCRIPTION_KIND_CONVERSION_TRIGGERS in kinds,
            engagement=contract.SUBSCRIPTION_KIND_ENGAGEMENT_METRICS in kinds,
            subject_ids=frozenset(request.subject_ids),
            session_ids=frozenset(request.session_ids),
            event_types=frozenset(request.event_types),
            trigger_ids=frozenset(request.trigger_ids),
            mask=FieldMask(paths=request.read_mask.paths) if request.read_mask.paths else None,
        )

    def passes(self, event: event_pb2.Event) -> bool:
        """True when the subscription wants to hear of the event."""
        return (
            (not self.subject_ids or event.subject_id in self.subject_ids)
            and (not self.session_ids or event.session_id in self.session_ids)
            and (not self.event_types or event.event_type in self.event_types)
        )

    def wants(self, trigger_id: str) -> bool:
        """True when it wants to hear of the trigger."""
        return self.triggers and (not self.trigger_ids or trigger_id in self.trigger_ids)

    def reduced(self, event: event_pb2.Event) -> event_pb2.Event:
        """Returns the event with the fields that were asked for."""
        if self.mask is None:
            return event
        part = event_pb2.Event()
        self.mask.MergeMessage(event, part)
        return part
