"""The demo's own events, for those who have no data set: a shop with personas, devices, late
senders and bad events.

Run `python -m kairos_server.demo.generator > events.jsonl` to see them. The same seed gives the
same bytes on every machine and Python: only `random.random()` is drawn (its sequence is guaranteed)
and only integers are computed from it.
"""

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from kairos_server.demo.consent import consent_rows
from kairos_server.demo.events import Row

SEED = 20240603
START_US = 1_717_372_800_000_000  # 2024-06-03T00:00:00Z
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_COUNT = 14
SUBJECT_COUNT = 800
PURPOSES = ("analytics", "personalization", "marketing")
PERSONAS = ("TechEarlyAdopter", "RemoteDad", "StudentHustler", "BusinessOwner", "")
DEVICES = ("mobile", "desktop", "tablet")


@dataclass(slots=True)
class Draw:
    """Whole numbers from one seeded stream."""

    source: random.Random

    def below(self, bound: int) -> int:
        """Returns a number from 0 to bound - 1."""
        return int(self.source.random() * bound)

    def percent(self, chance: int) -> bool:
        return self.below(100) < chance


@dataclass(slots=True)
class Visit:
    """One visit under construction.

    `time_us` moves with the visitor; `delay_us` is how much later the events arrive.
    """

    subject_id: str
    session_id: str
    device_type: str
    persona: str
    time_us: int
    delay_us: int
    arrivals: list[tuple[int, Row]] = field(default_factory=list)

    def add(self, event_type: str, seconds: int, **fields: object) -> None:
        """Adds an event `seconds` after the last one."""
        self.time_us += seconds * SECOND_US
        row: Row = {"event_type": event_type, "subject_id": self.subject_id}
        if self.session_id:
            row["session_id"] = self.session_id
        row |= {
            "occurred_time_us": self.time_us,
            "device_type": self.device_type,
            "channel": "web",
            **fields,
        }
        self.arrivals.append((self.time_us + self.delay_us, row))


def generated_rows(subject_count: int = SUBJECT_COUNT, seed: int = SEED) -> Iterator[Row]:
    """Yields about 26 rows a subject in the order of their arrival, consents first."""
    draw = Draw(random.Random(seed))
    subject_ids = [f"u{index:05d}" for index in range(subject_count)]
    arrivals: list[tuple[int, Row]] = []
    for index, subject_id in enumerate(subject_ids):
        for visit_index in range(1 + draw.below(4)):
            arrivals += visit_arrivals(draw, index, subject_id, visit_index)
    # The sort is stable, so that events that arrive together keep the order in
    # which they were made.
    arrivals.sort(key=lambda arrival: arrival[0])
    yield from consent_rows(subject_ids, PURPOSES, START_US)
    yield from spoiled_rows(draw, (row for _, row in arrivals))


def visit_arrivals(
    draw: Draw, index: int, subject_id: str, visit_index: int
) -> list[tuple[int, Row]]:
    """Returns one visit's events with the times of their arrival.

    Every second subject sends a session id, the others leave it to the gap rule. One visit in ten
    was offline and arrives up to 40 hours later, hence out of order, and some of it later than
    windows take events.
    """
    delay_us = (1 + draw.below(40)) * HOUR_US if draw.percent(10) else 0
    start_us = START_US + draw.below(DAY_COUNT * 24 * 3600) * SECOND_US
    session_id = f"{subject_id}-{visit_index}" if index % 2 == 0 else ""
    # By tens: consents and devices go by the last digit, and every persona shall meet all of them.
    persona = PERSONAS[index // 10 % len(PERSONAS)]
    visit = Visit(subject_id, session_id, DEVICES[draw.below(3)], persona, start_us, delay_us)
    cart_minor = 0
    for page_index in range(1 + draw.below(11)):
        seconds = 0 if page_index == 0 else 5 + draw.below(175)
        traits = {"traits": {"persona": persona}} if persona and page_index == 0 else {}
        visit.add("page_view", seconds, attributes={"item_id": f"item-{draw.below(500)}"}, **traits)
        if draw.percent(60):
            visit.add(
                "scroll", 1 + draw.below(20), attributes={"scroll_depth": draw.below(101) / 100}
            )
        if draw.percent(18):
            quantity = 1 + draw.below(3)
            cart_minor += quantity * (199 + draw.below(9800))
            visit.add("cart_add", 1 + draw.below(30), attributes={"quantity": quantity})
        if cart_minor and draw.percent(15):
            visit.add("purchase", 20 + draw.below(60), value_minor=cart_minor, currency_code="EUR")
            cart_minor = 0
    if draw.percent(70):
        visit.add(
            "exit_intent", 1 + draw.below(9), attributes={"time_on_page": draw.below(120_000)}
        )
    return visit.arrivals


def spoiled_rows(draw: Draw, rows: Iterator[Row]) -> Iterator[Row]:
    """Numbers the rows, repeats one in a hundred a little later,
    and adds one bad row in two hundred.
    """
    repeats: list[tuple[int, Row]] = []
    for number, row in enumerate(rows, start=1):
        row = {"event_id": f"g{number:06d}", **row}
        yield row
        if draw.percent(1):
            repeats.append((number + draw.below(300), row))
        while repeats and repeats[0][0] <= number:
            yield repeats.pop(0)[1]
        if draw.below(200) == 0:
            yield bad_row(draw.below(5), {**row, "event_id": f"b{number:06d}"})


def bad_row(fault: int, row: Row) -> Row:
    """Returns the row with one of five faults, each of which the server refuses with a
    reason of its own.
    """
    if fault == 0:
        return {**row, "subject_id": ""}
    if fault == 1:
        return {**row, "event_type": ""}
    if fault == 2:
        return {**row, "value_minor": 100, "currency_code": "euro"}
    if fault == 3:
        return {**row, "attributes": {"time_on_page": "long"}}
    return {**row, "consents": {"telepathy": "granted"}}


def main() -> None:
    """Writes the rows as JSON lines."""
    for row in generated_rows():
        sys.stdout.write(json.dumps(row, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
