"""The native engine: bytes in, log, apply, decide, bytes out.

The only door between Python and the core.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, final

SEMANTICS_VERSION: Final[int]
STATUS: Final[dict[str, int]]
"""Status name without prefix -> number, for example {"SUBJECT_MISSING": 1}."""
LIMITS: Final[dict[str, int]]
"""Limit name without KAIROS_ in lower case -> value, for example {"batch_events_max": 1000}."""
SIZES: Final[dict[str, int]]
"""Struct name -> bytes, and "struct.field" -> offset, for the writer of plan
images and its test.
"""

COUNTERS: Final[dict[str, int]]
"""Counter name -> number, see Engine.counts."""

OUTCOMES: Final[dict[str, int]]
"""Kind of an outcome -> number: acked, failed, dead, replayed, discarded."""

_EffectTuple = tuple[
    int, int, bytes, bytes, int, bytes, bytes, bytes,
    int, int, int, int, int, int, int, int, int, int,
]  # fmt: skip
"""sequence, ordinal, idempotency key, subject id, identifier type, identifier, encoded action,
reason of the last failure, created_us, due_us, origin sequence, trigger number (2**32 - 1: none),
action index, step, urgency, channel, source (kairos.v1.EffectSource), attempts that failed.
"""

class EngineError(Exception):
    """A failure of the node: log, view or image.

    `status` is the native status, `args[0]` says what to do.
    """

    status: int
    def __init__(self, message: str, status: int) -> None: ...

class Refusal(Exception):
    """A request that is refused as a whole. `status` is public (kairos.v1.ErrorReason)."""

    status: int
    field: str
    seen: str
    def __init__(self, status: int, field: str = "", seen: str = "") -> None: ...

@final
class Pending:
    """One checked request on its way through the writer. Filled by Engine.commit.

    Owns: the request bytes, and after the commit the response bytes.
    """

    record_count: int
    """Log records that it will append; at most LIMITS["batch_events_max"]."""
    size: int
    """Payload bytes that it will append."""
    token: object
    """Anything of the caller's; the engine never looks at it."""
    @property
    def payload(self) -> bytes:
        """The bytes that were checked: of events the request, or what normalisation made of it."""
    @property
    def tenant(self) -> int:
        """The tenant; 0 for a group of decision records."""
    @property
    def received_us(self) -> int:
        """Received time of its records, before the log raises it where a clock went back."""
    @property
    def batch(self) -> bool:
        """True for an IngestBatchRequest."""
    @property
    def response(self) -> bytes:
        """The encoded response message; empty before the commit."""
    @property
    def unknown_agents(self) -> list[bytes]:
        """User agents of its events that learn_agent was not told of, each once, at most 64."""
    @property
    def refusal(self) -> Refusal | None:
        """Unary ingest only: why the event was refused; then it must not be committed."""
    @property
    def sequence_last(self) -> int:
        """Log sequence of its last record; 0 before the commit or when it had none."""

