"""A server whose engine fails at the first commit of events: `python broken_server.py FLAGS`; see
test_server_failure.py.
"""

import sys

from kairos_native.engine import Engine, EngineError
from kairos_server import app, cli

STATUS_LOG_IO = 128


class BrokenEngine:
    """The engine, but for commits that hold an ingested event."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def check_ingest(self, tenant, request, received_us):
        pending = self._engine.check_ingest(tenant, request, received_us)
        pending.token = "event"
        return pending

    def commit(self, pendings, now_us):
        if any(pending.token == "event" for pending in pendings):
            raise EngineError("The log cannot be written: Input/output error.", STATUS_LOG_IO)
        return self._engine.commit(pendings, now_us)


class Opener:
    """Stands for the class Engine in app.py."""

    @staticmethod
    def open(*arguments, **fields):
        return BrokenEngine(Engine.open(*arguments, **fields))


if __name__ == "__main__":
    app.Engine = Opener
    sys.exit(cli.main(["serve", *sys.argv[1:]]))
