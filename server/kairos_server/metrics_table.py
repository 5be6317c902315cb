"""Every metric of the server: name, kind, labels, meaning. docs/guides/operations.md repeats it,
and a test compares both with what a server says.
"""

from typing import Final, NamedTuple


class Metric(NamedTuple):
    """One metric. Units stand last in the name: seconds, bytes, or none."""

    name: str
    kind: str
    """`counter` (the name then ends in `_total` on the wire), `gauge` or `histogram`."""
    labels: tuple[str, ...]
    text: str


class Figure(NamedTuple):
    """A figure of the engine, and what it is as a metric."""

    figure: str
    name: str
    scale: float = 1.0


def _row(name: str, kind: str, text: str, *labels: str) -> Metric:
    return Metric("kairos_" + name, kind, labels, text)


METRICS: Final = (
    # Calls
    _row("calls", "counter", "Calls and streams answered; outcome `OK`, a reason of "
         "`error.proto`, `CANCELLED` or `INTERNAL`.", "method", "outcome"),
    _row("call_seconds", "histogram", "Time from the arrival of a call's bytes to its answer.",
         "method"),
    _row("stream_seconds", "histogram", "Length of a stream.", "method"),
    _row("stage_seconds", "histogram", "Time of one stage of a call: `check`, `queue` (wait for "
         "the writer), `append` (with fdatasync), `apply` (with the view's commit), `answer` (from "
         "the commit to the handler), `decide`, `evaluate`, `profile` (native call). `append` and "
         "`apply` are of a group, the others of a call.", "stage"),
    _row("processing_seconds", "histogram", "Time of a request with events, single, batch or chunk "
         "of a stream, from its check until its events were durable and applied."),
    _row("calls_in_flight", "gauge", "Unary calls being served."),
    _row("streams_in_flight", "gauge", "Streams being served."),
    _row("serving", "gauge", "1: the server takes calls."),
    _row("uptime_seconds", "gauge", "Time since the start of the process."),
    # Way into the log
    _row("commit_seconds", "histogram", "Time of one group commit."),
    _row("commit_records", "histogram", "Log records of one group commit."),
    _row("queue_records", "gauge", "Records that wait for the writer."),
    _row("queue_bytes", "gauge", "Bytes that wait for the writer."),
    _row("queue_records_max", "gauge", "Records that may wait; above it calls are refused."),
    _row("decision_backlog_bytes", "gauge", "Decision records that wait for the writer."),
    _row("decision_records_lost", "counter", "Decision records that a full disk kept out of the "
         "log."),
    # Event loop and process
    _row("loop_lag_seconds", "histogram", "How late the event loop woke up from a planned wait."),
    _row("gc_pause_seconds", "histogram", "Collections of Python's garbage collector."),
    _row("loop_cpu_seconds", "counter", "Processor time of the event loop's thread."),
    _row("clock_offset_seconds", "gauge", "How far the wall clock is ahead of the server's "
         "present; more than 2 s is not followed until the next start."),
    # The engine
    _row("events", "counter", "Events applied since the start."),
    _row("events_duplicate", "counter", "Events answered as duplicates since the start."),
    _row("events_late", "counter", "Events that came too late for windows, since the start."),
    _row("triggers_fired", "counter", "Triggers fired since the start."),
    _row("records_skipped", "counter", "Log records passed over, because they ended earlier "
         "starts."),
    _row("decisions", "counter", "Decisions captured since the start."),
    _row("decisions_uncaptured", "counter", "Decisions whose record found no memory."),
    _row("applied_sequence", "gauge", "Log position that the view has applied."),
    _row("log_written_bytes", "counter", "Bytes appended since the start."),
    _row("log_syncs", "counter", "Calls of fdatasync since the start."),
    _row("log_sync_seconds", "counter", "Time in fdatasync since the start."),
    _row("log_segments", "gauge", "Segment files of the log."),
    _row("log_bytes", "gauge", "Bytes of the log's files."),
    _row("log_cut_bytes", "gauge", "Bytes of a torn tail that this start cut off; never "
         "acknowledged."),
    _row("view_bytes", "gauge", "Bytes of the view's map in use."),
    _row("map_bytes", "gauge", "Bytes that the view's map may hold."),
    _row("append_seconds", "counter", "Time in append and sync since the start."),
    _row("apply_seconds", "counter", "Time in apply and the view's commits since the start."),
    _row("writer_epoch", "gauge", "Epoch of this writer; one more with each start."),
    _row("plans_loaded", "gauge", "Plan images in memory."),
    # Timers
    _row("timers_pending", "gauge", "Timers with a due time that are pending."),
    _row("timers_armed", "counter", "Timers armed, or moved by another match, since the start."),
    _row("timers_fired", "counter", "Timers fired since the start."),
    _row("timers_cancelled", "counter", "Timers cancelled by an event since the start."),
    _row("timers_dropped", "counter", "Timers that were due while what must still hold did not, or "
         "whose trigger was gone, since the start."),
    _row("timers_refused", "counter", "Timers not armed because their subject had too many."),
    _row("ticks", "counter", "Ticks put into the log since the start."),
    _row("timer_lag_seconds", "gauge", "How long the timer that is due longest has waited."),
    # Identities
    _row("links_made", "counter", "Links made between identifiers since the start."),
    _row("links_refused", "counter", "Links that events asked for and the policy or the bounds of "
         "a group refused, since the start."),
    # Normalisation
    _row("user_agents_known", "gauge", "User agents in the table that ingest looks them up in."),
    _row("user_agents_found", "counter", "Look-ups of a user agent that were answered."),
    _row("user_agents_missed", "counter", "Look-ups of a user agent that was not known yet."),
    # Effects
    _row("effects_emitted", "counter", "Effects written to the outbox since the start."),
    _row("effects_acked", "counter", "Effects acknowledged by workers."),
    _row("effects_failed", "counter", "Attempts that workers reported as failed."),
    _row("effects_dead", "counter", "Effects that became dead letters."),
    _row("effects_replayed", "counter", "Dead letters that operators sent again."),
    _row("effects_discarded", "counter", "Effects that operators discarded."),
    _row("effects_held", "gauge", "Pending effects that are in memory to be handed out, by what "
         "they wait for: `waiting` (their time), `blocked` (earlier effects of their subject), "
         "`ready` (a worker), `leased`, `settling` (the log).", "tenant", "state"),
    _row("effect_workers_waiting", "gauge", "Calls of workers that wait for an effect.", "tenant"),
    # Per tenant
    _row("plan_age_seconds", "gauge", "Time since the tenant's active plan was activated; the "
         "label is the begin of its id.", "tenant", "plan"),
    _row("plan_activations", "gauge", "Activations of plans that the log of the tenant holds.",
         "tenant"),
    _row("event_time_lag_seconds", "gauge", "Present minus the newest occurred time of the "
         "tenant.", "tenant"),
    # Streams
    _row("subscribers", "gauge", "Subscriptions being served."),
    _row("subscription_messages", "counter", "Messages put into buffers of subscriptions.", "kind"),
    _row("subscription_messages_dropped", "counter", "Messages that a slow reader's buffer had no "
         "room for."),
)  # fmt: skip

