"""The asynchronous client: the classes of `kairos`, awaited."""

from kairos.aio.client import Client
from kairos.aio.producer import Producer

__all__ = ["Client", "Producer"]
