"""The report of load test runs, as text and as JSON."""

from typing import Any

from kairos_loadtest.thresholds import Verdict

Run = dict[str, Any]


def run_report(
    scenario: str, rate: float, sent: int, elapsed_s: float, summaries: dict[str, Any]
) -> Run:
    """Returns the JSON-ready report of one scenario; verdicts and CPU are added by the caller."""
    events = sum(summary["events"] for summary in summaries.values())
    return {
        "scenario": scenario,
        "offered_per_s": rate,
        "sent": sent,
        "elapsed_s": round(elapsed_s, 3),
        "answered_per_s": round(
            sum(summary["answered"] for summary in summaries.values()) / elapsed_s, 1
        ),
        "events_per_s": round(events / elapsed_s, 1),
        "kinds": summaries,
    }


def verdict_rows(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """Returns verdicts as plain values."""
    return [
        {
            "kind": verdict.threshold.kind,
            "figure": verdict.threshold.figure,
            "limit_us": verdict.threshold.limit_us,
            "value_us": verdict.value_us,
            "enforced": verdict.threshold.enforced,
            "kept": verdict.kept,
        }
        for verdict in verdicts
    ]


def run_text(run: Run) -> str:
    """Returns one scenario's report for people."""
    lines = [
        (
            f"{run['scenario']}: {run['sent']:,} calls offered at {run['offered_per_s']:,.0f}/s "
            "(Poisson)"
        ),
        f"  answered {run['answered_per_s']:,.0f} calls/s with {run['events_per_s']:,.0f} events/s",
    ]
    if "server" in run:
        server = run["server"]
        lines.append(
            f"  server: {server['cpu_percent']:.0f} % of a core, "
            f"{server['memory_bytes'] / 1e6:,.0f} MB resident"
        )
    heads = ("p50", "p90", "p95", "p99", "p99.9", "max")
    lines.append("  " + f"{'ms':<28}" + "".join(f"{head:>10}" for head in heads))
    for kind, summary in run["kinds"].items():
        for title, name in (
            ("from intended send", "latency_us"),
            ("in the server", "processing_us"),
            ("generator lag", "lag_us"),
        ):
            values = summary[name]
            numbers = "".join(
                f"{values[head] / 1000:>10.2f}" if values else f"{'-':>10}" for head in heads
            )
            lines.append(f"  {kind + ': ' + title:<28}{numbers}")
        errors = (
            ", ".join(f"{reason} {count:,}" for reason, count in summary["errors"].items())
            or "none"
        )
        lines.append(f"  {kind}: {summary['answered']:,} answered, errors: {errors}")
    for verdict in run.get("verdicts", ()):
        value = (
            "nothing measured"
            if verdict["value_us"] is None
            else f"{verdict['value_us'] / 1000:.2f} ms"
        )
        state = (
            "kept"
            if verdict["kept"]
            else "MISSED"
            if verdict["enforced"]
            else "missed (reported only)"
        )
        lines.append(
            f"  budget {verdict['kind']} {verdict['figure']} <= {verdict['limit_us'] / 1000:g} ms: "
            f"{value}: {state}"
        )
    return "\n".join(lines) + "\n"
