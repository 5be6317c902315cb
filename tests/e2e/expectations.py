"""What the server has to answer on the demo's inputs, computed from the raw files by plain Python.

Nothing of Kairos is imported: the rules are written again from docs/guides,
the readers again from the files. Usage:

    python tests/e2e/expectations.py DATA [--write]             # serenade and retail
    python tests/e2e/expectations.py --events FILE [--write]    # JSON lines of the demo's generator

prints the numbers, and with --write stores them under tests/e2e/expected/.
"""

import argparse
import csv
import gzip
import hashlib
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from expectation_rules import Moment, Row, SubjectState, apply_row

HOUR_US = 3600 * 1_000_000
DAY_US = 24 * HOUR_US
EXPECTED = Path(__file__).parent / "expected"
# No value that is compared with a fractional threshold may be this close to it:
# the server's exp is not libm's.
MARGIN = 1e-9


@dataclass(frozen=True)
class Case:
    """One input: how its triggers, its per-subject line and its decisions come about."""

    name: str
    fired: Callable[[Moment], Iterator[str]]
    line: Callable[[SubjectState], list[int]]
    decision: Callable[[str, SubjectState, int], dict[str, str]]
    half_lives_us: dict[str, int]
    totals: dict[str, str]


def compute(case: Case, rows: Iterable[Row]) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """The expectations of one input, and the line of every subject that they summarise."""
    subjects: dict[str, SubjectState] = {}
    seen: dict[tuple[str, str], tuple[str, ...]] = {}
    refused, triggers, types = Counter(), Counter(), Counter()
    sent = duplicates = now_us = 0
    for row in rows:
        sent += 1
        reason = refusal(row)
        if reason:
            refused[reason] += 1
            continue
        key = (row["subject_id"], row["event_id"])
        if key in seen:
            duplicates += 1
            continue
        now_us = max(now_us, row["occurred_time_us"])
        types[row["event_type"]] += 1
        subject = subjects.setdefault(row["subject_id"], SubjectState())
        moment = apply_row(subject, row, now_us, case.half_lives_us)
        seen[key] = tuple(case.fired(moment))
        triggers.update(seen[key])
    lines = {subject_id: case.line(subject) for subject_id, subject in subjects.items()}
    summary = {
        "input": case.name,
        "sent": sent,
        "accepted": sum(types.values()),
        "refused": dict(sorted(refused.items())),
        "duplicates": duplicates,
        "late": sum(subject.late_count for subject in subjects.values()),
        "events_by_type": dict(sorted(types.items())),
        "subjects": len(subjects),
        "sessions": sum(subject.session_count for subject in subjects.values()),
        "triggers": dict(sorted(triggers.items())),
        "totals": {
            name: sum(subject.values[event_type] for subject in subjects.values())
            for name, event_type in case.totals.items()
        },
        "subjects_sha256": digest(lines),
        "ten": ten(case, subjects, now_us),
    }
    return summary, lines


def refusal(row: Row) -> str:
    """Why the server has to refuse the row; empty when it must not.

    Only the faults that the inputs hold.
    """
    currency = row.get("currency_code", "")
    known = {"analytics", "personalization", "marketing"}
    if not row["subject_id"]:
        return "SUBJECT_MISSING"
    if not row["event_type"]:
        return "EVENT_TYPE_MISSING"
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        return "CURRENCY_INVALID"
    if isinstance(row.get("attributes", {}).get("time_on_page"), str):
        return "ATTRIBUTE_TYPE_MISMATCH"
    if set(row.get("consents", {})) - known:
        return "CONSENT_PURPOSE_UNKNOWN"
    return ""


def digest(lines: dict[str, list[int]]) -> str:
    """SHA-256 over `subject number number …` lines, sorted by subject as text."""
    text = "".join(
        f"{subject_id} {' '.join(map(str, line))}\n" for subject_id, line in sorted(lines.items())
    )
    return hashlib.sha256(text.encode()).hexdigest()


def ten(case: Case, subjects: dict[str, SubjectState], now_us: int) -> list[dict[str, Any]]:
    """The ten subjects with most events (among equals the smaller id),
    with their numbers and decisions.
    """
    chosen = sorted(
        subjects, key=lambda subject_id: (-subjects[subject_id].event_count, subject_id)
    )[:10]
    return [
        {
            "subject": subject_id,
            "line": case.line(subjects[subject_id]),
            "decisions": case.decision(subject_id, subjects[subject_id], now_us),
        }
        for subject_id in chosen
    ]


def granted(subject: SubjectState, purpose: str) -> bool:
    return subject.consents.get(purpose, (0, ""))[1] == "granted"


