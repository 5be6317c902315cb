"""The rules of docs/guides/time.md for one subject, in plain Python, written from the text.

Imports nothing of Kairos.
"""

import math
from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

GAP_US = 30 * 60 * 1_000_000
LATENESS_US_MAX = 24 * 3600 * 1_000_000
SESSIONS_KEPT = 4
BUCKET_COUNT = 32

Row = dict[str, Any]


@dataclass(slots=True)
class Session:
    key: str
    start_us: int
    last_us: int
    ordinal: int
    event_count: int = 0
    counts: Counter = field(default_factory=Counter)
    values: Counter = field(default_factory=Counter)


@dataclass(slots=True)
class Moment:
    """What a condition may read while one event is evaluated.

    `previous` holds the values before the event.
    """

    row: Row
    now_us: int
    late: bool
    session: Session | None
    subject: "SubjectState"
    previous: dict[str, Any]


@dataclass(slots=True)
class SubjectState:
    event_count: int = 0
    session_count: int = 0
    late_count: int = 0
    sessions: list[Session] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    values: Counter = field(default_factory=Counter)
    last_times_us: dict[str, int] = field(default_factory=dict)
    last_items: dict[str, Any] = field(default_factory=dict)
    in_time_us: dict[str, list[int]] = field(default_factory=dict)
    decayed: dict[tuple[str, int], tuple[float, int]] = field(default_factory=dict)
    consents: dict[str, tuple[int, str]] = field(default_factory=dict)
    traits: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def session_of(self, key: str, time_us: int) -> Session | None:
        """The session that takes an event at time_us: rules 1 and 2 of "Sessions"."""
        if key:
            found = next((session for session in self.sessions if session.key == key), None)
            return found or self.session_opened(key, time_us)
        covering = [
            session
            for session in self.sessions
            if session.start_us - GAP_US <= time_us <= session.last_us + GAP_US
        ]
        if covering:
            return max(covering, key=lambda session: (session.last_us, session.ordinal))
        if all(time_us > session.last_us for session in self.sessions):
            return self.session_opened("", time_us)
        return None

    def session_opened(self, key: str, time_us: int) -> Session:
        if len(self.sessions) == SESSIONS_KEPT:
            self.sessions.remove(
                min(self.sessions, key=lambda session: (session.last_us, session.ordinal))
            )
        self.session_count += 1
        self.sessions.append(Session(key, time_us, time_us, self.session_count))
        return self.sessions[-1]

    def window_count(self, event_type: str, window_us: int, now_us: int) -> int:
        """count(type, window) at now: events that were not late, in the newest 32 buckets."""
        bucket_us = -(-window_us // BUCKET_COUNT)
        newest = now_us // bucket_us
        times_us = self.in_time_us.get(event_type, [])
        oldest_us, end_us = (newest - BUCKET_COUNT + 1) * bucket_us, (newest + 1) * bucket_us
        return bisect_left(times_us, end_us) - bisect_left(times_us, oldest_us)

    def decayed_value(self, event_type: str, half_life_us: int, now_us: int) -> float:
        value, stamp_us = self.decayed.get((event_type, half_life_us), (0.0, now_us))
        if now_us > stamp_us:
            return value * math.exp(-(float(now_us - stamp_us) * (math.log(2) / half_life_us)))
        return value

    def decayed_add(self, event_type: str, half_life_us: int, time_us: int) -> None:
        key = (event_type, half_life_us)
        if key not in self.decayed:
            self.decayed[key] = (1.0, time_us)
            return
        value, stamp_us = self.decayed[key]
        factor = math.exp(-(float(abs(time_us - stamp_us)) * (math.log(2) / half_life_us)))
        self.decayed[key] = (
            (value * factor + 1.0, time_us) if time_us >= stamp_us else (value + factor, stamp_us)
        )


def apply_row(
    subject: SubjectState, row: Row, now_us: int, half_lives_us: dict[str, int]
) -> Moment:
    """Applies one accepted event and returns what its conditions may read."""
    event_type, time_us = row["event_type"], row["occurred_time_us"]
    late = now_us - time_us > LATENESS_US_MAX
    previous = {"last_time_us": subject.last_times_us.get(event_type)}
    session = subject.session_of(row.get("session_id", ""), time_us)
    previous["session_value"] = session.values[event_type] if session else None
    if session:
        session.start_us, session.last_us = (
            min(session.start_us, time_us),
            max(session.last_us, time_us),
        )
        session.event_count += 1
        session.counts[event_type] += 1
        session.values[event_type] += row.get("value_minor", 0)
    subject.event_count += 1
    subject.late_count += late
    subject.counts[event_type] += 1
    subject.values[event_type] += row.get("value_minor", 0)
    if not late:
        insort(subject.in_time_us.setdefault(event_type, []), time_us)
    if event_type in half_lives_us:
        subject.decayed_add(event_type, half_lives_us[event_type], time_us)
    if time_us >= subject.last_times_us.get(event_type, 0):
        subject.last_times_us[event_type] = time_us
        subject.last_items[event_type] = row.get("attributes", {}).get("item_id")
    for kept, stated in (
        (subject.consents, row.get("consents", {})),
        (subject.traits, row.get("traits", {})),
    ):
        for name, value in stated.items():
            if time_us >= kept.get(name, (0, None))[0]:
                kept[name] = (time_us, value)
    return Moment(row, now_us, late, session, subject, previous)
