"""The asynchronous client: `kairos.aio.Client`, with the methods of `kairos.Client`, awaited."""

from kairos.aio.client import Client

__all__ = ["Client"]
