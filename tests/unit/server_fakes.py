"""Small stand-ins for the engine, after native/kairos_native/engine.pyi."""

import threading
from dataclasses import dataclass, field

from kairos_native.engine import Refusal
from kairos_server.limits import Limits


def limits(**changes) -> Limits:
    """Limits with the core's published numbers and any changes."""
    core = {
        "batch_events_max": 1000,
        "commit_records_max": 4096,
        "message_size_max": 4 << 20,
        "tenants_max": 1024,
    }
    return Limits(**{**core, **changes})


@dataclass(eq=False)
class FakePending:
    """A checked request."""

    record_count: int = 1
    size: int = 100
    payload: bytes = b""
    response: bytes = b""
    refusal: Refusal | None = None
    unknown_agents: tuple[bytes, ...] = ()
    token: object = None


@dataclass
class FakeEngine:
    """Commits by echoing; `hold` makes the writer wait inside a commit until it is set."""

    hold: threading.Event | None = None
    entered: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    commits: list[list[FakePending]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    decisions: list[FakePending] = field(default_factory=list)
    closed_count: int = 0

    def commit(self, pendings, now_us):
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        if self.hold is not None and not self.hold.wait(30):
            raise TimeoutError("the test forgot to release the commit")
        if self.error is not None:
            raise self.error
        self.commits.append(list(pendings))
        for pending in pendings:
            pending.response = b"answer:" + pending.payload
        return 1_000 * len(pendings)

    def take_decisions(self):
        return self.decisions.pop(0) if self.decisions else None

    def close(self):
        self.threads.add(threading.current_thread().name)
        self.closed_count += 1

    def check_ingest(self, tenant, request, received_us):
        if request == b"bad":
            raise Refusal(1, "event.subject_id", "")
        return FakePending(payload=request, size=len(request))

    def check_batch(self, tenant, request, received_us):
        return FakePending(payload=request, size=len(request), record_count=10)

    def decide(self, tenant, request, now_us):
        if request == b"boom":
            raise ZeroDivisionError("a fault of ours")
        self.decisions.append(FakePending(payload=b"decision"))
        return b"decided:%d:" % tenant + request

    def evaluate(self, tenant, request, now_us):
        return b"evaluated:" + request

    def profile(self, tenant, subject_id, at_us, now_us, *, identifier_type=0, whole=True):
        raise Refusal(72, "subject_id", subject_id.decode())
