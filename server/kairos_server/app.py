"""The composition root: builds the parts of a server, starts them in order,
stops them in the opposite order.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Final, NoReturn

import uvloop
from kairos_native.engine import LIMITS, Engine, EngineError, Pending, Refusal

from kairos_server.administration import FiringSampler
from kairos_server.catalog import DocumentsRefused
from kairos_server.clock import Clock
from kairos_server.config import Config
from kairos_server.delivery import Delivery, delivery_policy_read
from kairos_server.errors import Failed, Refused, refusal_texts, refused_by_engine
from kairos_server.exits import Exit, StartError
from kairos_server.ingest import Checkpointer, Priority, Ticker, Writer
from kairos_server.limits import Limits, limits_read
from kairos_server.metrics import metrics_page
from kairos_server.observer import Observer
from kairos_server.plans import Plans
from kairos_server.probes import Probes
from kairos_server.rpc import (
    Gate,
    GrpcioEngine,
    Health,
    KeyRing,
    PortBusy,
    method_table,
    port_probe,
)
from kairos_server.rpc.effect_service import EffectService
from kairos_server.secrets_file import Secrets
from kairos_server.start import banner, demo_load, tenants_commit, tenants_prepare
from kairos_server.telemetry import Telemetry
from kairos_server.tenants import Tenant

_LOG = logging.getLogger("kairos.app")
FAILURE_GRACE_S: Final = 0.2
TRANSPORT_GRACE_S: Final = 0.5


def serve(config: Config) -> int:
    """Runs a server until it is told to stop; returns the exit code.

    Errors: StartError when it could not start.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(App(config).run())


