"""Public data sets imported through the command line, against plain readings of the same files."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise

import pytest
from e2e.command_program import program
from kairos.v1 import event_pb2
from kairos_native.engine_inspect import LogFrames
from kairos_server.demo.datasets import RETAIL_FILE, retail_rows
from kairos_server.demo.events import event_of
from kairos_server.demo.server_process import server_prepare

EVENT_FRAME = 2
GAP_S = 30 * 60
# Written down apart from the product's own list.
ASSET = re.compile(
    r"\.(avif|bmp|css|eot|gif|ico|jpe?g|js|json|map|mjs|mp3|mp4|ogg|otf|png|svg|swf|ttf|wasm|wav|"
    r"webm|webmanifest|webp|woff2?)$",
    re.IGNORECASE,
)
SCHEMA = """
kind: schema
id: main
attributes: {status: int, quantity: int, unit_price: double}
normalise: {user_agent: true}
---
kind: score
id: pages
type: logistic
terms: [{feature: 'count("page_view")', weight: 1}]
"""
RETAIL = """
event_type: {column: InvoiceNo, match: [{pattern: "^C", value: cancellation}], default: purchase}
subject_id: {column: CustomerID, type: int}
time: InvoiceDate
value: {multiply: [Quantity, UnitPrice], currency: GBP}
attributes:
  invoice_no: {column: InvoiceNo, type: text}
  stock_code: {column: StockCode, type: text}
  quantity: {column: Quantity, type: int}
  unit_price: {column: UnitPrice, type: double}
  description: {column: Description, type: text}
traits: {country: Country}
"""


@pytest.fixture
def history(tmp_path):
    """A server with an event-time tenant, and a way to run commands against it."""
    server = server_prepare(tmp_path / "history", {"history": 1})
    server.start()

    def kairos(*arguments):
        return program(
            *arguments, cwd=tmp_path, KAIROS_GRPC=server.address, KAIROS_KEY=server.keys["history"]
        )

    (tmp_path / "schema.yaml").write_text(SCHEMA)
    applied = kairos("documents", "apply", "schema.yaml")
    assert applied.returncode == 0, applied.stderr
    kairos.folder = tmp_path
    try:
        yield kairos
    finally:
        server.stop()


def logged(folder):
    """The events of the log in order."""
    frames = LogFrames(str(folder / "history" / "data" / "partition-0" / "log"))
    found = []
    while rows := frames.read():
        found += [event_pb2.Event.FromString(row[5]) for row in rows if row[1] == EVENT_FRAME]
    return found


def access_lines(path):
    """(visitor, seconds, page) of every line: cut at the quotes, without the product's reader."""
    for line in path.read_bytes().splitlines():
        head, request, numbers, _, _, agent, *_ = line.split(b'"')
        host = head.split(b" ")[0]
        moment = datetime.strptime(
            head.split(b"[")[1].split(b"]")[0].decode(), "%d/%b/%Y:%H:%M:%S %z"
        )
        agent = b"" if agent == b"-" else agent
        visitor = hashlib.blake2b(host + b"\0" + agent, digest_size=16).hexdigest()
        method, target, *_ = request.decode("utf-8", "replace").split(" ")
        path_only = re.split("[?#]", target)[0]
        page = (
            method == "GET"
            and numbers.split()[0] in (b"200", b"203", b"206", b"304")
            and not ASSET.search(path_only)
            and path_only not in ("/robots.txt", "/sitemap.xml", "/favicon.ico")
        )
        yield visitor, int(moment.timestamp()), page


def test_access_log_page_views_visitors_and_sessions(shared, history):
    path = shared / "data" / "datasets" / "apache_access.log"
    state = history.folder / "state"
    done = history("import", str(path), "--state", str(state), "--rejects", "none", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    lines = list(access_lines(path))
    assert (summary["records"], summary["accepted"], summary["late"]) == (
        len(lines), len(lines), 0,
    )  # fmt: skip
    events = logged(history.folder)
    assert Counter(event.event_type == "page_view" for event in events) == Counter(
        page for _, _, page in lines
    )
    assert Counter(event.subject_id for event in events) == Counter(line[0] for line in lines)
    moments, page_counts = defaultdict(list), Counter()
    for visitor, second, page in lines:
        moments[visitor].append(second)
        page_counts[visitor] += page
    sessions = {
        visitor: 1 + sum(b - a > GAP_S for a, b in pairwise(sorted(found)))
        for visitor, found in moments.items()
    }
    # The visitors with the most sessions, and some of every kind.
    chosen = sorted(moments, key=lambda visitor: (-sessions[visitor], visitor))
    for visitor in [*chosen[:8], *chosen[8 :: len(chosen) // 6]]:
        profile = json.loads(
            history("profile", visitor, "--subject-type", "anonymous", "--json").stdout
        )
        features = {row["name"]: row["value"] for row in profile["features"]}
        assert int(profile["sessionCount"]) == sessions[visitor], visitor
        assert int(profile["eventCount"]) == len(moments[visitor]), visitor
        assert int(features['count("page_view")']["intValue"]) == page_counts[visitor], visitor


def test_bots_of_the_access_log_agree_with_the_suite(shared, history):
    path = shared / "data" / "datasets" / "apache_access.log"
    suite = json.loads((shared / "data/suites/bots/crawler-user-agents.json").read_text())
    patterns = [re.compile(row["pattern"]) for row in suite]
    done = history("import", str(path), "--state", "none", "--rejects", "none", "--quiet")
    assert done.returncode == 0, done.stderr
    marked = {}
    for event in logged(history.folder):
        values = {a.name: a.bool_value for a in event.attributes}
        marked[event.user_agent] = values.get("bot", values.get("is_bot", False))
    expected = {
        agent: any(pattern.search(agent) for pattern in patterns) for agent in marked if agent
    }
    assert len(expected) > 400
    assert sum(expected.values()) > 40
    # None is missed; ua-parser knows some bots that the list does not.
    assert [agent for agent, bot in expected.items() if bot and not marked[agent]] == []
    agreement = sum(marked[agent] == bot for agent, bot in expected.items()) / len(expected)
    assert agreement >= 0.94, agreement


def test_online_retail_rows_are_those_of_the_demos_reader(shared, history):
    folder = shared / "data" / "datasets"
    count = 3_000
    (history.folder / "retail.yaml").write_text(RETAIL)
    done = history(
        "import", str(folder / RETAIL_FILE), "--map", "retail.yaml", "--limit", str(count),
        "--state", "none", "--rejects", "rejects", "--json",
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert summary["reasons"].keys() == {"SUBJECT_MISSING"}
    rows = [
        row
        for row in retail_rows(folder)
        if "consents" not in row and int(row["event_id"]) <= count and row["subject_id"]
    ]
    rows.sort(key=lambda row: int(row["event_id"]))
    found = logged(history.folder)
    assert len(found) == summary["accepted"] == len(rows) > count / 2
    for one, row in zip(found, rows, strict=True):
        other = event_of(row)
        # The reader counts rows from 1 below the header, the import lines of the file.
        assert one.event_id.endswith(f":{int(other.event_id) + 1}")
        one.event_id = other.event_id
        for event in (one, other):
            ordered = sorted(event.attributes, key=lambda attribute: attribute.name)
            del event.attributes[:]
            event.attributes.extend(ordered)
        assert one == other
