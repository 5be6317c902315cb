"""Puts together what watches a server: counters, windows, sampler, readings of every part."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from kairos_native.engine import Engine

from kairos_server.clock import Clock
from kairos_server.config import Config
from kairos_server.decisions import Decisions
from kairos_server.delivery import Delivery, EntryState
from kairos_server.ingest import Writer
from kairos_server.monitor import Load, Monitor
from kairos_server.rpc import Gate, Health, Method
from kairos_server.rpc.decision_service import DecisionService
from kairos_server.rpc.monitoring_service import MonitoringService
from kairos_server.rpc.subscribe_service import SubscribeService
from kairos_server.sampler import Sampler
from kairos_server.slow_calls import SlowCalls
from kairos_server.streams import SubscriptionHub
from kairos_server.telemetry import Reading, Telemetry
from kairos_server.windows import Windows

PLAN_ID_SHOWN: Final = 12


class Observer:
    """Watches one server. Made before the services, because one of them asks it; told of gate and
    health once they exist.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine,
        writer: Writer,
        clock: Clock,
        telemetry: Telemetry,
        tenants: Mapping[int, str],
    ) -> None:
        self._config = config
        self._engine = engine
        self._writer = writer
        self._clock = clock
        self._telemetry = telemetry
        self._tenants = tenants
        self._hub = SubscriptionHub(engine, writer.listen, clock.now_us)
        self._decisions = Decisions(engine)
        writer.record(self._decisions.recorded)
        self._gate: Gate | None = None
        self._health: Health | None = None
        self._windows = Windows(telemetry, self._growing, clock.elapsed_us)
        self._sampler = Sampler(telemetry, self._windows, clock, engine.set_clock)
        self.slow_calls = SlowCalls(config.slow_ms, config.slow_lines_per_s)
        self.monitor = Monitor(self._windows, clock, self.load)

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the services that ask the observer."""
        return (
            *MonitoringService(self.monitor).methods(),
            *SubscribeService(self._hub, self._clock.now_us).methods(),
            *DecisionService(self._engine, self._decisions).methods(),
        )

    def start(self, gate: Gate, health: Health) -> None:
        """Starts the rhythm, and reads gate and health too from now on."""
        self._gate, self._health = gate, health
        for source in (self._server, self._tenant_readings, self._hub.readings):
            self._telemetry.register(source)
        self._sampler.start()

    def follow(self, delivery: Delivery) -> None:
        """Reads what waits in the outbox too."""
        self._telemetry.register(lambda: effects_held(delivery, self._tenants))

    def stop(self) -> None:
        """Ends the rhythm and all subscriptions. Idempotent."""
        self._hub.close()
        self._sampler.stop()

    def load(self) -> Load:
        """Returns how full everything is that has a bound."""
        queue, figures, gate = self._writer.queue, self._engine.figures(), self._gate
        return Load(
            serving=self._health is not None and self._health.serving,
            queue_records=queue.record_count,
            queue_records_max=queue.records_max,
            calls_in_flight=gate.calls_in_flight if gate else 0,
            streams_in_flight=gate.streams_in_flight if gate else 0,
            streams_in_flight_max=gate.streams_in_flight_max if gate else 0,
            view_bytes=figures["view_bytes"],
            map_bytes=figures["map_bytes"],
        )

    def _growing(self) -> Mapping[str, float]:
        figures = self._engine.figures()
        return {
            "events": figures["event_count"],
            "writer_ns": figures["append_ns"] + figures["apply_ns"],
            "loop_cpu_s": time.thread_time(),
            "stream_drops": self._hub.dropped_count,
            "effects_dead": figures.get("effects_dead", 0),
        }

    def _server(self) -> Iterator[Reading]:
        queue, load = self._writer.queue, self.load()
        yield Reading("kairos_queue_records", queue.record_count)
        yield Reading("kairos_queue_records_max", queue.records_max)
        yield Reading("kairos_queue_bytes", queue.size)
        yield Reading("kairos_decision_backlog_bytes", queue.decision_size)
        yield Reading("kairos_calls_in_flight", load.calls_in_flight)
        yield Reading("kairos_streams_in_flight", load.streams_in_flight)
        yield Reading("kairos_serving", int(load.serving))
        yield Reading("kairos_log_bytes", folder_size(self._config.engine_folder / "log"))

    def _tenant_readings(self) -> Iterator[Reading]:
        engine, now_us = self._engine, self._clock.now_us()
        for number, name in self._tenants.items():
            activations = engine.activations(number)
            yield Reading("kairos_plan_activations", len(activations), (name,))
            if activations:
                _, activated_us, plan_id = activations[-1]
                yield Reading(
                    "kairos_plan_age_seconds",
                    (now_us - activated_us) / 1e6,
                    (name, plan_id.hex()[:PLAN_ID_SHOWN]),
                )
            newest_us = engine.event_time(number)
            if newest_us:
                yield Reading("kairos_event_time_lag_seconds", (now_us - newest_us) / 1e6, (name,))


def effects_held(delivery: Delivery, tenants: Mapping[int, str]) -> Iterator[Reading]:
    """Yields what waits in the outboxes, by tenant and state."""
    for number, name in tenants.items():
        counts, waiting_count = delivery.counts(number)
        for state in EntryState:
            yield Reading("kairos_effects_held", counts[state], (name, state.name.lower()))
        yield Reading("kairos_effect_workers_waiting", waiting_count, (name,))


def folder_size(folder: Path) -> int:
    """Returns the bytes of a folder's files; one that goes meanwhile counts as nothing."""
    size = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    size += entry.stat().st_size
                except FileNotFoundError:
                    continue
    except FileNotFoundError:
        return 0
    return size