def consented(rows: list[Row]) -> Iterator[Row]:
    """The rows with the consents that the demo states before them,
    by the last digit of the subject's id.
    """
    start_us = rows[0]["occurred_time_us"] - DAY_US
    for subject_id in sorted({row["subject_id"] for row in rows} - {""}, key=int):
        status = "granted" if subject_id[-1] in "0123456" else "denied"
        if subject_id[-1] != "9":
            yield {
                "event_id": f"consent:{subject_id}",
                "event_type": "consent",
                "subject_id": subject_id,
                "occurred_time_us": start_us,
                "consents": {"personalization": status, "marketing": status},
            }
    yield from rows


# --- serenade -------------------------------------------------------------------------------------


def serenade_rows(data: Path) -> list[Row]:
    rows = []
    for file_index, name in enumerate(("train", "valid")):
        text = (data / "serenade" / f"{name}.txt").read_text().splitlines()
        for number, line in enumerate(text[1:], start=1):
            session, item, seconds = line.split("\t")
            time_us = int(Fraction(seconds) * 1_000_000)
            row = {
                "event_id": f"{name}:{number}",
                "event_type": "click",
                "subject_id": session,
                "session_id": session,
                "occurred_time_us": time_us,
                "attributes": {"item_id": int(item)},
            }
            rows.append(((time_us, file_index, number), row))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def serenade_fired(moment: Moment) -> Iterator[str]:
    if moment.row["event_type"] != "click":
        return
    if moment.session.event_count == 10:
        yield "deep_session"
    if moment.subject.window_count("click", 300 * 1_000_000, moment.now_us) >= 6:
        yield "click_burst"
    before_us = moment.previous["last_time_us"]
    if before_us is not None and moment.now_us - before_us > HOUR_US // 2:
        yield "session_resumed"
    if moment.row["attributes"]["item_id"] < 500:
        yield "early_items"


def serenade_decision(subject_id: str, subject: SubjectState, now_us: int) -> dict[str, str]:
    if subject.counts["click"] >= 60 and granted(subject, "personalization"):
        return {"recommendations": "recommendations_deep"}
    if (subject.last_items.get("click") or 0) >= 10_000:
        return {"recommendations": "recommendations_catalogue"}
    return {"recommendations": "recommendations_popular"}


def serenade_line(subject: SubjectState) -> list[int]:
    return [subject.event_count, subject.session_count, subject.late_count, subject.counts["click"]]


# --- retail ---------------------------------------------------------------------------------------


def retail_rows(data: Path) -> list[Row]:
    rows = []
    with gzip.open(
        data / "uci_online_retail_until_2011-09.csv.gz", "rt", encoding="utf-8", newline=""
    ) as file:
        for number, line in enumerate(csv.reader(file)):
            if number == 0:
                continue
            invoice, _, _, quantity, date, price, customer, _ = line
            row = {
                "event_id": str(number),
                "event_type": "cancellation" if invoice[0] == "C" else "purchase",
                "subject_id": customer.removesuffix(".0"),
                "occurred_time_us": time_us_of(date),
                "value_minor": value_minor_of(quantity, price),
                "currency_code": "GBP",
            }
            rows.append(row)
    return sorted(rows, key=lambda row: (row["occurred_time_us"], int(row["event_id"])))


