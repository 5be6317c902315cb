"""Gathers what the server answered into one report, compares it with
expectations, and prints it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kairos.v1 import event_pb2, personalization_service_pb2, profile_service_pb2

from kairos_server.demo.client import Client, Outcome
from kairos_server.demo.events import Row, value_of
from kairos_server.demo.inputs import DemoInput, device_of

Report = dict[str, Any]
PERCENTS = (50, 90, 99)
# What one machine or run decides; everything else is compared with the expectations.
UNVERIFIED = ("seconds", "latencies_ms", "plan_id", "people")


@dataclass(slots=True)
class Tally:
    """Counts the outcomes of events as they come."""

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    repeats_unequal: int = 0
    """Repeats that were told other triggers than the first receipt."""
    refused: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    triggers: Counter[str] = field(default_factory=Counter)
    first: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(subject, event id) -> triggers of the first receipt."""
    subject_ids: set[str] = field(default_factory=set)

    def add(self, row: Row, outcome: Outcome) -> None:
        """Counts one event."""
        self.sent += 1
        key = (row["subject_id"], row["event_id"])
        if outcome.reason:
            self.refused[outcome.reason] += 1
        elif outcome.duplicate:
            self.duplicates += 1
            self.repeats_unequal += self.first.get(key) != outcome.trigger_ids
        else:
            self.accepted += 1
            self.late += outcome.late
            self.types[row["event_type"]] += 1
            self.triggers.update(outcome.trigger_ids)
            self.first[key] = outcome.trigger_ids
            self.subject_ids.add(row["subject_id"])


def report_gather(
    client: Client, source: DemoInput, tally: Tally, profiles: Iterable[profile_service_pb2.Profile]
) -> Report:
    """Returns the report of one input, every number from an answer of the server."""
    lines: dict[str, list[int]] = {}
    sessions = 0
    totals = dict.fromkeys(source.totals, 0)
    kept: dict[str, profile_service_pb2.Profile] = {}
    for profile in profiles:
        numbers = feature_numbers(profile)
        lines[profile.subject_id] = line_of(profile, numbers, source)
        sessions += profile.session_count
        for name, feature in source.totals.items():
            totals[name] += numbers.get(feature, 0)
        kept[profile.subject_id] = profile
    chosen = sorted(kept, key=lambda subject_id: (-kept[subject_id].event_count, subject_id))[:10]
    people = [person_of(client, source, kept[subject_id]) for subject_id in chosen]
    return {
        "input": source.name,
        "sent": tally.sent,
        "accepted": tally.accepted,
        "refused": dict(sorted(tally.refused.items())),
        "duplicates": tally.duplicates,
        "late": tally.late,
        "events_by_type": dict(sorted(tally.types.items())),
        "subjects": len(lines),
        "sessions": sessions,
        "triggers": dict(sorted(tally.triggers.items())),
        "totals": totals,
        "subjects_sha256": lines_digest(lines),
        "ten": [
            {
                "subject": person["subject"],
                "line": lines[person["subject"]],
                "decisions": {
                    placement: shown["content_id"]
                    for placement, shown in person["decisions"].items()
                },
            }
            for person in people
        ],
        "people": people,
    }


def feature_numbers(profile: profile_service_pb2.Profile) -> dict[str, int]:
    """Returns the whole-number features of a profile; one without a value is left out."""
    values = {
        feature.name: value_of(feature.value)
        for feature in profile.features
        if feature.HasField("value")
    }
    return {name: value for name, value in values.items() if isinstance(value, int)}


def line_of(
    profile: profile_service_pb2.Profile, numbers: dict[str, int], source: DemoInput
) -> list[int]:
    """Returns events, sessions, late events and the input's features of one subject;
    nothing yet counts as 0.
    """
    counts = [profile.event_count, profile.session_count, profile.late_count]
    return counts + [numbers.get(feature, 0) for feature in source.features]


def lines_digest(lines: dict[str, list[int]]) -> str:
    """Returns the SHA-256 over `subject number number …` lines, sorted by subject as text."""
    text = "".join(
        f"{subject_id} {' '.join(map(str, line))}\n" for subject_id, line in sorted(lines.items())
    )
    return hashlib.sha256(text.encode()).hexdigest()


