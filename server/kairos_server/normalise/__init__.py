"""What normalisation asks libraries for, off the hot path. The public door of the package."""

from .agents import Agent, read_agent
from .known import AgentEngine, KnownAgents
from .privacy import Anonymised, Rules, anonymise

__all__ = [
    "Agent",
    "AgentEngine",
    "Anonymised",
    "KnownAgents",
    "Rules",
    "anonymise",
    "read_agent",
]