@final
class Engine:
    """One partition: its log, its view, its plans.

    Threads: `commit` and `close` belong to one writer thread; `checkpoint`, `dump` and
    `log_records` to any one thread at a time; everything else to the event loop's thread.
    """

    @staticmethod
    def open(
        folder: str,
        *,
        partition: int = 0,
        map_size: int = 1 << 36,
        segment_size: int = 1 << 26,
        now_us: int,
        kernel: str = "",
        texts: Mapping[str, str] | None = None,
    ) -> Engine:
        """Opens or creates the data folder, recovers the log, and brings the view up to date.

        texts: status name -> rule and remedy, the words of EventError.description in batches.

        Errors: EngineError with a sentence that says what is wrong and what to do.
        """
    def close(self) -> None:
        """Closes cleanly; the next start needs no replay. Idempotent."""
    def check_ingest(self, tenant: int, request: bytes, received_us: int) -> Pending:
        """Checks an IngestRequest. Raises Refusal when it is not acceptable."""
    def check_batch(self, tenant: int, request: bytes, received_us: int) -> Pending:
        """Checks an IngestBatchRequest; bad events are refused inside.

        Raises Refusal for the whole request.
        """
    def tenant_settings(
        self,
        tenant: int,
        name: str,
        hash_key: bytes,
        time_mode: int,
        now_us: int,
        *,
        ahead_us_max: int = ...,
        behind_us_max: int = ...,
        lateness_us_max: int = ...,
        session_gap_us: int = ...,
    ) -> Pending:
        """A record that creates a tenant or changes its settings. hash_key (16 bytes)
        and time_mode never change.
        """
    def activation(
        self, tenant: int, plan_id: bytes, now_us: int, entries: Sequence[tuple[str, bytes]] = ()
    ) -> Pending:
        """A record that activates a plan whose image was stored with store_plan,
        and stores documents as `documents` does.

        Raises Refusal(PLAN_UNKNOWN).
        """
    def documents(self, tenant: int, entries: Sequence[tuple[str, bytes]], now_us: int) -> Pending:
        """A record that stores documents: (key, value); an empty value removes.

        Keys at most 400 bytes.
        """
    def commit(self, pendings: Sequence[Pending], now_us: int) -> int:
        """Appends all records, makes them durable, applies them, fills the
        responses; without the GIL.

        Returns the nanoseconds that applying took, append and sync not counted. now_us:
        microseconds UTC, for processing times.
        Errors: Refusal(DISK_FULL, MAP_FULL): nothing happened, refuse the requests or commit them
        again; ValueError: a request of another engine, committed before or there twice, or more
        than LIMITS["commit_records_max"] records; EngineError: the process must end, every further
        commit is refused.
        """
    def decide(self, tenant: int, request: bytes, now_us: int) -> bytes:
        """Answers a DecideRequest with an encoded DecideResponse. Raises Refusal."""
    def evaluate(self, tenant: int, request: bytes, now_us: int) -> bytes:
        """Answers an EvaluateRequest with an encoded EvaluateResponse. Raises Refusal."""
    def next_due(self, tenant: int) -> int | None:
        """When the tenant's timers want to be looked at next, in µs; None when none is pending. Not
        after the moment when the first of them is due, and may be before it: a timer that activity
        has moved is found out when its old time comes.
        """
    def tick(self, tenant: int, now_us: int, timer_count_max: int = 1000) -> Pending | None:
        """The record that has the tenant's next timers looked at, of those whose time has come: by
        `now_us` for a live tenant, by its event time for an event-time tenant. None when it has
        come for none. Of two that are made before either is committed, the later changes nothing.
        """
    def evaluate_trial(self, tenant: int, image: bytes, request: bytes, now_us: int) -> bytes:
        """Answers an EvaluateRequest as if the plan of the image were active; `plan_id` of the
        answer is that plan's. Features that the active plan does not keep are incomplete.

        Cost: verifies the image. Errors: Refusal as `evaluate`; EngineError for a bad image.
        """
    def set_clock(self, offset_us: int) -> None:
        """Says what is to be added to CLOCK_BOOTTIME for the server's present, by which processing
        times are measured; of the whole process.
        """
    def take_decisions(self) -> Pending | None:
        """The decision records captured since the last call, to be committed by the writer; None
        when there are none.
        """
    def replay_decision(self, record: bytes) -> bytes:
        """Decides again from a decision record alone; the result equals the recorded response but
        for processing time.
        """
    def profile(
        self,
        tenant: int,
        subject_id: bytes,
        at_us: int | None,
        now_us: int,
        *,
        identifier_type: int = 0,
        whole: bool = True,
    ) -> bytes:
        """An encoded GetProfileResponse.

        Raises Refusal(SUBJECT_NOT_FOUND, PLAN_MISSING, TIME_NOT_ALLOWED).
        """
    def subject_id(self, tenant: int, identifier_type: int, identifier: bytes) -> bytes:
        """The 16-byte id of an identifier. Raises Refusal(IDENTIFIER_INVALID)."""
    def link(
        self,
        tenant: int,
        left: tuple[int, bytes],
        right: tuple[int, bytes],
        method: int,
        confidence: float,
        evidence: bytes,
        now_us: int,
    ) -> Pending:
        """A record that links two identifiers, each (type, value). What came of it tells
        link_outcome. Raises Refusal(IDENTIFIER_INVALID, FIELD_INVALID).
        """
    def unlink(self, tenant: int, link_id: int, now_us: int) -> Pending:
        """A record that removes a link."""
    def link_outcome(self, pending: Pending) -> tuple[int, int]:
        """Of a committed link or unlink: status (0: done, else LINK_REFUSED or LINK_NOT_FOUND) and
        id of the link; a link's id is 16 times the sequence of the record that made it, and an
        ordinal.
        """
    def group(
        self, tenant: int, subject_id: bytes
    ) -> tuple[
        list[tuple[bytes, int]],
        list[
            tuple[int, tuple[int, bytes], tuple[int, bytes], int, float, bytes, int, bytes, bytes]
        ],
    ]:
        """Members (subject id, identifier type) in ascending order, and links: id, left (type,
        value), right, method, confidence, evidence, time, left and right subject id. Both empty for
        a subject that is not linked.
        """
    def link_row(
        self, tenant: int, link_id: int
    ) -> (
        tuple[int, tuple[int, bytes], tuple[int, bytes], int, float, bytes, int, bytes, bytes]
        | None
    ):
        """One link as `group` gives it; None where there is none."""
    def recent(self, tenant: int, subject_ids: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """(log sequence, subject id) of the last 16 events of each subject, newest first."""
    def log_events(self, sequences: Sequence[int]) -> list[tuple[int, int, int, bytes]]:
        """(sequence, occurred, received, encoded event) of these log records, in the order asked
        for; those that the log no longer holds are left out. Any thread.
        """
    def score_names(self, tenant: int) -> list[str]:
        """Names of the active plan's scores."""
    def consent_history(
        self, tenant: int, subject_ids: Sequence[bytes]
    ) -> list[tuple[int, int, int, bytes, bytes, list[tuple[bytes, int]]]]:
        """(sequence, occurred, received, source, policy version, [(purpose, status)]) of every
        event with consents of these subjects, newest first.
        """
    def store_plan(self, image: bytes) -> bytes:
        """Verifies an image and writes it durably to the plans folder; returns its 32-byte id.

        Idempotent.
        """
    def prepare_plan(self, plan_id: bytes) -> None:
        """Reads and verifies a stored image without the GIL, so that the next `activation` of it
        takes microseconds. Any one thread at a time, as store_plan.

        Errors: EngineError.
        """
    def active_plan(self, tenant: int) -> bytes | None:
        """Id of the active plan."""
    def plan_meta(self, tenant: int) -> bytes | None:
        """What the active plan says for people and for the server: JSON with `conditions`,
        `features`, `named_features` and `policies`; None without an active plan.
        """
    def learn_agent(
        self,
        text: bytes,
        device_type: int,
        bot: bool,
        browser: bytes,
        browser_version: bytes,
        os_name: bytes,
        bot_name: bytes,
    ) -> None:
        """Tells what a user agent is; events checked from now on are normalised by it.

        Bounds: each text at most 64 bytes of UTF-8; the table forgets what is not looked up
        """
    def agent_figures(self) -> dict[str, int]:
        """User agents: known (now), found and missed (look-ups since open)."""
    def activations(self, tenant: int) -> list[tuple[int, int, bytes]]:
        """(log sequence, received time, plan id) of every activation, oldest first."""
    def documents_of(self, tenant: int, prefix: str = "") -> dict[str, bytes]:
        """Every stored document of the tenant whose key begins with the prefix."""
    def documents_range(
        self, tenant: int, prefix: str, after: str, count: int
    ) -> list[tuple[str, bytes]]:
        """Up to `count` stored documents in order of their keys: those that begin with the
        prefix and are greater than `after`; an empty `after` asks for the first ones.
        """
    def event_time(self, tenant: int) -> int:
        """Highest occurred time that the tenant has seen; 0 before the first event."""
    def checkpoint(self, stop: Callable[[], bool] | None = None) -> str | None:
        """Writes and verifies a fuzzy checkpoint beside the writer; returns its folder,
        None when `stop` said so.

        Bounds: read transactions of about 25 ms; memory of one chunk (4 MiB).
        Must have returned before `close`.
        """
    def dump(self, database: str) -> Iterator[tuple[bytes, bytes]]:
        """Sorted (key, value) of one database: meta, subjects, identities, history, dedupe …"""
    def log_records(
        self, sequence: int, kind: int = 0
    ) -> list[tuple[int, int, int, int, int, bytes]]:
        """Durable log records from a position on: (sequence, kind, tenant, occurred_us,
        received_us, payload); kind 0: all.
        """
    def counts(self, tenant: int) -> dict[int, tuple[int, int]]:
        """Counter number -> (count, present of the record that counted last), those not 0.

        Numbers: COUNTERS; a trigger's is COUNTERS["trigger_first"] + its number in the plan's
        list of names. Kept for ever, over restarts and plans.
        """
    def enqueue(
        self,
        tenant: int,
        identifier: bytes,
        identifier_type: int,
        key: bytes,
        due_us: int,
        urgency: int,
        channel: int,
        action: bytes,
        now_us: int,
    ) -> Pending:
        """A record that puts one effect into the outbox, unless the idempotency key was used
        within 8 days. `action`: an encoded kairos.v1.Action.

        Raises Refusal(TENANT_UNKNOWN, IDENTIFIER_INVALID, FIELD_INVALID).
        """
    def enqueue_all(
        self,
        tenant: int,
        rows: Sequence[tuple[bytes, int, bytes, int, int, int, bytes]],
        now_us: int,
    ) -> Pending:
        """Records for up to LIMITS["batch_events_max"] effects: (identifier, identifier_type, key,
        due_us, urgency, channel, action) each; else as `enqueue`.
        """
    def outcomes(
        self, tenant: int, rows: Sequence[tuple[int, int, int, int, bytes]], now_us: int
    ) -> Pending:
        """Records of what became of effects: (sequence, ordinal, OUTCOMES[…], due_us, reason)
        each, up to LIMITS["batch_events_max"]. due_us: of the next attempt; a longer reason is cut.
        """
    def effect_results(self, pending: Pending) -> list[tuple[int, bool, bool]]:
        """Of a committed Pending of `enqueue` or `outcomes`, for each record: the sequence of the
        effect enqueued (of a repeat, that of the first receipt; its ordinal is 0), whether it was a
        repeat, whether the outcome found its effect.
        """
    def effects(
        self, tenant: int, after: tuple[int, int] = (0, 0), limit: int = 1000, dead: bool = False
    ) -> list[_EffectTuple]:
        """Pending or dead effects behind an id, in the order of ids, at most 4,096. New effects are
        always at the end. Any thread.
        """
    def effects_at(
        self, tenant: int, ids: Iterable[tuple[int, int]], dead: bool = False
    ) -> list[_EffectTuple | None]:
        """The effects with these ids; None where there is none. Any thread."""
    def effects_made(self) -> int:
        """How many effects became pending since the engine was opened; grows whenever there is
        something new behind the last id that was read. Any thread.
        """
    def effects_count(self, tenant: int, dead: bool = False) -> int:
        """How many effects are pending or dead. Any thread. Cost: about 50 ns each."""
    def trigger_name(self, tenant: int, number: int) -> str:
        """Id of the trigger with this number in the active plan; empty: there is none."""
    def log_record(self, sequence: int) -> tuple[int, int, int, int, int, bytes] | None:
        """One durable log record as in `log_records`; None where the log no longer has it.

        Any thread. Cost: reads a segment up to the record, tens of milliseconds at worst.
        """
    def log_firsts(self) -> list[int]:
        """First sequence of every segment of the log, in order."""
    def find_record(
        self, kind: int, prefix: bytes, sequence_first: int, sequence_last: int
    ) -> tuple[int, int, int, int, int, bytes] | None:
        """The first durable record of a kind whose payload begins with `prefix`, as log_records
        tells it; None when there is none from `sequence_first` to `sequence_last`.

        Threads: any, beside everything else. Cost: reads and verifies every frame in between
        without the GIL, about a second per GiB.
        Errors: EngineError when the log is damaged.
        """
    def figures(self) -> dict[str, int]:
        """Counters and sizes: applied_sequence, log_bytes, log_syncs, view_bytes, …"""

def hash64(space: int, text: bytes) -> int:
    """The dictionary hash of plan images."""

def canonical_name(name: str) -> str:
    """The snake_case form of an attribute name. Raises ValueError when the name is not allowed."""

def verify_image(image: bytes) -> None:
    """Raises EngineError when the image is not one that the core would load."""
