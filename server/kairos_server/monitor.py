"""How the server does: performance of a window, health of each part with its reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from kairos_server.clock import STEP_US_MAX, Clock
from kairos_server.windows import Step, Windows

HEALTH_WINDOW_US: Final = 60_000_000
PROCESSING_P99_US_MAX: Final = 50_000
"""The specification's bound of processing latency."""
FAILED_SHARE_DEGRADED: Final = 0.01
FAILED_SHARE_UNHEALTHY: Final = 0.5
FULL_DEGRADED: Final = 0.8
FULL_UNHEALTHY: Final = 0.95
BUSY_DEGRADED: Final = 0.9


class Status(IntEnum):
    """Numbers of kairos.v1.HealthStatus; greater is worse."""

    HEALTHY = 1
    DEGRADED = 2
    UNHEALTHY = 3


@dataclass(frozen=True, slots=True)
class Load:
    """How full everything is that has a bound."""

    serving: bool
    queue_records: int
    queue_records_max: int
    calls_in_flight: int
    streams_in_flight: int
    streams_in_flight_max: int
    view_bytes: int
    map_bytes: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of a window. Units: times in microseconds, rates per second, shares 0 to 1."""

    window_us: int
    event_rate: float
    call_rate: float
    processing_us: tuple[int, int, int]
    """At the 50th, 95th and 99th percentile."""
    response_average_us: float
    response_median_us: int
    response_max_us: int
    failed_share: float
    refused_share: float
    utilization: float
    event_rate_max: float
    """Estimate: the present rate over the present utilization; 0 without events."""
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Component:
    """State of one part, and why it is not healthy."""

    name: str
    status: Status
    reason: str = ""


class Monitor:
    """Answers from the windows; looks at nothing by itself between questions."""

    def __init__(self, windows: Windows, clock: Clock, load: Callable[[], Load]) -> None:
        self._windows = windows
        self._clock = clock
        self._load = load

    def performance(self, window_us: int) -> Performance:
        """Returns the figures of at least the last `window_us`, or of all the time since start."""
        step = self._windows.window(window_us)
        calls = step.calls
        processing = [step.processing.quantile_ns(share) // 1000 for share in (0.5, 0.95, 0.99)]
        # The two threads that can be the bottleneck: the writer's, and the event loop's.
        utilization = max(step.rate("writer_ns") / 1e9, step.rate("loop_cpu_s"))
        event_rate = step.rate("events")
        status, reason = performance_status(step, processing[2], utilization)
        return Performance(
            window_us=step.length_us,
            event_rate=event_rate,
            call_rate=calls.count * 1e6 / step.length_us if step.length_us else 0.0,
            processing_us=(processing[0], processing[1], processing[2]),
            response_average_us=calls.average_ns / 1e3,
            response_median_us=calls.quantile_ns(0.5) // 1000,
            response_max_us=calls.maximum_ns // 1000,
            failed_share=failed_share(step),
            refused_share=refused_share(step),
            utilization=min(utilization, 1.0),
            event_rate_max=event_rate / utilization if utilization else 0.0,
            status=status,
            reason=reason,
        )

    def health(self) -> tuple[Component, ...]:
        """Returns the state of every part over the last minute."""
        step, load = self._windows.window(HEALTH_WINDOW_US), self._load()
        return (
            ingestion(step, load),
            processing(step),
            streaming(step, load),
            database(step, load, self._clock.offset_us()),
            queue(step, load),
        )

    @property
    def uptime_us(self) -> int:
        """Microseconds since the start."""
        return self._clock.elapsed_us()

    @property
    def now_us(self) -> int:
        """The present."""
        return self._clock.now_us()


def performance_status(step: Step, p99_us: int, utilization: float) -> tuple[Status, str]:
    """Returns the status of a window's performance and the reason of one that is not healthy."""
    share = failed_share(step)
    if share > FAILED_SHARE_UNHEALTHY:
        return Status.UNHEALTHY, f"{share:.1%} of the calls failed"
    if share > FAILED_SHARE_DEGRADED:
        return Status.DEGRADED, f"{share:.1%} of the calls failed"
    if p99_us > PROCESSING_P99_US_MAX:
        return Status.DEGRADED, (
            f"1 % of the requests with events took more than {p99_us / 1000:.0f} ms; "
            f"the goal is {PROCESSING_P99_US_MAX // 1000} ms"
        )
    if utilization > BUSY_DEGRADED:
        return Status.DEGRADED, f"the busiest thread works {utilization:.0%} of the time"
    return Status.HEALTHY, ""


