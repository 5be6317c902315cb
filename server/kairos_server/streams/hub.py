"""Tells subscribers what was committed. Costs nothing while nobody subscribes."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from google.protobuf.message import Message
from kairos.v1 import event_pb2, ingest_service_pb2, profile_service_pb2
from kairos.v1 import subscribe_service_pb2 as contract
from kairos_native.engine import Pending, Refusal

from kairos_server.streams.subscription import Ended, Subscription
from kairos_server.telemetry import Reading

_LOG = logging.getLogger("kairos.streams")
SCORES: Final = ("engagement_score", "intent_probability")
Result = ingest_service_pb2.IngestResponse | ingest_service_pb2.IngestResult
Listen = Callable[["Callable[[Sequence[Pending]], None] | None"], None]


class HubEngine(Protocol):
    """What the hub needs of kairos_native.engine.Engine."""

    def profile(self, tenant: int, subject_id: bytes, at_us: int | None, now_us: int) -> bytes:
        """Answers for GetProfile; see engine.pyi."""
        ...


class SubscriptionHub:
    """The subscriptions of all tenants.

    `listen` sets what the writer calls on the event loop after each commit, in the order of the
    log; None while there is no subscription, so that a commit then pays for one comparison.
    Threads: the event loop's.
    """

    def __init__(self, engine: HubEngine, listen: Listen, clock_us: Callable[[], int]) -> None:
        self._engine = engine
        self._listen = listen
        self._clock_us = clock_us
        self._subscriptions: dict[int, list[Subscription]] = {}
        self._counts = {"behavioral_event": 0, "trigger_notification": 0, "engagement_metrics": 0}
        self._closed = False
        self.dropped_count = 0
        self.sequence = 0
        """Newest log position that was looked at; 0 before the first subscription."""

    def add(self, subscription: Subscription) -> None:
        """Tells the subscription everything from now on. Errors: Ended while shutting down."""
        if self._closed:
            raise Ended
        if not self._subscriptions:
            self._listen(self.committed)
        self._subscriptions.setdefault(subscription.tenant, []).append(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Tells it nothing more. Idempotent."""
        group = self._subscriptions.get(subscription.tenant, [])
        if subscription in group:
            group.remove(subscription)
            if not group:
                del self._subscriptions[subscription.tenant]
        if not self._subscriptions:
            self._listen(None)

    def close(self) -> None:
        """Ends all subscriptions, and takes no more."""
        self._closed = True
        for group in self._subscriptions.values():
            for subscription in group:
                subscription.end(Ended())

    def readings(self) -> Iterator[Reading]:
        """Yields what is known here."""
        count = sum(len(group) for group in self._subscriptions.values())
        yield Reading("kairos_subscribers", count)
        for kind, messages in self._counts.items():
            yield Reading("kairos_subscription_messages", messages, (kind,))
        yield Reading("kairos_subscription_messages_dropped", self.dropped_count)

    def committed(self, pendings: Sequence[Pending]) -> None:
        """Takes the requests of one commit, in the order of the log. Never raises: a commit has
        happened, whatever becomes of its news.
        """
        for pending in pendings:
            group = self._subscriptions.get(pending.tenant)
            if group is None or not pending.response:
                continue
            try:
                self._tell(group, pending)
            except Exception as error:
                _LOG.exception("subscription failed", extra={"kind": type(error).__name__})

    def _tell(self, group: list[Subscription], pending: Pending) -> None:
        moved: dict[str, event_pb2.Event] = {}
        for event, result in results_of(pending):
            if not result.processed or result.duplicate:
                continue
            self.sequence = max(self.sequence, result.sequence)
            moved[event.subject_id] = event
            for subscription in group:
                if subscription.filter.passes(event):
                    self._tell_one(subscription, pending, event, result)
        for subscription in group:
            if subscription.filter.engagement:
                self._tell_scores(subscription, pending, moved)

    def _tell_one(
        self,
        subscription: Subscription,
        pending: Pending,
        event: event_pb2.Event,
        result: Result,
    ) -> None:
        choice = subscription.filter
        if choice.events:
            self._put(
                subscription,
                pending,
                result.sequence,
                behavioral_event=contract.BehavioralEvent(
                    event=choice.reduced(event),
                    late=result.late,
                    trigger_ids=[fired.trigger_id for fired in result.triggers],
                ),
            )
        for fired in result.triggers:
            if choice.wants(fired.trigger_id):
                self._put(
                    subscription,
                    pending,
                    result.sequence,
                    trigger_notification=contract.TriggerNotification(
                        trigger=fired,
                        subject_id=event.subject_id,
                        session_id=event.session_id,
                        event_type=event.event_type,
                        device_type=event.device_type,
                    ),
                )

    def _tell_scores(
        self, subscription: Subscription, pending: Pending, moved: dict[str, event_pb2.Event]
    ) -> None:
        for event in moved.values():
            if not subscription.filter.passes(event):
                continue
            try:
                answer = self._engine.profile(
                    pending.tenant, event.subject_id.encode(), None, self._clock_us()
                )
            except Refusal:
                # Erased meanwhile: there is nothing to tell.
                continue
            profile = profile_service_pb2.GetProfileResponse.FromString(answer).profile
            metrics = contract.EngagementMetrics(
                subject_id=event.subject_id,
                session_id=event.session_id,
                event_count=profile.event_count,
                session_count=profile.session_count,
                **scores_of(profile),
            )
            self._put(subscription, pending, profile.sequence, engagement_metrics=metrics)

    def _put(
        self, subscription: Subscription, pending: Pending, sequence: int, **part: Message
    ) -> None:
        message = contract.SubscribeResponse(
            sequence=sequence,
            time_us=pending.received_us,
            **part,  # type: ignore[arg-type]
        )
        if subscription.put(sequence, pending.received_us, message.SerializeToString()):
            self._counts[next(iter(part))] += 1
        else:
            self.dropped_count += 1


def results_of(pending: Pending) -> Iterator[tuple[event_pb2.Event, Result]]:
    """Yields the events of a committed request with their results, in their order."""
    if not pending.batch:
        request = ingest_service_pb2.IngestRequest.FromString(pending.payload)
        yield request.event, ingest_service_pb2.IngestResponse.FromString(pending.response)
        return
    events = ingest_service_pb2.IngestBatchRequest.FromString(pending.payload).events
    answer = ingest_service_pb2.IngestBatchResponse.FromString(pending.response)
    yield from zip(events, answer.results, strict=True)


def scores_of(profile: profile_service_pb2.Profile) -> dict[str, float]:
    """Returns the scores that the plan has and that have a value."""
    found: dict[str, float] = {}
    for feature in profile.features:
        if feature.name in SCORES and feature.HasField("value"):
            value = feature.value
            if value.WhichOneof("value") == "double_value":
                found[feature.name] = value.double_value
            elif value.WhichOneof("value") == "int_value":
                found[feature.name] = float(value.int_value)
    return found
