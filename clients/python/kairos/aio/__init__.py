"""The asynchronous client: the classes of `kairos`, awaited."""

from kairos.aio.client import Client
from kairos.aio.producer import Producer
from kairos.aio.worker import EffectWorker

__all__ = ["Client", "EffectWorker", "Producer"]
