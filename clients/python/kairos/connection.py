"""Where the server is and how to reach it: address, key, TLS, options of the channel."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import grpc

from kairos.policy import Retries, service_config, timeout_s

MESSAGE_SIZE_MAX: Final = 64 << 20
"""Of answers; the server's own limit for requests is 4 MiB."""
KEEPALIVE_MS: Final = 30_000
KEEPALIVE_TIMEOUT_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates in PEM. None of them: those of the system, without a client certificate."""

    root_certificates: bytes | None = None
    certificate_chain: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    server_name: str = ""
    """Name that the server's certificate must hold; empty: the host of the address."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What sync and async clients are made from.

    tls: None: plain text to this machine, TLS to any other, because the key travels with each call.
    timeouts: seconds by the method's last name, for example {"Decide": 0.05}, before the defaults.
    options: further gRPC channel options, before the client's own.
    """

    address: str
    api_key: str = field(repr=False)
    tls: Tls | bool | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    retries: Retries = field(default_factory=Retries)
    options: tuple[tuple[str, str | int], ...] = ()

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Returns the credentials of the channel; None: plain text."""
        tls = self.tls
        if tls is None:
            tls = not _local(self.address)
        if not tls:
            return None
        if tls is True:
            tls = Tls()
        return grpc.ssl_channel_credentials(
            tls.root_certificates, tls.private_key, tls.certificate_chain
        )

    def channel_options(self) -> list[tuple[str, str | int]]:
        """Returns the options of the channel."""
        own: dict[str, str | int] = {
            "grpc.service_config": service_config(),
            "grpc.max_receive_message_length": MESSAGE_SIZE_MAX,
            # A connection that a firewall dropped is noticed while a call waits on it.
            "grpc.keepalive_time_ms": KEEPALIVE_MS,
            "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
            # An own connection for each client: closing one never disturbs another.
            "grpc.use_local_subchannel_pool": 1,
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 5_000,
        }
        if isinstance(self.tls, Tls) and self.tls.server_name:
            own["grpc.ssl_target_name_override"] = self.tls.server_name
        return list({**own, **dict(self.options)}.items())

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Returns what every call carries."""
        return (("authorization", f"Bearer {self.api_key}"),)

    def timeout_s(self, method: str) -> float:
        """Returns the deadline of a unary method."""
        own = self.timeouts.get(method.rpartition("/")[2])
        return timeout_s(method) if own is None else own


def _local(address: str) -> bool:
    """True when an address can only be this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.removeprefix("dns:///").rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
