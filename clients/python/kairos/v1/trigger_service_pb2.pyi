from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from kairos.v1 import event_pb2 as _event_pb2
from kairos.v1 import trigger_pb2 as _trigger_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PerformancePeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERFORMANCE_PERIOD_UNSPECIFIED: _ClassVar[PerformancePeriod]
    PERFORMANCE_PERIOD_HOUR: _ClassVar[PerformancePeriod]
    PERFORMANCE_PERIOD_DAY: _ClassVar[PerformancePeriod]
PERFORMANCE_PERIOD_UNSPECIFIED: PerformancePeriod
PERFORMANCE_PERIOD_HOUR: PerformancePeriod
PERFORMANCE_PERIOD_DAY: PerformancePeriod

class EvaluateRequest(_message.Message):
    __slots__ = ("event", "trigger_ids")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_IDS_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    trigger_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., trigger_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("allowed", "triggers", "plan_id", "applied_sequence", "processing_time_us")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_TIME_US_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    triggers: _containers.RepeatedCompositeFieldContainer[_event_pb2.FiredTrigger]
    plan_id: str
    applied_sequence: int
    processing_time_us: int
    def __init__(self, allowed: bool = ..., triggers: _Optional[_Iterable[_Union[_event_pb2.FiredTrigger, _Mapping]]] = ..., plan_id: _Optional[str] = ..., applied_sequence: _Optional[int] = ..., processing_time_us: _Optional[int] = ...) -> None: ...

