"""How many effects of a channel may be handed out per second."""

from collections.abc import Callable

from kairos_server.delivery.policy import DeliveryPolicy

_SECOND_US = 1_000_000


class ChannelRates:
    """A bucket of tokens for each channel that has a limit, filled evenly, one second's worth at
    most. Not state: after a start the buckets are full.
    """

    def __init__(self) -> None:
        self._tokens: dict[int, float] = {}
        self._filled_us = 0
        self._policy = DeliveryPolicy()
        self.next_us: int | None = None
        """When a channel that was refused may hand out again; None: none was."""

    def at(self, now_us: int, policy: DeliveryPolicy) -> Callable[[int], bool]:
        """Fills the buckets; returns whether a channel may hand out one more."""
        passed_us = now_us - self._filled_us
        self._filled_us = now_us
        self._policy = policy
        self.next_us = None
        for channel in self._tokens:
            limit = policy.of(channel).per_second_max
            self._tokens[channel] = min(
                limit, self._tokens[channel] + limit * passed_us / _SECOND_US
            )
        return self._allowed

    def spend(self, channel: int) -> None:
        """One effect of the channel was handed out."""
        if channel in self._tokens:
            self._tokens[channel] -= 1

    def _allowed(self, channel: int) -> bool:
        limit = self._policy.of(channel).per_second_max
        if not limit:
            self._tokens.pop(channel, None)
            return True
        left = self._tokens.setdefault(channel, limit)
        if left >= 1:
            return True
        ready_us = self._filled_us + int((1 - left) / limit * _SECOND_US) + 1
        self.next_us = ready_us if self.next_us is None else min(self.next_us, ready_us)
        return False
