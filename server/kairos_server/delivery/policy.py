"""How effects are tried: attempts, delays between them, length of leases, order; per channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from kairos_server.delivery.row import EffectRow

_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """What holds for the effects of one channel. Units: microseconds."""

    attempts_max: int = 8
    backoff_us_min: int = 2 * _SECOND_US
    backoff_us_max: int = 3_600 * _SECOND_US
    lease_us: int = 60 * _SECOND_US
    ordered: bool = True
    """Effects of one subject are handed out one after the other."""
    per_second_max: int = 0
    """Effects handed out per second, over all workers; 0: no limit."""

    def retry_us(self, row: EffectRow, attempt_count: int) -> int:
        """Returns the delay before the next attempt, after `attempt_count` failed ones.

        Full jitter: evenly spread between nothing and a bound that doubles with each failure.
        Drawn from a hash of effect and attempt, so that the same failure always waits equally long.
        Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
        """
        doublings = min(attempt_count - 1, 40)
        bound = min(self.backoff_us_max, self.backoff_us_min << doublings)
        drawn = blake2b(row.key + attempt_count.to_bytes(4, "little"), digest_size=8).digest()
        return int.from_bytes(drawn, "little") % (bound + 1)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The policy document `delivery` of one tenant."""

    default: ChannelPolicy = field(default_factory=ChannelPolicy)
    channels: Mapping[int, ChannelPolicy] = field(default_factory=dict)
    """kairos.v1.Channel -> what differs there."""

    def of(self, channel: int) -> ChannelPolicy:
        """Returns what holds for a channel."""
        return self.channels.get(channel, self.default)


def delivery_policy_read(body: Mapping[str, Any] | None) -> DeliveryPolicy:
    """Returns the policy of a normalised document (catalog.policies); None: the defaults."""
    if body is None:
        return DeliveryPolicy()
    return DeliveryPolicy(
        default=_channel(body["default"]),
        channels={int(number): _channel(part) for number, part in body["channels"].items()},
    )


def _channel(part: Mapping[str, Any]) -> ChannelPolicy:
    return ChannelPolicy(
        attempts_max=part["attempts_max"],
        backoff_us_min=part["backoff_s_min"] * _SECOND_US,
        backoff_us_max=part["backoff_s_max"] * _SECOND_US,
        lease_us=part["lease_s"] * _SECOND_US,
        ordered=part["order"] == "subject",
        per_second_max=part["per_second_max"],
    )
