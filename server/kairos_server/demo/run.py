"""Sends inputs to a server and shows what became of them: the body of `make demo`."""

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import grpc
from kairos.v1 import profile_service_pb2

from kairos_server.demo import consent
from kairos_server.demo.client import Client, Outcome
from kairos_server.demo.events import Row, event_of
from kairos_server.demo.inputs import DemoInput
from kairos_server.demo.progress import Progress
from kairos_server.demo.report import (
    Report,
    Tally,
    latencies_ms,
    report_faults,
    report_gather,
    report_text,
)
from kairos_server.demo.server_process import ServerFailed, ServerProcess


def demo_run(
    server: ServerProcess, sources: list[DemoInput], options: argparse.Namespace
) -> list[str]:
    """Sends every input and prints its report; returns what differs from the expectations."""
    faults: list[str] = []
    reports: list[Report] = []
    for source in sources:
        _say(options, f"{source.name}: {source.source}")
        _say(options, f"  consents {consent.RULE}")
        with grpc.insecure_channel(server.address) as channel:
            client = Client(channel, server.keys[source.name])
            report, rows, outcomes = input_run(client, source)
            reports.append(report)
            _say(options, report_text(report))
            if options.twice:
                found = repeat_faults(client, source, report, rows, outcomes)
                _say(options, f"  sent twice: {len(rows):,} events, {len(found)} differences\n")
                faults += found
        if options.verify:
            expected = json.loads((options.verify / f"{source.name}.json").read_text())
            found = report_faults(report, expected)
            faults += found
            _say(options, f"  {len(expected)} expectations, {len(found)} differ\n")
    if options.json:
        print(json.dumps(reports, indent=2))
    return faults


def input_run(client: Client, source: DemoInput) -> tuple[Report, list[Row], list[Outcome]]:
    """Applies the pack, sends all rows, reads all profiles back;
    returns the report and what was said of each row.
    """
    plan = client.apply_pack(source.pack, author="demo")
    rows = list(source.rows())
    tally = Tally()
    start_s = time.perf_counter()
    outcomes = []
    for row, outcome in zip(rows, rows_send(client, source.name, rows), strict=True):
        tally.add(row, outcome)
        outcomes.append(outcome)
    send_s = time.perf_counter() - start_s
    report = report_gather(
        client, source, tally, profiles_read(client, source.name, tally.subject_ids)
    )
    report["plan_id"] = plan.plan_id
    report["latencies_ms"] = latencies_ms(client.latencies_s)
    report["seconds"] = {"send": round(send_s, 3), "all": round(time.perf_counter() - start_s, 3)}
    if tally.repeats_unequal:
        raise ServerFailed(
            f"{tally.repeats_unequal} repeats were told other triggers than their first receipt"
        )
    return report, rows, outcomes


def rows_send(client: Client, title: str, rows: list[Row]) -> Iterator[Outcome]:
    """Sends rows in order and yields what the server said of each."""
    progress = Progress(f"{title}: events", len(rows))
    return client.send(map(event_of, rows), progress.add)


def profiles_read(
    client: Client, title: str, subject_ids: Iterable[str]
) -> Iterator[profile_service_pb2.Profile]:
    """Yields the profiles of all subjects, sorted by id."""
    ordered = sorted(subject_ids)
    progress = Progress(f"{title}: profiles", len(ordered))
    for profile in client.profiles(ordered):
        progress.add(1)
        yield profile


def repeat_faults(
    client: Client, source: DemoInput, report: Report, rows: list[Row], outcomes: list[Outcome]
) -> list[str]:
    """Sends everything again; returns what was answered otherwise, and what changed."""
    faults = []
    tally = Tally()
    for row, first, again in zip(rows, outcomes, rows_send(client, source.name, rows), strict=True):
        expected = first if first.reason else replace(first, duplicate=True, late=again.late)
        if again != expected:
            faults.append(f"{source.name}: {row['event_id']} was first {first}, then {again}")
        if not first.reason:
            tally.subject_ids.add(row["subject_id"])
    after = report_gather(
        client, source, tally, profiles_read(client, source.name, tally.subject_ids)
    )
    faults += [
        f"{source.name}: {name} changed from {report[name]!r} to {after[name]!r}"
        for name in ("subjects", "sessions", "totals", "subjects_sha256", "ten")
        if report[name] != after[name]
    ]
    return faults


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.json:
        print(text, flush=True)
