"""A whole run watched: every metric is documented, no log line names a person or a key."""

import hashlib
import json
import signal

import pytest
from contract.observed import Observed, event_of, server
from kairos.v1 import personalization_service_pb2, profile_service_pb2
from kairos.v1 import subscribe_service_pb2 as subscriptions
from kairos_server.metrics_table import METRICS

PEOPLE = [f"{name}.{number}@example.com" for number in range(30) for name in ("ada", "grace")]
SESSION = "session-of-ada-7391"
SECRET_TEXT = "a text that somebody typed"


def activity(observed):
    """Good calls, bad calls, slow calls, a stream: with people's data in all of them."""
    with_text = event_of(PEOPLE[0], "search", session_id=SESSION)
    with_text.attributes.add(name="query", string_value=SECRET_TEXT)
    observed.ingest(with_text)
    stream = observed.subscribe_stub.Subscribe(
        subscriptions.SubscribeRequest(subject_ids=PEOPLE),
        metadata=observed.running.metadata(),
        timeout=60,
    )
    next(stream)
    for number in range(3):
        observed.batch([
            event_of(PEOPLE[index % 60], session_id=SESSION, event_id=f"{number}-{index}")
            for index in range(1_000)
        ])  # fmt: skip
    next(stream)
    stream.cancel()
    observed.decide(PEOPLE[1])
    observed.call(
        observed.profiles.GetProfile, profile_service_pb2.GetProfileRequest(subject_id=PEOPLE[0])
    )
    observed.refused(
        observed.profiles.GetProfile,
        profile_service_pb2.GetProfileRequest(subject_id="unknown." + PEOPLE[0]),
    )
    observed.refused(
        observed.personalization.Decide,
        personalization_service_pb2.DecideRequest(
            subject=personalization_service_pb2.Subject(id=PEOPLE[2])
        ),
    )
    for body in (b"\xff" + PEOPLE[3].encode(), PEOPLE[4].encode() * 50):
        for method in ("IngestService/Ingest", "PersonalizationService/GetDecision"):
            with pytest.raises(Exception, match="INVALID_ARGUMENT"):
                observed.channel.unary_unary(f"/kairos.v1.{method}")(
                    body, metadata=observed.running.metadata(), timeout=60
                )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Log lines and metrics of one server's life, and its key."""
    folder = tmp_path_factory.mktemp("watched") / "data"
    flags = ("--slow-ms", "1", "--slow-lines", "1000", "--log-level", "debug")
    with server(folder, *flags) as running, running.channel() as channel:
        observed = Observed(running, channel)
        activity(observed)
        families = observed.metrics()
        assert running.stop(signal.SIGTERM) == 0
        text = running.log.read_text()
        return text, families, running.key


def test_no_log_line_names_a_person_or_a_key(run):
    text, _, key = run
    secrets = [*PEOPLE, "example.com", SESSION, SECRET_TEXT, key, key.removeprefix("kairos_")]
    secrets.append(hashlib.sha256(key.encode()).hexdigest())
    assert [secret for secret in secrets if secret in text] == []
    assert {json.loads(line)["event"] for line in text.splitlines()} >= {
        "ready",
        "draining",
        "stopped",
    }


def test_slow_calls_tell_their_stages(run):
    text, _, _ = run
    lines = [json.loads(line) for line in text.splitlines()]
    slow = [line for line in lines if line["event"] == "slow call"]
    batches = [line for line in slow if line["method"].endswith("/IngestBatch")]
    assert batches, "three batches of 1,000 events take more than 1 ms each"
    for line in batches:
        assert line["took_us"] >= 1_000
        stages = {name: value for name, value in line.items() if name.endswith("_us")}
        assert {"check_us", "append_us", "apply_us"} <= set(stages)
        # The stages follow each other, so that together they are no longer than the call.
        assert sum(stages.values()) - line["took_us"] <= line["took_us"]


def test_every_metric_is_in_the_guide_and_the_other_way_round(run, root):
    _, families, _ = run
    guide = (root / "docs" / "guides" / "operations.md").read_text()
    own = {name for name in families if name.startswith("kairos_")}
    assert own == {metric.name for metric in METRICS}
    for metric in METRICS:
        assert families[metric.name].type == metric.kind
        [row] = [line for line in guide.splitlines() if line.startswith(f"| `{shown(metric)}`")]
        assert row.endswith(f"| {metric.text} |")


def shown(metric):
    labels = "{" + ",".join(metric.labels) + "}" if metric.labels else ""
    return metric.name + ("_total" if metric.kind == "counter" else "") + labels
