"""What a handler sees of a call, whichever transport carries it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from kairos_server.stages import Stages


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who asks, from where, how long there is time.

    Units: `deadline` in seconds of time.monotonic, None: no deadline;
    `received_us` in microseconds UTC.
    """

    method: str
    metadata: Mapping[str, str | bytes]
    deadline: float | None
    peer: str
    received_us: int
    tenant: int = 0
    """The tenant of the credential; 0 in public methods."""
    stages: Stages = field(default_factory=Stages)
    """Filled on the way by whoever passes the call on."""

    def remaining_us(self) -> int | None:
        """Microseconds until the deadline, perhaps negative; None without one."""
        return None if self.deadline is None else int((self.deadline - time.monotonic()) * 1e6)


class Kind(Enum):
    """Shape of a method."""

    UNARY = "unary"
    SERVER_STREAM = "server_stream"
    BIDI_STREAM = "bidi_stream"


UnaryHandler = Callable[[bytes, Call], Awaitable[bytes]]
"""Takes the request's bytes, returns the response's, or raises errors.Refused."""
StreamHandler = Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]
"""Takes the requests (one for SERVER_STREAM), yields responses, or raises errors.Refused."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the method table. Exactly one of `unary` and `stream` is set, as `kind` says."""

    name: str
    kind: Kind
    unary: UnaryHandler | None = None
    stream: StreamHandler | None = None
    public: bool = False
    """True: needs no credential (health, reflection)."""
    always: bool = False
    """True: answered while draining too."""


class MethodTable(Mapping[str, Method]):
    """Full method name, `/package.Service/Method`, -> row. Never changes after it was made."""

    def __init__(self, *methods: Method) -> None:
        self._rows: dict[str, Method] = {}
        for method in methods:
            if method.name in self._rows:
                raise ValueError(f"{method.name} is registered twice")
            if (method.unary is None) is not (method.kind is not Kind.UNARY) or (
                method.stream is None
            ) is not (method.kind is Kind.UNARY):
                raise ValueError(f"{method.name}: the handler does not fit {method.kind}")
            self._rows[method.name] = method

    def __getitem__(self, name: str) -> Method:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def services(self) -> tuple[str, ...]:
        """Returns the full names of all services, sorted."""
        return tuple(sorted({name.split("/")[1] for name in self._rows}))