def failed_share(step: Step) -> float:
    """Returns the share of calls that failed through no fault of their request."""
    count = sum(step.outcomes.values())
    return step.failed_count / count if count else 0.0


def refused_share(step: Step) -> float:
    """Returns the share of calls that were refused because of their request."""
    count = sum(step.outcomes.values())
    good = step.outcomes.get("OK", 0) + step.outcomes.get("CANCELLED", 0)
    return (count - good - step.failed_count) / count if count else 0.0


def ingestion(step: Step, load: Load) -> Component:
    """Returns the state of the way into the log."""
    name = "event_ingestion"
    if not load.serving:
        return Component(name, Status.UNHEALTHY, "the server starts or shuts down")
    for reason in ("DISK_FULL", "MAP_FULL"):
        if step.outcomes.get(reason, 0):
            return Component(name, Status.UNHEALTHY, f"calls were refused with {reason}")
    refused = step.outcomes.get("QUEUE_FULL", 0)
    if refused:
        return Component(name, Status.DEGRADED, f"{refused} calls were refused with QUEUE_FULL")
    return Component(name, Status.HEALTHY)


def processing(step: Step) -> Component:
    """Returns the state of the work on events."""
    p99_us = step.processing.quantile_ns(0.99) // 1000
    status, reason = performance_status(step, p99_us, 0.0)
    return Component("real_time_processing", status, reason)


def streaming(step: Step, load: Load) -> Component:
    """Returns the state of streams and subscriptions."""
    name = "web_socket_connections"
    dropped = step.figures.get("stream_drops", 0)
    if load.streams_in_flight >= load.streams_in_flight_max > 0:
        return Component(name, Status.UNHEALTHY, "no further stream is taken")
    if dropped:
        return Component(name, Status.DEGRADED, f"{dropped:.0f} messages were dropped")
    return Component(name, *full("streams", load.streams_in_flight, load.streams_in_flight_max))


def database(step: Step, load: Load, clock_offset_us: int) -> Component:
    """Returns the state of log and view; a wrong wall clock shows here, because the log's times
    follow it after the next start.
    """
    name = "database"
    if step.outcomes.get("DISK_FULL", 0):
        return Component(name, Status.UNHEALTHY, "the disk is full")
    if abs(clock_offset_us) > STEP_US_MAX:
        return Component(
            name, Status.DEGRADED, f"the wall clock is {clock_offset_us / 1e6:+.1f} s off"
        )
    return Component(name, *full("the view's map", load.view_bytes, load.map_bytes))


def queue(step: Step, load: Load) -> Component:
    """Returns the state of the writer's queue and the outbox."""
    status, reason = full("the writer's queue", load.queue_records, load.queue_records_max)
    dead = step.figures.get("effects_dead", 0)
    if status is Status.HEALTHY and dead:
        return Component(
            "message_queue", Status.DEGRADED, f"{dead:.0f} effects became dead letters"
        )
    return Component("message_queue", status, reason)


def full(what: str, used: int, most: int) -> tuple[Status, str]:
    """Returns the status of something bounded."""
    share = used / most if most else 0.0
    if share > FULL_UNHEALTHY:
        return Status.UNHEALTHY, f"{what}: {share:.0%} in use"
    if share > FULL_DEGRADED:
        return Status.DEGRADED, f"{what}: {share:.0%} in use"
    return Status.HEALTHY, ""


def components_worst(components: Iterator[Component] | tuple[Component, ...]) -> Status:
    """Returns the worst status of all."""
    return max((component.status for component in components), default=Status.HEALTHY)
