"""A tenant's plan after compilation and before it becomes bytes.

`compile.py` makes it from documents, `image.py` writes it as the image that the core reads. All ids
are the numbers of `native/kairos_native/layout.h`.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class SourceKind(IntEnum):
    EVENT = 1
    CONTEXT = 2
    TRAIT = 3
    SLOT = 4
    SLOT_PREVIOUS = 5
    DERIVED = 6
    DERIVED_PREVIOUS = 7
    CONSENT = 8
    SESSION = 9
    PROFILE = 10
    NOW = 11


class Part(IntEnum):
    VALUE = 0
    TIME = 1
    AGE = 2


class LeafOp(IntEnum):
    EQ = 1
    NE = 2
    LT = 3
    LE = 4
    GT = 5
    GE = 6
    NOT_LT = 7
    NOT_LE = 8
    NOT_GT = 9
    NOT_GE = 10
    IN = 11
    NOT_IN = 12
    HAS = 13
    NOT_HAS = 14


class FieldType(IntEnum):
    DYN = 0
    BOOL = 2
    INT = 3
    DOUBLE = 4
    STRING = 5
    TIME = 6


class SlotKind(IntEnum):
    RETIRED = 0
    COUNT = 1
    SUM_INT = 2
    SUM_DOUBLE = 3
    DECAYED = 4
    WINDOW_COUNT = 5
    WINDOW_SUM_INT = 6
    WINDOW_SUM_DOUBLE = 7
    LAST = 8
    FIRST = 9


class DerivedKind(IntEnum):
    ENGAGEMENT = 1
    LOGISTIC = 2


class SlotScope(IntEnum):
    SUBJECT = 0
    SESSION = 1


@dataclass(frozen=True, slots=True)
class Time:
    """A moment, microseconds since 1970-01-01 UTC."""

    us: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A span, microseconds."""

    us: int


Constant = None | bool | int | float | str | Time | Duration


@dataclass(frozen=True, slots=True)
class Source:
    kind: SourceKind
    id: int
    part: Part = Part.VALUE


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test of one value.

    HAS and NOT_HAS have no operand, IN and NOT_IN any number, all others exactly one.
    """

    source: Source
    op: LeafOp
    operands: tuple[Constant, ...] = ()


class RuleRole(IntEnum):
    FIRE = 0
    ARM = 1
    CANCEL = 2
    STILL = 3


class TimerKind(IntEnum):
    RETIRED = 0
    AFTER = 1
    INACTIVITY = 2
    NEXT_SESSION = 3


class TimerPolicy(IntEnum):
    RESTART = 1
    KEEP = 2
    EACH = 3


@dataclass(frozen=True, slots=True)
class EffectTemplate:
    """An action that goes to the outbox; `blob` is one encoded kairos.v1.Action."""

    blob: bytes
    trigger: int
    action_index: int
    urgency: int = 0
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Timer:
    """One delay of a trigger; its position in `PlanModel.timers` is its id.

    `still`: index in `PlanModel.timer_rules` of what must hold when it fires, None: nothing.
    """

    kind: TimerKind
    policy: TimerPolicy
    trigger: int
    delay_us: int = 0
    spread_us: int = 0
    step: int = 1
    still: int | None = None
    effects: tuple[EffectTemplate, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Holds when all leaves of one conjunction hold.

    No conjunction: never; a conjunction without leaves: always.
    """

    number: int
    priority: int
    conjunctions: tuple[tuple[Leaf, ...], ...]
    blob: bytes = b""
    role: RuleRole = RuleRole.FIRE
    timers: tuple[int, ...] = ()
    """Timer ids that a rule of role ARM or CANCEL arms or cancels."""
    effects: tuple[EffectTemplate, ...] = ()
    """What a rule of role FIRE puts into the outbox."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: FieldType
    flags: int = 0
    """enum kairos_field_flag."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A stored feature; its position in `PlanModel.slots` is its id.

    `filter`: (event field index, constant), all equal.
    """

    kind: SlotKind
    scope: SlotScope
    offset: int
    size: int
    event_type: int = 0
    filter: tuple[tuple[int, Constant], ...] = ()
    value_field: int | None = None
    window_us: int = 0
    bucket_us: int = 0
    bucket_count: int = 0
    decay_per_us: float = 0.0
    weight: float = 1.0
    text: str = ""
    """The feature call in CEL; also the feature's name in profiles."""


@dataclass(frozen=True, slots=True)
class Term:
    weight: float
    source: Source


@dataclass(frozen=True, slots=True)
class Derived:
    name: str
    kind: DerivedKind
    bias: float
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`rule`: index in `PlanModel.decide_rules`, None: always eligible.

    `weights`: one per source of its placement.
    """

    rule: int | None
    priority: int
    consent_mask: int
    start_us: int | None
    end_us: int | None
    ttl_s: int
    bias: float
    logistic: bool
    weights: tuple[float, ...]
    blob: bytes
    """Encoded kairos.v1.Decision fields that never change: ids, variant, priority, ttl, content."""


@dataclass(frozen=True, slots=True)
class Placement:
    name: str
    sources: tuple[Source, ...]
    candidates: tuple[Candidate, ...]
    fallback: Candidate | None
    """Written after the candidates of all placements; it is not itself a candidate unless
    it is also listed.
    """


class IntakeFlag(IntFlag):
    """enum kairos_intake_flag."""

    URL = 1
    REFERRER = 2
    USER_AGENT = 4
    QUERY = 8
    REFERRER_REDUCE = 16
    USER_AGENT_REDUCE = 32
    UNKNOWN_DROP = 64
    UNKNOWN_REFUSE = 128


@dataclass(frozen=True, slots=True)
class Intake:
    """Section INTAKE and those beside it."""

    flags: IntakeFlag
    derived: tuple[int | None, ...]
    """Event fields in the order of enum kairos_intake_field; None: not derived."""
    types: tuple[tuple[tuple[int, bool], ...], ...]
    """(event field, required) by event type id, 0 first; empty: no type has rules."""
    query_names: tuple[str, ...]
    site_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanModel:
    tenant: int
    event_types: tuple[str, ...]
    """Known types; the id is the position + 1."""
    event_fields: tuple[Field, ...]
    """The well-known ones first, in the order of enum kairos_event_field; then attributes."""
    context_fields: tuple[Field, ...]
    traits: tuple[Field, ...]
    purposes: tuple[str, ...]
    slots: tuple[Slot, ...]
    slot_size: int
    session_slot_size: int
    derived: tuple[Derived, ...]
    trigger_rules: tuple[Rule, ...]
    """Sorted by (-priority, number): the order of answers."""
    decide_rules: tuple[Rule, ...]
    placements: tuple[Placement, ...]
    trigger_names: tuple[str, ...]
    """Every trigger the tenant ever had; the number is the position."""
    meta: bytes
    """JSON for people and for the next compilation; the core never reads it."""
    timer_rules: tuple[Rule, ...] = ()
    """Conditions of role STILL, which timers ask when they fire."""
    timers: tuple[Timer, ...] = ()
    """Every timer the tenant ever had, retired ones with kind RETIRED."""
    event_effects_max: int = 0
    """Effects and timers that one event can cause at most."""
    intake: Intake | None = None
    """What events are checked for and what is derived; None: they are logged as they came."""
    identity_link_types: int = 0
    identity_unique_types: int = 0
