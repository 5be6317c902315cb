"""Calls into the engine: its public refusals become the server's."""

from collections.abc import Iterator
from contextlib import contextmanager

from kairos_native.engine import Refusal

from kairos_server.errors import refused_by_engine


@contextmanager
def refusals() -> Iterator[None]:
    """Turns a Refusal of the block into errors.Refused.

    An EngineError passes: the node is broken, not the request.
    """
    try:
        yield
    except Refusal as refusal:
        raise refused_by_engine(refusal.status, refusal.field, refusal.seen) from None
