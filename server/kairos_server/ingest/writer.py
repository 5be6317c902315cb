"""The one thread that writes: takes what waits, commits it as a group,
wakes the event loop once.
"""

import asyncio
import logging
import threading
import time
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Protocol

from kairos_native.engine import Pending, Refusal

from kairos_server.errors import Failed, Refused, refused_by_engine
from kairos_server.ingest.queue import Entry, Priority, WriterQueue
from kairos_server.limits import Limits
from kairos_server.stages import Stages
from kairos_server.telemetry import Telemetry

_LOG = logging.getLogger("kairos.writer")
_APPLY_US_START = 2.0
_APPLY_WEIGHT = 0.1
Listener = Callable[[Sequence[Pending]], None]


class WriterEngine(Protocol):
    """What the writer needs of kairos_native.engine.Engine."""

    def commit(self, pendings: Sequence[Pending], now_us: int) -> int:
        """Appends, syncs, applies, and tells how long applying took, in ns; see engine.pyi."""
        ...

    def take_decisions(self) -> Pending | None:
        """Decision records captured since the last call; see engine.pyi."""
        ...

    def close(self) -> None:
        """Closes cleanly; see engine.pyi."""
        ...


class Writer:
    """Commits work in groups and answers whoever waits.

    Threads: every public method belongs to the event loop; `engine.commit` and `engine.close` run
    in the writer's thread only.
    Errors: an EngineError (or any other surprise) ends the thread; `on_failure` is called on the
    loop and must end the process, because what is durable and what is applied may differ from then
    on.
    """

    def __init__(
        self,
        engine: WriterEngine,
        limits: Limits,
        telemetry: Telemetry,
        clock_us: Callable[[], int],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._telemetry = telemetry
        self._clock_us = clock_us
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="kairos-writer", daemon=True)
        self._stopped = asyncio.Event()
        self._taken: list[Entry] = []
        self._decided_count = 0
        self._flush_timer: asyncio.TimerHandle | None = None
        # Estimated apply time of one record: an exponentially weighted mean,
        # because it follows the tenant's plan.
        self._apply_us = _APPLY_US_START
        self.queue = WriterQueue(limits.queue_records_max, limits.queue_size_max)
        self._listener: Listener | None = None
        self._recorder: Callable[[Pending], None] | None = None
        self._followers: list[Callable[[], None]] = []

    def listen(self, listener: Listener | None) -> None:
        """Sets who is told, on the event loop, what was committed, in the order of the log and
        before whoever waits for it goes on; None: nobody. The listener must not raise.
        """
        self._listener = listener

    def follow(self, follower: Callable[[], None]) -> None:
        """Adds one who is told, on the event loop, that something was committed, after the answers.
        The follower must not raise.
        """
        self._followers.append(follower)

    def record(self, recorder: Callable[[Pending], None]) -> None:
        """Sets who is told, on the event loop, of each group of decision records that is durable.
        The recorder must not raise.
        """
        self._recorder = recorder

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    async def submit(
        self,
        pending: Pending,
        priority: Priority = Priority.EVENT,
        stages: Stages | None = None,
    ) -> None:
        """Returns once the work is durable and applied.

        A cancelled waiter does not stop the commit.
        Errors: Refused(QUEUE_FULL) at once when there is no room; Refused(DISK_FULL, MAP_FULL) when
        nothing was written.
        """
        await self.offer(pending, priority, stages)

    def offer(
        self,
        pending: Pending,
        priority: Priority = Priority.EVENT,
        stages: Stages | None = None,
    ) -> "Future[None]":
        """Queues work before it returns, so that calls one after another keep their order; the
        future is done once the work is durable and applied. Errors: as `submit`.
        """
        future: Future[None] = self._loop.create_future()
        if not self.queue.put(Entry(pending, priority, future, time.perf_counter_ns(), stages)):
            raise Refused("QUEUE_FULL", retry_us=self._limits.retry_us_queue)
        return future

    def now_us(self) -> int:
        """Returns the server's present, for work that has no call of its own."""
        return self._clock_us()

    def decisions_check(self) -> None:
        """Raises Refused(QUEUE_FULL) when so many decision records wait for the disk that no
        more may be captured.
        """
        if self.queue.decision_size > self._limits.decision_backlog_size_max:
            raise Refused("QUEUE_FULL", retry_us=self._limits.retry_us_queue)

    def decided(self) -> None:
        """Tells that the engine captured a decision record: it goes to the writer soon, and the
        answer does not wait for it.
        """
        self._decided_count += 1
        if self._decided_count >= self._limits.decision_flush_count:
            self._decisions_flush()
        elif self._flush_timer is None:
            self._flush_timer = self._loop.call_later(
                self._limits.decision_flush_us / 1e6, self._decisions_flush
            )

    async def stop(self) -> None:
        """Takes no more work, commits what waits, closes the engine, ends the thread."""
        self._decisions_flush()
        self.queue.close()
        if self._thread.ident is not None:
            await self._stopped.wait()
            await asyncio.to_thread(self._thread.join)

    def _decisions_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._decided_count = 0
        while (pending := self._engine.take_decisions()) is not None:
            self.queue.put(Entry(pending, Priority.DECISION, None))

    def _run(self) -> None:
        try:
            while taken := self.queue.take(self._records_max()):
                self._taken = taken
                self._commit(taken)
            self._engine.close()
        except BaseException as error:
            # Crash-only: the state in memory is no longer trusted, the log on disk is.
            _LOG.critical(
                "writer failed",
                extra={"status": getattr(error, "status", None), "reason": str(error)},
            )
            self._wake(self._failed, error)
        self._wake(self._stopped.set)

    def _records_max(self) -> int:
        """Returns how many records one commit may take: the limit,
        or as many as apply within the target time.
        """
        by_time = int(self._limits.commit_apply_us_target / max(self._apply_us, 0.01))
        return max(1, min(self._limits.commit_records_max, by_time))

    def _commit(self, entries: list[Entry]) -> None:
        started = time.perf_counter_ns()
        applied_ns = 0
        error: Refused | None = None
        try:
            applied_ns = self._engine.commit([entry.pending for entry in entries], self._clock_us())
        except Refusal as refusal:
            error = refused_by_engine(refusal.status, refusal.field, refusal.seen)
        ended = time.perf_counter_ns()
        record_count = sum(entry.pending.record_count for entry in entries)
        if record_count and error is None:
            # A transaction has a cost of its own, so that only groups tell what one
            # more record costs.
            sample = applied_ns / 1e3 / record_count
            if record_count >= 64 or sample < self._apply_us:
                self._apply_us += _APPLY_WEIGHT * (sample - self._apply_us)
        self._measure(entries, record_count, started, ended, applied_ns)
        self._wake(self._resolve, entries, error)

    def _measure(
        self, entries: list[Entry], record_count: int, started: int, ended: int, applied_ns: int
    ) -> None:
        telemetry = self._telemetry
        telemetry.commit_done(record_count, ended - started)
        telemetry.stage_done("append", ended - started - applied_ns)
        telemetry.stage_done("apply", applied_ns)
        for entry in entries:
            if entry.put_ns:
                telemetry.stage_done("queue", started - entry.put_ns)
                if entry.priority is Priority.EVENT:
                    telemetry.processing.observe(ended - entry.put_ns)
            stages = entry.stages
            if stages is not None:
                stages.queue_ns = started - entry.put_ns
                stages.append_ns = ended - started - applied_ns
                stages.apply_ns = applied_ns
                stages.committed_ns = ended

    def _wake(self, callback: Callable[..., None], *arguments: object) -> None:
        # The loop is gone only when the process ends without waiting for us;
        # then nobody is left to tell.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _resolve(self, entries: list[Entry], error: Refused | None) -> None:
        if self._listener is not None and error is None:
            self._listener([entry.pending for entry in entries])
        for entry in entries:
            future = entry.future
            if future is None:
                if error is not None:
                    self._telemetry.decisions_lost_count += entry.pending.record_count
                elif self._recorder is not None:
                    self._recorder(entry.pending)
            elif not future.done():
                # A cancelled caller has gone; its work was committed all the same.
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(Refused(error.reason, error.field, error.seen))
        if error is None:
            for follower in self._followers:
                follower()

    def _failed(self, error: BaseException) -> None:
        # Whether the group became durable is not known; its callers are told to repeat,
        # which event ids make safe.
        for entry in [*self._taken, *self.queue.abandon()]:
            if entry.future is not None and not entry.future.done():
                entry.future.set_exception(Failed())
        self._on_failure(error)
