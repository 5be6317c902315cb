"""What subscribers are told: filters, bounded buffers, and the hub that fills them."""

from kairos_server.streams.filter import SubscriptionFilter
from kairos_server.streams.hub import HubEngine, SubscriptionHub
from kairos_server.streams.subscription import Behind, Ended, Subscription

__all__ = ["Behind", "Ended", "HubEngine", "Subscription", "SubscriptionFilter", "SubscriptionHub"]
