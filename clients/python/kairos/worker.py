"""Works off effects: leases them, hands each to a function, and says what became of it."""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from kairos.errors import Cancelled, KairosError
from kairos.v1 import effect_service_pb2, event_pb2
from kairos.v1.effect_service_pb2 import Effect
from kairos.values import enum_of

if TYPE_CHECKING:
    from kairos.client import Client

_LOG: Final = logging.getLogger("kairos.worker")
WAIT_S: Final = 20.0
PAUSE_S_MIN: Final = 0.1
PAUSE_S_MAX: Final = 10.0
REASON_SIZE_MAX: Final = 512


class TryLater(Exception):
    """Raised by a handler: this attempt failed, the next one makes sense after `seconds`; 0: after
    the delay that the policy gives.
    """

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class GiveUp(Exception):
    """Raised by a handler: no further attempt makes sense."""


class EffectWorker:
    """Leases effects and hands them to `handle`, up to `concurrency` at once, on own threads.

    When `handle` returns, the effect is acknowledged; when it raises, the attempt failed and is
    made again as the policy says. An effect may come twice, when its worker or the server ends at
    the wrong moment: pass `effect.idempotency_key` on to whatever is called. Leases of effects
    under way are extended, so that a handler may take as long as it needs.

    channels: lower-case names; none: all. action_types: none: all.
    """

    def __init__(
        self,
        client: "Client",
        handle: Callable[[Effect], None],
        *,
        worker_id: str = "",
        channels: Iterable[str] = (),
        action_types: Iterable[str] = (),
        concurrency: int = 8,
        lease_s: float = 30.0,
    ) -> None:
        self._service = client.effect_service
        self._handle = handle
        self._request = lease_request(worker_id, channels, action_types, lease_s)
        self._concurrency = concurrency
        self._lease_s = lease_s
        self._changed = threading.Condition()
        self._running: dict[str, effect_service_pb2.EffectLease] = {}
        self._stopping = False
        self._ended = False

    def run(self) -> None:
        """Works until `stop` is called, then finishes what is under way. Failures of the connection
        are logged and outwaited.
        """
        extender = threading.Thread(target=self._extend, name="kairos-leases", daemon=True)
        extender.start()
        failed_count = 0
        with ThreadPoolExecutor(self._concurrency, "kairos-effect") as pool:
            while (room := self._room()) > 0:
                try:
                    effects = self._lease(room)
                    failed_count = 0
                except KairosError as error:
                    if isinstance(error, Cancelled) or self._stopping:
                        break
                    _LOG.warning("no effects leased: %s %s", error.code, error)
                    self._pause(min(PAUSE_S_MIN * 2**failed_count, PAUSE_S_MAX))
                    failed_count = min(failed_count + 1, 10)
                    continue
                for effect in effects:
                    with self._changed:
                        self._running[effect.effect_id] = lease_of(effect)
                    pool.submit(self._work, effect)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        extender.join()

    def stop(self) -> None:
        """Leases no more; `run` returns once what is under way is finished. Any thread, and signal
        handlers too; a call that waits for effects ends within 20 s.
        """
        self._stopping = True

    def _room(self) -> int:
        """Waits for a free thread; 0: the worker stops."""
        with self._changed:
            while not self._stopping and len(self._running) >= self._concurrency:
                self._changed.wait(1.0)
            return 0 if self._stopping else self._concurrency - len(self._running)

    def _lease(self, room: int) -> list[Effect]:
        wait_s = min(WAIT_S, self._lease_s)
        answer = self._service.lease_effects(
            effect_count_max=room, wait_us=int(wait_s * 1e6), timeout=wait_s + 10, **self._request
        )
        return list(answer.effects)

    def _work(self, effect: Effect) -> None:
        try:
            failure = self._attempt(effect)
            if failure is None:
                self._service.ack_effects(leases=[lease_of(effect)])
            else:
                self._service.fail_effects(failures=[failure])
        except KairosError as error:
            # The lease ends by itself, and the effect is handed out again.
            _LOG.warning("outcome of %s not told: %s %s", effect.effect_id, error.code, error)
        finally:
            with self._changed:
                self._running.pop(effect.effect_id, None)
                self._changed.notify_all()

    def _attempt(self, effect: Effect) -> effect_service_pb2.FailedEffect | None:
        try:
            self._handle(effect)
        except Exception as error:
            return failure_of(effect, error)
        return None

    def _extend(self) -> None:
        """Moves the ends of the leases of what is under way, three times in each length."""
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._ended, self._lease_s / 3):
                    return
                leases = list(self._running.values())
            if not leases:
                continue
            try:
                self._service.extend_leases(leases=leases, lease_us=self._request["lease_us"])
            except KairosError as error:
                _LOG.warning("leases not extended: %s %s", error.code, error)

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)


def lease_of(effect: Effect) -> effect_service_pb2.EffectLease:
    """Returns what names the lease of an effect that was handed out."""
    return effect_service_pb2.EffectLease(
        effect_id=effect.effect_id, lease_token=effect.lease_token
    )


def failure_of(effect: Effect, error: Exception) -> effect_service_pb2.FailedEffect:
    """Returns what to tell of an attempt that raised. Call it where the error is handled."""
    failed = effect_service_pb2.FailedEffect(lease=lease_of(effect))
    if isinstance(error, GiveUp | TryLater):
        failed.reason = str(error).encode()[:REASON_SIZE_MAX].decode(errors="ignore")
    else:
        # Its text may hold personal data; its kind does not.
        failed.reason = type(error).__name__
        _LOG.exception("handler failed for %s", effect.effect_id)
    failed.permanent = isinstance(error, GiveUp)
    if isinstance(error, TryLater):
        failed.retry_delay_us = int(error.seconds * 1e6)
    return failed


def lease_request(
    worker_id: str, channels: Iterable[str], action_types: Iterable[str], lease_s: float
) -> dict[str, Any]:
    """Returns the fields of each request for effects. Errors: ValueError for an unknown channel."""
    return {
        "worker_id": worker_id,
        "channels": [enum_of(event_pb2.Channel, "CHANNEL", name) for name in channels],
        "action_types": list(action_types),
        "lease_us": int(lease_s * 1e6),
    }