class CreateTriggerRequest(_message.Message):
    __slots__ = ("trigger", "validate_only", "author", "note", "request_id")
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    trigger: _trigger_pb2.Trigger
    validate_only: bool
    author: str
    note: str
    request_id: str
    def __init__(self, trigger: _Optional[_Union[_trigger_pb2.Trigger, _Mapping]] = ..., validate_only: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateTriggerResponse(_message.Message):
    __slots__ = ("trigger", "warnings")
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    trigger: _trigger_pb2.Trigger
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, trigger: _Optional[_Union[_trigger_pb2.Trigger, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class GetTriggerRequest(_message.Message):
    __slots__ = ("trigger_id", "read_mask")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, trigger_id: _Optional[str] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class GetTriggerResponse(_message.Message):
    __slots__ = ("trigger",)
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    trigger: _trigger_pb2.Trigger
    def __init__(self, trigger: _Optional[_Union[_trigger_pb2.Trigger, _Mapping]] = ...) -> None: ...

class UpdateTriggerRequest(_message.Message):
    __slots__ = ("trigger", "update_mask", "validate_only", "author", "note", "request_id")
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    trigger: _trigger_pb2.Trigger
    update_mask: _field_mask_pb2.FieldMask
    validate_only: bool
    author: str
    note: str
    request_id: str
    def __init__(self, trigger: _Optional[_Union[_trigger_pb2.Trigger, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., validate_only: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateTriggerResponse(_message.Message):
    __slots__ = ("trigger", "warnings")
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    trigger: _trigger_pb2.Trigger
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, trigger: _Optional[_Union[_trigger_pb2.Trigger, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteTriggerRequest(_message.Message):
    __slots__ = ("trigger_id", "etag", "validate_only", "author", "note", "request_id")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    etag: str
    validate_only: bool
    author: str
    note: str
    request_id: str
    def __init__(self, trigger_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteTriggerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTriggersRequest(_message.Message):
    __slots__ = ("active_only", "name_prefix", "page_size", "page_token", "read_mask")
    ACTIVE_ONLY_FIELD_NUMBER: _ClassVar[int]
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    active_only: bool
    name_prefix: str
    page_size: int
    page_token: str
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, active_only: bool = ..., name_prefix: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTriggersResponse(_message.Message):
    __slots__ = ("triggers", "next_page_token")
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    triggers: _containers.RepeatedCompositeFieldContainer[_trigger_pb2.Trigger]
    next_page_token: str
    def __init__(self, triggers: _Optional[_Iterable[_Union[_trigger_pb2.Trigger, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExecutionContext(_message.Message):
    __slots__ = ("event_type", "event_data")
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_DATA_FIELD_NUMBER: _ClassVar[int]
    event_type: str
    event_data: _struct_pb2.Struct
    def __init__(self, event_type: _Optional[str] = ..., event_data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class ExecutionOverride(_message.Message):
    __slots__ = ("personalization",)
    PERSONALIZATION_FIELD_NUMBER: _ClassVar[int]
    personalization: _trigger_pb2.TriggerPersonalization
    def __init__(self, personalization: _Optional[_Union[_trigger_pb2.TriggerPersonalization, _Mapping]] = ...) -> None: ...

class ExecuteTriggerRequest(_message.Message):
    __slots__ = ("trigger_id", "session_id", "user_id", "context", "override", "force", "author", "note", "request_id")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    session_id: str
    user_id: str
    context: ExecutionContext
    override: ExecutionOverride
    force: bool
    author: str
    note: str
    request_id: str
    def __init__(self, trigger_id: _Optional[str] = ..., session_id: _Optional[str] = ..., user_id: _Optional[str] = ..., context: _Optional[_Union[ExecutionContext, _Mapping]] = ..., override: _Optional[_Union[ExecutionOverride, _Mapping]] = ..., force: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExecuteTriggerResponse(_message.Message):
    __slots__ = ("execution_id", "triggered", "condition_met", "actions", "tracking")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGERED_FIELD_NUMBER: _ClassVar[int]
    CONDITION_MET_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    TRACKING_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    triggered: bool
    condition_met: bool
    actions: _containers.RepeatedCompositeFieldContainer[ExecutedAction]
    tracking: ExecutionTracking
    def __init__(self, execution_id: _Optional[str] = ..., triggered: bool = ..., condition_met: bool = ..., actions: _Optional[_Iterable[_Union[ExecutedAction, _Mapping]]] = ..., tracking: _Optional[_Union[ExecutionTracking, _Mapping]] = ...) -> None: ...

class ExecutedAction(_message.Message):
    __slots__ = ("type", "executed", "parameters", "result")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    type: str
    executed: bool
    parameters: _containers.RepeatedCompositeFieldContainer[_event_pb2.Attribute]
    result: str
    def __init__(self, type: _Optional[str] = ..., executed: bool = ..., parameters: _Optional[_Iterable[_Union[_event_pb2.Attribute, _Mapping]]] = ..., result: _Optional[str] = ...) -> None: ...

class ExecutionTracking(_message.Message):
    __slots__ = ("tracking_id", "attribution")
    TRACKING_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    tracking_id: str
    attribution: str
    def __init__(self, tracking_id: _Optional[str] = ..., attribution: _Optional[str] = ...) -> None: ...

class TestTriggerRequest(_message.Message):
    __slots__ = ("trigger_id", "trigger", "event")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    trigger: _trigger_pb2.Trigger
    event: _event_pb2.Event
    def __init__(self, trigger_id: _Optional[str] = ..., trigger: _Optional[_Union[_trigger_pb2.Trigger, _Mapping]] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class TestTriggerResponse(_message.Message):
    __slots__ = ("triggered", "actions", "canonical_condition", "warnings", "applied_sequence")
    TRIGGERED_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_CONDITION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    APPLIED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    triggered: bool
    actions: _containers.RepeatedCompositeFieldContainer[_event_pb2.Action]
    canonical_condition: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    applied_sequence: int
    def __init__(self, triggered: bool = ..., actions: _Optional[_Iterable[_Union[_event_pb2.Action, _Mapping]]] = ..., canonical_condition: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., applied_sequence: _Optional[int] = ...) -> None: ...

class MonitorTriggerRequest(_message.Message):
    __slots__ = ("trigger_id",)
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    def __init__(self, trigger_id: _Optional[str] = ...) -> None: ...

class MonitorTriggerResponse(_message.Message):
    __slots__ = ("evaluated_count", "fired_count", "last_fired_time_us", "minutes")
    EVALUATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIRED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    evaluated_count: int
    fired_count: int
    last_fired_time_us: int
    minutes: _containers.RepeatedCompositeFieldContainer[FiredPeriod]
    def __init__(self, evaluated_count: _Optional[int] = ..., fired_count: _Optional[int] = ..., last_fired_time_us: _Optional[int] = ..., minutes: _Optional[_Iterable[_Union[FiredPeriod, _Mapping]]] = ...) -> None: ...

class FiredPeriod(_message.Message):
    __slots__ = ("start_time_us", "fired_count", "evaluated_count")
    START_TIME_US_FIELD_NUMBER: _ClassVar[int]
    FIRED_COUNT_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    start_time_us: int
    fired_count: int
    evaluated_count: int
    def __init__(self, start_time_us: _Optional[int] = ..., fired_count: _Optional[int] = ..., evaluated_count: _Optional[int] = ...) -> None: ...

class GetTriggerPerformanceRequest(_message.Message):
    __slots__ = ("trigger_id", "period", "start_time_us", "end_time_us")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    START_TIME_US_FIELD_NUMBER: _ClassVar[int]
    END_TIME_US_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    period: PerformancePeriod
    start_time_us: int
    end_time_us: int
    def __init__(self, trigger_id: _Optional[str] = ..., period: _Optional[_Union[PerformancePeriod, str]] = ..., start_time_us: _Optional[int] = ..., end_time_us: _Optional[int] = ...) -> None: ...

class GetTriggerPerformanceResponse(_message.Message):
    __slots__ = ("performance", "periods")
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    performance: _trigger_pb2.TriggerPerformance
    periods: _containers.RepeatedCompositeFieldContainer[FiredPeriod]
    def __init__(self, performance: _Optional[_Union[_trigger_pb2.TriggerPerformance, _Mapping]] = ..., periods: _Optional[_Iterable[_Union[FiredPeriod, _Mapping]]] = ...) -> None: ...
