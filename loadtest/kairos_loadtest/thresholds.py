"""Budgets and whether a run kept them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Threshold:
    """A budget for one figure of one kind of call.

    `figure` is `latency.` or `processing.` and a percentile. Units: microseconds, inclusive.
    """

    kind: str
    figure: str
    limit_us: int
    enforced: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A threshold and what was measured; None where nothing was."""

    threshold: Threshold
    value_us: int | None

    @property
    def kept(self) -> bool:
        return self.value_us is not None and self.value_us <= self.threshold.limit_us


def thresholds_read(path: Path) -> list[Threshold]:
    """Reads a thresholds file. Errors: ValueError when it holds anything else than budgets."""
    document = tomllib.loads(path.read_text())
    thresholds = []
    for kind, groups in document.items():
        for group, figures in groups.items():
            if group not in ("enforced", "reported"):
                raise ValueError(f"{path.name}: [{kind}.{group}] is neither enforced nor reported")
            for figure, limit_us in figures.items():
                if (
                    figure.partition(".")[0] not in ("latency", "processing")
                    or type(limit_us) is not int
                ):
                    raise ValueError(
                        f"{path.name}: {kind}: `{figure}` is not a figure with a whole number"
                    )
                thresholds.append(Threshold(kind, figure, limit_us, group == "enforced"))
    return thresholds


def verdicts_of(thresholds: list[Threshold], summaries: dict[str, dict[str, Any]]) -> list[Verdict]:
    """Returns a verdict per threshold of the kinds that took part in a run.

    A kind without one answer misses its budgets: silence is not speed.
    """
    verdicts = []
    for threshold in thresholds:
        if threshold.kind in summaries:
            group, _, percentile = threshold.figure.partition(".")
            verdicts.append(
                Verdict(threshold, summaries[threshold.kind][f"{group}_us"].get(percentile))
            )
    return verdicts
