from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EffectSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_SOURCE_UNSPECIFIED: _ClassVar[EffectSource]
    EFFECT_SOURCE_TRIGGER: _ClassVar[EffectSource]
    EFFECT_SOURCE_TIMER: _ClassVar[EffectSource]
    EFFECT_SOURCE_ENQUEUED: _ClassVar[EffectSource]

class EffectResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_RESULT_UNSPECIFIED: _ClassVar[EffectResult]
    EFFECT_RESULT_DONE: _ClassVar[EffectResult]
    EFFECT_RESULT_LEASE_LOST: _ClassVar[EffectResult]
    EFFECT_RESULT_NOT_FOUND: _ClassVar[EffectResult]
EFFECT_SOURCE_UNSPECIFIED: EffectSource
EFFECT_SOURCE_TRIGGER: EffectSource
EFFECT_SOURCE_TIMER: EffectSource
EFFECT_SOURCE_ENQUEUED: EffectSource
EFFECT_RESULT_UNSPECIFIED: EffectResult
EFFECT_RESULT_DONE: EffectResult
EFFECT_RESULT_LEASE_LOST: EffectResult
EFFECT_RESULT_NOT_FOUND: EffectResult

class Effect(_message.Message):
    __slots__ = ("effect_id", "idempotency_key", "action", "subject_id", "subject_type", "channel", "urgency", "trigger_id", "action_index", "step", "source", "origin_sequence", "create_time_us", "due_time_us", "attempt", "lease_token", "lease_expire_time_us", "failure_reason", "event")
    EFFECT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_INDEX_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_EXPIRE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    effect_id: str
    idempotency_key: str
    action: _event_pb2.Action
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    channel: _event_pb2.Channel
    urgency: _event_pb2.Urgency
    trigger_id: str
    action_index: int
    step: int
    source: EffectSource
    origin_sequence: int
    create_time_us: int
    due_time_us: int
    attempt: int
    lease_token: str
    lease_expire_time_us: int
    failure_reason: str
    event: _event_pb2.Event
    def __init__(self, effect_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., action: _Optional[_Union[_event_pb2.Action, _Mapping]] = ..., subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., channel: _Optional[_Union[_event_pb2.Channel, str]] = ..., urgency: _Optional[_Union[_event_pb2.Urgency, str]] = ..., trigger_id: _Optional[str] = ..., action_index: _Optional[int] = ..., step: _Optional[int] = ..., source: _Optional[_Union[EffectSource, str]] = ..., origin_sequence: _Optional[int] = ..., create_time_us: _Optional[int] = ..., due_time_us: _Optional[int] = ..., attempt: _Optional[int] = ..., lease_token: _Optional[str] = ..., lease_expire_time_us: _Optional[int] = ..., failure_reason: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class NewEffect(_message.Message):
    __slots__ = ("idempotency_key", "subject_id", "subject_type", "action", "channel", "urgency", "due_time_us")
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    action: _event_pb2.Action
    channel: _event_pb2.Channel
    urgency: _event_pb2.Urgency
    due_time_us: int
    def __init__(self, idempotency_key: _Optional[str] = ..., subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., action: _Optional[_Union[_event_pb2.Action, _Mapping]] = ..., channel: _Optional[_Union[_event_pb2.Channel, str]] = ..., urgency: _Optional[_Union[_event_pb2.Urgency, str]] = ..., due_time_us: _Optional[int] = ...) -> None: ...

class EnqueueEffectsRequest(_message.Message):
    __slots__ = ("effects", "validate_only")
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[NewEffect]
    validate_only: bool
    def __init__(self, effects: _Optional[_Iterable[_Union[NewEffect, _Mapping]]] = ..., validate_only: bool = ...) -> None: ...

class EnqueuedEffect(_message.Message):
    __slots__ = ("effect_id", "duplicate")
    EFFECT_ID_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    effect_id: str
    duplicate: bool
    def __init__(self, effect_id: _Optional[str] = ..., duplicate: bool = ...) -> None: ...

class EnqueueEffectsResponse(_message.Message):
    __slots__ = ("effects",)
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[EnqueuedEffect]
    def __init__(self, effects: _Optional[_Iterable[_Union[EnqueuedEffect, _Mapping]]] = ...) -> None: ...

class LeaseEffectsRequest(_message.Message):
    __slots__ = ("worker_id", "effect_count_max", "wait_us", "lease_us", "channels", "action_types", "include_event")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECT_COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    WAIT_US_FIELD_NUMBER: _ClassVar[int]
    LEASE_US_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ACTION_TYPES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EVENT_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    effect_count_max: int
    wait_us: int
    lease_us: int
    channels: _containers.RepeatedScalarFieldContainer[_event_pb2.Channel]
    action_types: _containers.RepeatedScalarFieldContainer[str]
    include_event: bool
    def __init__(self, worker_id: _Optional[str] = ..., effect_count_max: _Optional[int] = ..., wait_us: _Optional[int] = ..., lease_us: _Optional[int] = ..., channels: _Optional[_Iterable[_Union[_event_pb2.Channel, str]]] = ..., action_types: _Optional[_Iterable[str]] = ..., include_event: bool = ...) -> None: ...

class LeaseEffectsResponse(_message.Message):
    __slots__ = ("effects",)
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    def __init__(self, effects: _Optional[_Iterable[_Union[Effect, _Mapping]]] = ...) -> None: ...

class StreamEffectsRequest(_message.Message):
    __slots__ = ("worker_id", "in_flight_count_max", "lease_us", "channels", "action_types")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    LEASE_US_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ACTION_TYPES_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    in_flight_count_max: int
    lease_us: int
    channels: _containers.RepeatedScalarFieldContainer[_event_pb2.Channel]
    action_types: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, worker_id: _Optional[str] = ..., in_flight_count_max: _Optional[int] = ..., lease_us: _Optional[int] = ..., channels: _Optional[_Iterable[_Union[_event_pb2.Channel, str]]] = ..., action_types: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamEffectsResponse(_message.Message):
    __slots__ = ("effects",)
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    def __init__(self, effects: _Optional[_Iterable[_Union[Effect, _Mapping]]] = ...) -> None: ...

class EffectLease(_message.Message):
    __slots__ = ("effect_id", "lease_token")
    EFFECT_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    effect_id: str
    lease_token: str
    def __init__(self, effect_id: _Optional[str] = ..., lease_token: _Optional[str] = ...) -> None: ...

class AckEffectsRequest(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[EffectLease]
    def __init__(self, leases: _Optional[_Iterable[_Union[EffectLease, _Mapping]]] = ...) -> None: ...

class AckEffectsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedScalarFieldContainer[EffectResult]
    def __init__(self, results: _Optional[_Iterable[_Union[EffectResult, str]]] = ...) -> None: ...

class FailedEffect(_message.Message):
    __slots__ = ("lease", "reason", "permanent", "retry_delay_us")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_US_FIELD_NUMBER: _ClassVar[int]
    lease: EffectLease
    reason: str
    permanent: bool
    retry_delay_us: int
    def __init__(self, lease: _Optional[_Union[EffectLease, _Mapping]] = ..., reason: _Optional[str] = ..., permanent: bool = ..., retry_delay_us: _Optional[int] = ...) -> None: ...

class FailEffectsRequest(_message.Message):
    __slots__ = ("failures",)
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    failures: _containers.RepeatedCompositeFieldContainer[FailedEffect]
    def __init__(self, failures: _Optional[_Iterable[_Union[FailedEffect, _Mapping]]] = ...) -> None: ...

class FailEffectsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedScalarFieldContainer[EffectResult]
    def __init__(self, results: _Optional[_Iterable[_Union[EffectResult, str]]] = ...) -> None: ...

class ExtendLeasesRequest(_message.Message):
    __slots__ = ("leases", "lease_us")
    LEASES_FIELD_NUMBER: _ClassVar[int]
    LEASE_US_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[EffectLease]
    lease_us: int
    def __init__(self, leases: _Optional[_Iterable[_Union[EffectLease, _Mapping]]] = ..., lease_us: _Optional[int] = ...) -> None: ...

class ExtendLeasesResponse(_message.Message):
    __slots__ = ("results", "lease_expire_times_us")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    LEASE_EXPIRE_TIMES_US_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedScalarFieldContainer[EffectResult]
    lease_expire_times_us: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, results: _Optional[_Iterable[_Union[EffectResult, str]]] = ..., lease_expire_times_us: _Optional[_Iterable[int]] = ...) -> None: ...

class EffectFilter(_message.Message):
    __slots__ = ("channels", "action_types", "subject_id", "create_time_us_max")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ACTION_TYPES_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_US_MAX_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedScalarFieldContainer[_event_pb2.Channel]
    action_types: _containers.RepeatedScalarFieldContainer[str]
    subject_id: str
    create_time_us_max: int
    def __init__(self, channels: _Optional[_Iterable[_Union[_event_pb2.Channel, str]]] = ..., action_types: _Optional[_Iterable[str]] = ..., subject_id: _Optional[str] = ..., create_time_us_max: _Optional[int] = ...) -> None: ...

class ListEffectsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: EffectFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[EffectFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEffectsResponse(_message.Message):
    __slots__ = ("effects", "next_page_token")
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    next_page_token: str
    def __init__(self, effects: _Optional[_Iterable[_Union[Effect, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListDeadEffectsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: EffectFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[EffectFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeadEffectsResponse(_message.Message):
    __slots__ = ("effects", "next_page_token")
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    next_page_token: str
    def __init__(self, effects: _Optional[_Iterable[_Union[Effect, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReplayEffectsRequest(_message.Message):
    __slots__ = ("effect_ids", "filter", "note", "validate_only")
    EFFECT_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    effect_ids: _containers.RepeatedScalarFieldContainer[str]
    filter: EffectFilter
    note: str
    validate_only: bool
    def __init__(self, effect_ids: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[EffectFilter, _Mapping]] = ..., note: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class ReplayEffectsResponse(_message.Message):
    __slots__ = ("effect_count", "missing_ids", "more")
    EFFECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_IDS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    effect_count: int
    missing_ids: _containers.RepeatedScalarFieldContainer[str]
    more: bool
    def __init__(self, effect_count: _Optional[int] = ..., missing_ids: _Optional[_Iterable[str]] = ..., more: bool = ...) -> None: ...

class DiscardEffectsRequest(_message.Message):
    __slots__ = ("effect_ids", "filter", "note", "validate_only")
    EFFECT_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    effect_ids: _containers.RepeatedScalarFieldContainer[str]
    filter: EffectFilter
    note: str
    validate_only: bool
    def __init__(self, effect_ids: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[EffectFilter, _Mapping]] = ..., note: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class DiscardEffectsResponse(_message.Message):
    __slots__ = ("effect_count", "missing_ids", "more")
    EFFECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_IDS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    effect_count: int
    missing_ids: _containers.RepeatedScalarFieldContainer[str]
    more: bool
    def __init__(self, effect_count: _Optional[int] = ..., missing_ids: _Optional[_Iterable[str]] = ..., more: bool = ...) -> None: ...

class GetEffectStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetEffectStatsResponse(_message.Message):
    __slots__ = ("pending_count", "dead_count", "ready_count", "leased_count", "blocked_count", "waiting_count", "oldest_create_time_us", "worker_count")
    PENDING_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    READY_COUNT_FIELD_NUMBER: _ClassVar[int]
    LEASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    WAITING_COUNT_FIELD_NUMBER: _ClassVar[int]
    OLDEST_CREATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    WORKER_COUNT_FIELD_NUMBER: _ClassVar[int]
    pending_count: int
    dead_count: int
    ready_count: int
    leased_count: int
    blocked_count: int
    waiting_count: int
    oldest_create_time_us: int
    worker_count: int
    def __init__(self, pending_count: _Optional[int] = ..., dead_count: _Optional[int] = ..., ready_count: _Optional[int] = ..., leased_count: _Optional[int] = ..., blocked_count: _Optional[int] = ..., waiting_count: _Optional[int] = ..., oldest_create_time_us: _Optional[int] = ..., worker_count: _Optional[int] = ...) -> None: ...