BY_NAME: Final = {metric.name: metric for metric in METRICS}

FIGURES: Final = (
    Figure("event_count", "kairos_events"),
    Figure("duplicate_count", "kairos_events_duplicate"),
    Figure("late_count", "kairos_events_late"),
    Figure("fired_count", "kairos_triggers_fired"),
    Figure("skipped_count", "kairos_records_skipped"),
    Figure("decision_count", "kairos_decisions"),
    Figure("decisions_lost", "kairos_decisions_uncaptured"),
    Figure("applied_sequence", "kairos_applied_sequence"),
    Figure("log_bytes", "kairos_log_written_bytes"),
    Figure("log_syncs", "kairos_log_syncs"),
    Figure("log_sync_ns", "kairos_log_sync_seconds", 1e-9),
    Figure("log_segments", "kairos_log_segments"),
    Figure("log_bytes_cut", "kairos_log_cut_bytes"),
    Figure("view_bytes", "kairos_view_bytes"),
    Figure("map_bytes", "kairos_map_bytes"),
    Figure("append_ns", "kairos_append_seconds", 1e-9),
    Figure("apply_ns", "kairos_apply_seconds", 1e-9),
    Figure("writer_epoch", "kairos_writer_epoch"),
    Figure("plans_loaded", "kairos_plans_loaded"),
    *(
        Figure(name, f"kairos_{name}")
        for name in (
            "timers_pending",
            "timers_armed",
            "timers_fired",
            "timers_cancelled",
            "timers_dropped",
            "timers_refused",
            "links_made",
            "links_refused",
            "user_agents_known",
            "user_agents_found",
            "user_agents_missed",
            "effects_emitted",
            "effects_acked",
            "effects_failed",
            "effects_dead",
            "effects_replayed",
            "effects_discarded",
        )
    ),
)
FIGURES_ELSEWHERE: Final = frozenset({"commit_count", "decision_backlog_bytes"})
"""Figures that a metric of the server counts already."""
