"""Dashboard and alerts ask for metrics that exist, in expressions that can be read."""

import json
import re

import pytest
import yaml
from kairos_server.errors_table import ROWS
from kairos_server.metrics_table import METRICS
from tidy.protos import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "kairos.json"
ALERTS = ROOT / "deploy" / "prometheus" / "kairos.rules.yaml"
DURATION = re.compile(r"(\d+(ms|s|m|h|d))+")
PAIRS = {")": "(", "]": "[", "}": "{"}


def series():
    """Every name that a server exposes, with its labels."""
    found = {"up": {"job"}}
    for metric in METRICS:
        labels = {*metric.labels, "instance"}
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{part}": {*labels, "le"} for part in ("bucket", "sum")}
            found[f"{metric.name}_count"] = labels
        else:
            found[metric.name + ("_total" if metric.kind == "counter" else "")] = labels
    return found


SERIES = series()


def faults(expression):
    """What is wrong with an expression of PromQL, as far as that shows without its parser."""
    text = re.sub(r'"[^"]*"', '""', expression)
    wrong = []
    open_ = []
    for letter in text:
        if letter in "([{":
            open_.append(letter)
        elif letter in PAIRS and (not open_ or open_.pop() != PAIRS[letter]):
            wrong.append("brackets")
    if open_:
        wrong.append("brackets")
    names = re.findall(r"\b(?:kairos_\w+|up\b)", text)
    wrong += [name for name in names if name not in SERIES]
    for name, labels in re.findall(r"\b(kairos_\w+|up)\{([^}]*)\}", text):
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels))
        wrong += [f"{name}: {label}" for label in used - SERIES.get(name, set())]
    for by in re.findall(r"\bby \(([^)]*)\)", text):
        labels = {label.strip() for label in by.split(",")}
        known = set().union(*(SERIES.get(name, set()) for name in names))
        wrong += [f"by {label}" for label in labels - known]
    # What only grows says something as a rate; what does not, has none.
    for name, inside in re.findall(r"(kairos_\w+)(?:\{[^}]*\})?(\[[^\]]*\])?", text):
        grows = name.endswith(("_total", "_bucket", "_sum", "_count"))
        if grows != bool(inside):
            wrong.append(f"{name}: {'no range' if grows else 'a range'}")
        if inside and not (inside == "[$__rate_interval]" or DURATION.fullmatch(inside[1:-1])):
            wrong.append(inside)
    if not names:
        wrong.append("no metric")
    return wrong


def panels():
    """The panels of the dashboard that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if "targets" in panel]


def alerts():
    """The alerts of all groups."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("kairos_serving == 0", ""),
        ("rate(kairos_events_total[5m])", ""),
        ("rate(kairos_events_total[5m]", "brackets"),
        ("rate(kairos_event_total[5m])", "kairos_event_total"),
        ("kairos_events_total", "kairos_events_total: no range"),
        ("rate(kairos_serving[5m])", "kairos_serving: a range"),
        ('rate(kairos_calls_total{code="OK"}[5m])', "kairos_calls_total: code"),
        ("sum by (stage) (rate(kairos_calls_total[5m]))", "by stage"),
        ("rate(kairos_events_total[5 minutes])", "[5 minutes]"),
        ("1 > 0", "no metric"),
    ],
)
def test_faults_are_seen(expression, fault):
    assert faults(expression) == ([fault] if fault else [])


def test_every_panel_asks_for_metrics_that_exist():
    wrong = {
        (panel["title"], target["expr"]): faults(target["expr"])
        for panel in panels()
        for target in panel["targets"]
    }
    assert {key: fault for key, fault in wrong.items() if fault} == {}


def test_panels_are_laid_out_without_overlap():
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_the_dashboard_shows_what_operators_need():
    text = DASHBOARD.read_text()
    unseen = {metric.name for metric in METRICS if metric.name not in text}
    # What is left is looked up when something is wrong; everything else has its place.
    assert len(unseen) < len(METRICS) / 2, sorted(unseen)


def test_every_alert_can_be_read_and_says_what_to_do():
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) >= 10
    for rule in alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert faults(rule["expr"]) == [], rule["alert"]
        assert re.search(r"[<>=]=?\s*[\d.]+$", rule["expr"]), "an alert compares"
        assert DURATION.fullmatch(rule.get("for", "0s"))
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(rule["annotations"]) == {"summary", "description"}
        for outcome in re.findall(r'outcome=~?"([^"]*)"', rule["expr"]):
            assert set(outcome.split("|")) <= {*ROWS, "INTERNAL", "OK", "CANCELLED"}
