"""Named limits of the server.

Numbers that the core enforces too are read from its door, so that each stands once.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the server around the core; units last in names."""

    batch_events_max: int
    commit_records_max: int
    message_size_max: int
    tenants_max: int

    receive_size_max: int = 8 << 20
    """Where the transport cuts without reading further; between the two our own
    refusal names the rule.
    """
    metadata_size_max: int = 16 << 10
    streams_per_connection_max: int = 100
    connection_age_s_min: int = 300
    connection_age_s_max: int = 600
    connection_grace_s: int = 30
    keepalive_interval_s_min: int = 20
    calls_in_flight_max: int = 4096
    """Admission: calls that are being served at once by this process, over all connections."""
    streams_in_flight_max: int = 256
    """Of these, long-lived streams (health watches, reflection),
    so that they can never starve the calls.
    """
    stream_chunks_unanswered_max: int = 8
    """Chunks of one IngestStream that are read and not answered: enough to keep the writer busy
    while answers travel.
    """
    queue_records_max: int = 65_536
    queue_size_max: int = 256 << 20
    decision_backlog_size_max: int = 64 << 20
    """Decision records on their way to the log.

    Above it decisions are refused: memory is bounded even on a slow disk.
    """
    decision_flush_us: int = 50_000
    decision_flush_count: int = 1_000
    commit_apply_us_target: int = 2_000
    """A batch closes when its estimated apply takes this long:
    bounds how long a reservation waits behind a commit.
    """
    deadline_us_min: int = 1_000
    """A call with less time left is refused before any work; about the cost of
    one durable commit.
    """
    retry_us_queue: int = 50_000
    flush_s_max: float = 60.0
    """How long a stop waits for the writer to commit what is queued and to close the engine."""
    probe_request_size_max: int = 8 << 10
    probe_connections_max: int = 64
    probe_timeout_s: float = 5.0
    page_size_max: int = 100
    page_size_default: int = 20
    effects_window_max: int = 100_000
    """Pending effects of one tenant that delivery holds in memory; the rest waits in the view."""
    effects_horizon_us: int = 60_000_000
    """Effects that are due later than this stay in the view until their time comes near."""
    documents_max: int = 10_000
    document_size_max: int = 256 << 10
    author_size_max: int = 256
    note_size_max: int = 1_024

    def __post_init__(self) -> None:
        relations = {
            "one batch fits one group commit": self.batch_events_max <= self.commit_records_max,
            "one group commit fits the queue": self.commit_records_max <= self.queue_records_max,
            "one message fits the queue": self.message_size_max <= self.queue_size_max,
            "a refusal can be told from a cut": self.message_size_max < self.receive_size_max,
            "one document fits a message": self.document_size_max < self.message_size_max,
            "streams leave room for calls": self.streams_in_flight_max * 2
            <= self.calls_in_flight_max,
            "a page has a default": 0 < self.page_size_default <= self.page_size_max,
            "connections age within bounds": 0
            < self.connection_age_s_min
            <= self.connection_age_s_max,
        }
        broken = [rule for rule, holds in relations.items() if not holds]
        if broken:
            raise ValueError("limits contradict each other: " + "; ".join(broken))


def limits_read(native: Mapping[str, int], **changes: int) -> Limits:
    """Returns the limits of this process: the core's numbers and the server's, with `changes` from
    the configuration.

    Errors: ValueError when a relation between two limits is broken.
    """
    core = ("batch_events_max", "commit_records_max", "message_size_max", "tenants_max")
    return Limits(**{name: native[name] for name in core}, **changes)