def person_of(
    client: Client, source: DemoInput, profile: profile_service_pb2.Profile
) -> dict[str, Any]:
    """Returns what is shown of one subject: profile and a decision per placement."""
    device = device_of(profile.subject_id)
    decisions = {}
    for placement in source.placements:
        response = client.decide(profile.subject_id, placement, device)
        decisions[placement] = decision_shown(response)
    return {
        "subject": profile.subject_id,
        "events": profile.event_count,
        "sessions": profile.session_count,
        "device": device,
        "traits": {trait.attribute.name: value_of(trait.attribute) for trait in profile.traits},
        "consents": {
            consent.purpose: event_pb2.ConsentStatus.Name(consent.status)
            .removeprefix("CONSENT_STATUS_")
            .lower()
            for consent in profile.consents
        },
        "features": {
            feature.name: value_of(feature.value)
            for feature in profile.features
            if feature.HasField("value")
        },
        "decisions": decisions,
    }


def decision_shown(response: personalization_service_pb2.DecideResponse) -> dict[str, Any]:
    """Returns the best decision of an answer in words."""
    if not response.decisions:
        return {"content_id": "", "reason": "none", "content": {}}
    best = response.decisions[0]
    reason = personalization_service_pb2.DecisionReason.Name(best.reason).removeprefix(
        "DECISION_REASON_"
    )
    return {
        "content_id": best.content_id or best.offer_id,
        "reason": reason.lower(),
        "score": best.score,
        "content": {attribute.name: value_of(attribute) for attribute in best.content},
    }


def latencies_ms(latencies_s: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Returns count and percentiles of each method's round trips, as seen by the client."""
    shown = {}
    for method, values in sorted(latencies_s.items()):
        ordered = sorted(values)
        row: dict[str, float] = {"count": len(ordered)}
        for percent in PERCENTS:
            # Nearest rank: the smallest value that at least `percent` of the calls did not exceed.
            rank = max(-(-percent * len(ordered) // 100), 1)
            row[f"p{percent}"] = round(ordered[rank - 1] * 1000, 3)
        row["max"] = round(ordered[-1] * 1000, 3)
        shown[method] = row
    return shown


def report_faults(report: Report, expected: Report) -> list[str]:
    """Returns one sentence per number that differs from the expectations; empty when all agree."""
    return [
        f"{report['input']}: {name} is {report.get(name)!r}, expected {value!r}"
        for name, value in expected.items()
        if report.get(name) != value and name not in UNVERIFIED
    ]


def report_text(report: Report) -> str:
    """Returns the report as text for people; the same report gives the same text."""
    parts = [f"{report['input']}: {report['sent']:,} events sent, plan {report['plan_id'][:12]}"]
    parts += _table(
        [
            ("accepted", report["accepted"]),
            ("duplicates", report["duplicates"]),
            ("late", report["late"]),
        ]
    )
    parts += _section("refused", report["refused"]) + _section(
        "accepted by type", report["events_by_type"]
    )
    parts += _table([("subjects", report["subjects"]), ("sessions", report["sessions"])])
    parts += _section("triggers fired", report["triggers"])
    parts += _section("totals (minor units)", report["totals"])
    parts.append("  ten subjects with most events")
    for person in report["people"]:
        parts += _person_lines(person)
    parts.append("  round trips, ms            count       p50       p90       p99       max")
    for method, row in report["latencies_ms"].items():
        numbers = "".join(f"{row[name]:>10.2f}" for name in ("p50", "p90", "p99", "max"))
        parts.append(f"    {method:<22}{row['count']:>8,}{numbers}")
    seconds = report["seconds"]
    parts.append(
        f"  sent in {seconds['send']:.1f} s ({report['sent'] / max(seconds['send'], 1e-9):,.0f} "
        "events/s)"
    )
    return "\n".join(parts) + "\n"


def _table(rows: list[tuple[str, int]]) -> list[str]:
    return [f"  {name:<32}{value:>14,}" for name, value in rows]


def _section(title: str, values: dict[str, int]) -> list[str]:
    if not values:
        return [f"  {title + ': none'}"]
    return [f"  {title}"] + [f"    {name:<30}{value:>14,}" for name, value in values.items()]


def _person_lines(person: dict[str, Any]) -> list[str]:
    consents = (
        ", ".join(f"{purpose} {status}" for purpose, status in person["consents"].items())
        or "none stated"
    )
    traits = ", ".join(f"{name} {value}" for name, value in person["traits"].items())
    features = ", ".join(
        f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in person["features"].items()
    )
    lines = [
        (
            f"    {person['subject']}: {person['events']} events, {person['sessions']} sessions; "
            f"consents: {consents}"
        )
    ]
    lines += [f"      traits: {traits}"] if traits else []
    lines += [f"      {features}"]
    for placement, decision in person["decisions"].items():
        content = "; ".join(str(value) for value in decision["content"].values())
        lines.append(
            f"      {placement} on {person['device']} -> {decision['content_id']} "
            f"({decision['reason']}): {content}"
        )
    return lines