@cache
def time_us_of(date: str) -> int:
    moment = datetime.strptime(date, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


@cache
def value_minor_of(quantity: str, price: str) -> int:
    return half_up(Fraction(quantity) * Fraction(price) * 100)


def half_up(value: Fraction) -> int:
    """Nearest whole number, halves away from zero."""
    magnitude = math.floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def retail_fired(moment: Moment) -> Iterator[str]:
    if moment.row["event_type"] == "cancellation" and moment.row["value_minor"] <= -10_000:
        yield "large_cancellation"
    if moment.row["event_type"] != "purchase":
        return
    before_us = moment.previous["last_time_us"]
    if before_us is not None and moment.now_us - before_us > 30 * DAY_US:
        yield "re_engagement"
    if moment.session.values["purchase"] > 100_000 >= moment.previous["session_value"]:
        yield "big_basket"
    if moment.subject.counts["purchase"] == 1:
        yield "first_purchase"
    if moment.subject.window_count("purchase", 7 * DAY_US, moment.now_us) == 100:
        yield "busy_week"


def retail_decision(subject_id: str, subject: SubjectState, now_us: int) -> dict[str, str]:
    last_us = subject.last_times_us.get("purchase")
    if subject.values["purchase"] > 500_000 and granted(subject, "personalization"):
        content = "banner_vip"
    elif subject.counts["cancellation"] >= 20 and subject.values["cancellation"] <= -20_000:
        content = "banner_service_recovery"
    elif last_us is not None and now_us - last_us > 60 * DAY_US and granted(subject, "marketing"):
        content = "banner_win_back"
    else:
        content = "banner_default"
    return {"account_banner": content}


def retail_line(subject: SubjectState) -> list[int]:
    counts, values = subject.counts, subject.values
    lines = [counts["purchase"], values["purchase"], counts["cancellation"], values["cancellation"]]
    return [subject.event_count, subject.session_count, subject.late_count, *lines]


# --- the generator --------------------------------------------------------------------------------


def engagement(subject: SubjectState, now_us: int) -> float:
    weights = {"page_view": 0.12, "scroll": 0.08, "cart_add": 0.4, "purchase": 0.5}
    return 1 - math.exp(
        -sum(
            w * subject.decayed_value(name, HALF_LIVES_US[name], now_us)
            for name, w in weights.items()
        )
    )


def above(value: float, threshold: float) -> bool:
    """value > threshold, where rounding cannot decide it."""
    assert abs(value - threshold) > MARGIN, (
        f"{value} is too close to {threshold} to be a fair expectation"
    )
    return value > threshold


def generated_fired(moment: Moment) -> Iterator[str]:
    row, subject, session = moment.row, moment.subject, moment.session
    event_type, attributes = row["event_type"], row.get("attributes", {})
    if event_type == "purchase":
        before_us = moment.previous["last_time_us"]
        if before_us is not None and moment.now_us - before_us > 72 * HOUR_US:
            yield "re_engagement"
        if session and session.values["purchase"] > 20_000 >= moment.previous["session_value"]:
            yield "big_basket"
    intent = event_type == "exit_intent" and attributes["time_on_page"] > 30_000
    if intent and above(engagement(subject, moment.now_us), 0.7):
        yield "high_intent_exit_prevention"
    if event_type == "cart_add":
        carts = subject.window_count("cart_add", 7 * DAY_US, moment.now_us)
        pages = session.counts["page_view"] if session else 0
        logit = -2.5 + 0.8 * carts + 0.15 * pages + 0.3 * subject.counts["purchase"]
        if above(1 / (1 + math.exp(-logit)), 0.6):
            yield "likely_buyer"
    if (
        event_type == "scroll"
        and attributes["scroll_depth"] >= 0.9
        and row["device_type"] == "mobile"
    ):
        yield "mobile_reader"


def generated_decision(subject_id: str, subject: SubjectState, now_us: int) -> dict[str, str]:
    device = ("mobile", "desktop", "tablet")[int(subject_id[-1]) % 3]
    persona = subject.traits.get("persona", (0, ""))[1]
    hero = "hero_default"
    if persona and granted(subject, "personalization"):
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in persona)
        hero = f"hero{snake}_{device}"
    if subject.values["purchase"] > 50_000:
        overlay = "exit_vip"
    elif granted(subject, "marketing") and above(engagement(subject, now_us), 0.7):
        overlay = "exit_discount"
    else:
        overlay = "exit_guide" if subject.counts["page_view"] >= 3 else "exit_newsletter"
    return {"exit_overlay": overlay, "homepage_hero": hero}


def generated_line(subject: SubjectState) -> list[int]:
    counts = [subject.counts["page_view"], subject.counts["purchase"], subject.values["purchase"]]
    return [subject.event_count, subject.session_count, subject.late_count, *counts]


HALF_LIVES_US = {"page_view": DAY_US, "scroll": DAY_US, "cart_add": DAY_US, "purchase": 7 * DAY_US}
SERENADE = Case("serenade", serenade_fired, serenade_line, serenade_decision, {}, {})
RETAIL_TOTALS = {"revenue_minor": "purchase", "cancelled_minor": "cancellation"}
RETAIL = Case("retail", retail_fired, retail_line, retail_decision, {}, RETAIL_TOTALS)
GENERATED = Case(
    "generated",
    generated_fired,
    generated_line,
    generated_decision,
    HALF_LIVES_US,
    {"revenue_minor": "purchase"},
)


def main() -> None:
    parser = argparse.ArgumentParser(description="computes what the server has to answer")
    parser.add_argument("data", nargs="?", type=Path, help="folder of the data sets")
    parser.add_argument("--events", type=Path, help="JSON lines of the generator")
    parser.add_argument(
        "--write", action="store_true", help="store the numbers under tests/e2e/expected/"
    )
    arguments = parser.parse_args()
    inputs: list[tuple[Case, Iterable[Row]]] = []
    if arguments.data:
        inputs += [
            (SERENADE, consented(serenade_rows(arguments.data))),
            (RETAIL, consented(retail_rows(arguments.data))),
        ]
    if arguments.events:
        inputs.append((GENERATED, map(json.loads, arguments.events.read_text().splitlines())))
    for case, rows in inputs:
        text = json.dumps(compute(case, rows)[0], indent=2) + "\n"
        sys.stdout.write(text)
        if arguments.write:
            (EXPECTED / f"{case.name}.json").write_text(text)


if __name__ == "__main__":
    main()
