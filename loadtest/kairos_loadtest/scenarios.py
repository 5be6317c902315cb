"""The requests of each scenario, encoded before the run so that the generator only sends bytes."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from kairos.v1 import event_pb2, ingest_service_pb2, personalization_service_pb2

INGEST = "/kairos.v1.IngestService/Ingest"
INGEST_BATCH = "/kairos.v1.IngestService/IngestBatch"
DECIDE = "/kairos.v1.PersonalizationService/Decide"
PERSONAS = ("TechEarlyAdopter", "RemoteDad", "StudentHustler", "BusinessOwner")
BATCH_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Request:
    """One encoded call. `kind` groups the measurements: ingest, ingest_batch or decide."""

    kind: str
    method: str
    body: bytes


@dataclass(slots=True)
class Population:
    """Subjects and events like those of the demo tenant, from one seed."""

    source: random.Random
    subject_count: int
    run: str
    """Prefix of the event ids, so that two runs never repeat each other's."""
    number: int = 0

    def below(self, bound: int) -> int:
        return int(self.source.random() * bound)

    def event(self) -> event_pb2.Event:
        """Returns the next event; every type of the demo pack occurs."""
        self.number += 1
        event = event_pb2.Event(
            event_id=f"{self.run}-{self.number}",
            subject_id=f"load-{self.below(self.subject_count):06d}",
            device_type=("DEVICE_TYPE_MOBILE", "DEVICE_TYPE_DESKTOP")[self.number % 2],
            channel=event_pb2.CHANNEL_WEB,
            url="/products/item",
        )
        draw = self.below(100)
        if draw < 55:
            event.event_type = "page_view"
            event.attributes.add(name="item_id", string_value=f"item-{self.below(500)}")
            event.traits.add(name="persona", string_value=PERSONAS[self.below(len(PERSONAS))])
        elif draw < 80:
            event.event_type = "scroll"
            event.attributes.add(name="scroll_depth", double_value=self.below(101) / 100)
        elif draw < 90:
            event.event_type = "cart_add"
            event.attributes.add(name="quantity", int_value=1 + self.below(3))
        elif draw < 94:
            event.event_type, event.value_minor, event.currency_code = (
                "purchase",
                100 + self.below(30_000),
                "EUR",
            )
        else:
            event.event_type = "exit_intent"
            event.attributes.add(name="time_on_page", int_value=self.below(120_000))
        return event

    def ingest(self) -> Request:
        request = ingest_service_pb2.IngestRequest(event=self.event())
        return Request("ingest", INGEST, request.SerializeToString())

    def ingest_batch(self) -> Request:
        request = ingest_service_pb2.IngestBatchRequest(
            events=[self.event() for _ in range(BATCH_EVENTS)]
        )
        return Request("ingest_batch", INGEST_BATCH, request.SerializeToString())

    def decide(self) -> Request:
        context = personalization_service_pb2.Context(
            channel=event_pb2.CHANNEL_WEB,
            placement=("homepage_hero", "exit_overlay")[self.below(2)],
            device_type=event_pb2.DEVICE_TYPE_MOBILE,
        )
        subject = personalization_service_pb2.Subject(
            id=f"load-{self.below(self.subject_count):06d}"
        )
        constraints = personalization_service_pb2.Constraints(require_consent=False)
        request = personalization_service_pb2.DecideRequest(
            subject=subject, context=context, constraints=constraints
        )
        return Request("decide", DECIDE, request.SerializeToString())

    def mixed(self) -> Request:
        """Returns a decision in three of ten calls, else an event: a page that reports and asks."""
        return self.decide() if self.below(10) < 3 else self.ingest()


SCENARIOS: dict[str, Callable[[Population], Request]] = {
    "ingest": Population.ingest,
    "ingest_batch": Population.ingest_batch,
    "decide": Population.decide,
    "mixed": Population.mixed,
}


def requests_of(
    scenario: str, count: int, subject_count: int, run: str, seed: int
) -> list[Request]:
    """Returns the requests of a run. Errors: KeyError for an unknown scenario."""
    population = Population(random.Random(seed), subject_count, run)
    make = SCENARIOS[scenario]
    return [make(population) for _ in range(count)]