class App:
    """One server process. `run` is its whole life."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._limits: Limits = limits_read(
            LIMITS, queue_records_max=config.queue_records_max, queue_size_max=config.queue_size_max
        )
        self._clock = Clock()
        self._telemetry = Telemetry()
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._health: Health | None = None

    async def run(self) -> int:
        """Starts, serves until SIGTERM or SIGINT, drains, stops. Errors: StartError."""
        started = time.monotonic()
        config = self._config
        clock_us = self._clock.now_us
        port_probe_all(config)
        with folder_lock(config.data):
            secrets, tenants = tenants_prepare(config)
            engine = engine_open(config, clock_us())
            engine.set_clock(self._clock.steady_offset_us())
            writer = Writer(engine, self._limits, self._telemetry, clock_us, self._fail)
            writer.start()

            def submit(pending: Pending) -> Awaitable[None]:
                return writer.submit(pending, Priority.RESERVATION)

            plans = Plans(engine, submit)
            try:
                await tenants_commit(engine, submit, tenants, secrets, clock_us)
                if config.local:
                    await demo_load(engine, plans, clock_us)
            except BaseException as error:
                await writer.stop()
                raise start_error(config.data, self._failure or error) from error
            return await self._serve(engine, writer, plans, tenants, secrets, started)

    async def _serve(
        self,
        engine: Engine,
        writer: Writer,
        plans: Plans,
        tenants: tuple[Tenant, ...],
        secrets: Secrets,
        started: float,
    ) -> int:
        keys = KeyRing(
            (digest, tenant.number) for tenant in tenants for digest in tenant.key_hashes
        )
        names = {tenant.number: tenant.name for tenant in tenants}
        observer = Observer(self._config, engine, writer, self._clock, self._telemetry, names)
        gate = Gate(keys, self._limits, self._telemetry, observer.slow_calls)
        delivery = Delivery(
            engine, writer.submit, self._clock.now_us,
            lambda number: delivery_policy_read(plans.policy(number, "delivery")),
            window_max=self._limits.effects_window_max, horizon_us=self._limits.effects_horizon_us,
            quiet={tenant.number for tenant in tenants if tenant.time_mode == "event"},
        )  # fmt: skip
        writer.follow(delivery.committed)
        observer.follow(delivery)
        effects = EffectService(engine, writer, delivery, plans, self._limits)
        table, health = method_table(
            engine, writer, plans, self._limits, lambda number: names[number],
            (*observer.methods(), *effects.methods()),
        )  # fmt: skip
        self._health = health
        checkpointer = Checkpointer(engine, self._config.checkpoint_s)
        ticker = self._ticker(engine, writer, tenants)
        transport = GrpcioEngine(table, gate, self._limits, self._clock.now_us)
        observer.start(gate, health)
        probes = Probes(
            metrics_page(self._telemetry, engine.figures), lambda: health.serving, self._limits
        )
        self._signals()
        try:
            grpc_port = await transport.start(self._config.grpc)
            http_port = await probes.start(self._config.http)
        except (PortBusy, OSError) as error:
            await transport.stop(0)
            await writer.stop()
            raise StartError(Exit.UNAVAILABLE, str(error)) from error
        health.set_all(serving=True)
        checkpointer.start()
        ticker.start()
        firings = FiringSampler(plans.firings, tuple(names), self._clock.now_us)
        firings.start()
        ready_s = time.monotonic() - started
        _LOG.info(
            "ready",
            extra={
                "grpc_port": grpc_port,
                "http_port": http_port,
                "start_ms": round(ready_s * 1e3),
            },
        )
        banner(self._config, grpc_port, http_port, secrets, ready_s)
        await self._stop.wait()
        if self._failure is not None:
            # Health already says NOT_SERVING; give watchers a moment to hear it, then crash. The
            # log on disk is the truth.
            await asyncio.sleep(FAILURE_GRACE_S)
            exit_now(Exit.SOFTWARE)
        observer.stop()
        delivery.close()
        await firings.stop()
        await self._drain(transport, gate, health, checkpointer, ticker, writer, probes)
        return Exit.OK

    def _ticker(self, engine: Engine, writer: Writer, tenants: tuple[Tenant, ...]) -> Ticker:
        modes = {tenant.number: tenant.time_mode == "event" for tenant in tenants}
        ticker = Ticker(
            engine, writer.submit, modes, self._clock.now_us, lambda: writer.queue.record_count > 0
        )
        writer.follow(ticker.committed)
        self._telemetry.register(ticker.readings)
        return ticker

    async def _drain(
        self,
        transport: GrpcioEngine,
        gate: Gate,
        health: Health,
        checkpointer: Checkpointer,
        ticker: Ticker,
        writer: Writer,
        probes: Probes,
    ) -> None:
        _LOG.info("draining", extra={"calls_in_flight": gate.calls_in_flight})
        health.set_all(serving=False)
        gate.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_s):
                await gate.idle()
        health.close()
        await transport.stop(TRANSPORT_GRACE_S)
        await checkpointer.stop()
        await ticker.stop()
        try:
            async with asyncio.timeout(self._limits.flush_s_max):
                await writer.stop()
        except TimeoutError:
            # A disk that hangs must not hang the stop; the log holds what was acknowledged.
            _LOG.critical("writer does not stop")
            exit_now(Exit.SOFTWARE)
        await probes.stop()
        _LOG.info("stopped", extra={"calls_cut": gate.calls_in_flight})

    def _signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        if self._health is not None:
            self._health.set_all(serving=False)
        self._stop.set()


def exit_now(code: Exit) -> NoReturn:
    """Ends the process without any clean-up: nothing in memory is to be trusted or waited for."""
    sys.stderr.flush()
    os._exit(code)


def start_error(data: Path, error: BaseException) -> BaseException:
    """Returns the StartError for an expected failure of a start, or the error itself."""
    if isinstance(error, Refusal):
        error = refused_by_engine(error.status, error.field, error.seen)
    expected = (EngineError, Refused, Failed, DocumentsRefused)
    return StartError(Exit.DATA, f"{data}: {error}") if isinstance(error, expected) else error


def engine_open(config: Config, now_us: int) -> Engine:
    """Opens the engine on the data folder. Errors: StartError with the engine's own sentence."""
    try:
        return Engine.open(
            str(config.engine_folder), partition=config.partition, map_size=config.map_size,
            segment_size=config.segment_size, now_us=now_us, kernel=config.kernel,
            texts=refusal_texts(),
        )  # fmt: skip
    except EngineError as error:
        raise StartError(Exit.DATA, str(error)) from error


def port_probe_all(config: Config) -> None:
    """Raises StartError when an address cannot be bound, before the data is touched."""
    for address in (config.grpc, config.http):
        try:
            port_probe(address)
        except PortBusy as error:
            raise StartError(Exit.UNAVAILABLE, str(error)) from error


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Makes the data folder and holds it for this process alone. Errors: StartError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            Exit.CANNOT_CREATE,
            f"{folder} cannot be written: {error.strerror}. Choose another folder with --data.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(
                Exit.UNAVAILABLE,
                f"{folder} is in use by another server. Stop it, "
                "or choose another folder with --data.",
            ) from error
        yield
    finally:
        os.close(descriptor)
