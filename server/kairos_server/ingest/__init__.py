"""The way into the log: a bounded queue and one writer thread."""

from kairos_server.ingest.checkpointer import Checkpointer
from kairos_server.ingest.queue import Entry, Priority, WriterQueue
from kairos_server.ingest.ticker import Ticker
from kairos_server.ingest.writer import Writer, WriterEngine

__all__ = ["Checkpointer", "Entry", "Priority", "Ticker", "Writer", "WriterEngine", "WriterQueue"]
