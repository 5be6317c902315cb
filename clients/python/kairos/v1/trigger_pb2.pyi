from google.protobuf import struct_pb2 as _struct_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TriggerStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_STATUS_UNSPECIFIED: _ClassVar[TriggerStatus]
    TRIGGER_STATUS_ACTIVE: _ClassVar[TriggerStatus]
    TRIGGER_STATUS_PAUSED: _ClassVar[TriggerStatus]
    TRIGGER_STATUS_SCHEDULED: _ClassVar[TriggerStatus]
    TRIGGER_STATUS_EXPIRED: _ClassVar[TriggerStatus]
    TRIGGER_STATUS_DRAFT: _ClassVar[TriggerStatus]
TRIGGER_STATUS_UNSPECIFIED: TriggerStatus
TRIGGER_STATUS_ACTIVE: TriggerStatus
TRIGGER_STATUS_PAUSED: TriggerStatus
TRIGGER_STATUS_SCHEDULED: TriggerStatus
TRIGGER_STATUS_EXPIRED: TriggerStatus
TRIGGER_STATUS_DRAFT: TriggerStatus

class Trigger(_message.Message):
    __slots__ = ("trigger_id", "name", "description", "condition", "conditions", "condition_ranges", "canonical_condition", "actions", "personalization", "schedule", "priority", "urgency", "timing", "status", "create_time_us", "update_time_us", "version", "etag", "author", "note", "performance")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    CONDITION_RANGES_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_CONDITION_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    PERSONALIZATION_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    name: str
    description: str
    condition: str
    conditions: TriggerConditions
    condition_ranges: _struct_pb2.Struct
    canonical_condition: str
    actions: _containers.RepeatedCompositeFieldContainer[TriggerAction]
    personalization: TriggerPersonalization
    schedule: TriggerSchedule
    priority: int
    urgency: _event_pb2.Urgency
    timing: _struct_pb2.Value
    status: TriggerStatus
    create_time_us: int
    update_time_us: int
    version: int
    etag: str
    author: str
    note: str
    performance: TriggerPerformance
    def __init__(self, trigger_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., condition: _Optional[str] = ..., conditions: _Optional[_Union[TriggerConditions, _Mapping]] = ..., condition_ranges: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., canonical_condition: _Optional[str] = ..., actions: _Optional[_Iterable[_Union[TriggerAction, _Mapping]]] = ..., personalization: _Optional[_Union[TriggerPersonalization, _Mapping]] = ..., schedule: _Optional[_Union[TriggerSchedule, _Mapping]] = ..., priority: _Optional[int] = ..., urgency: _Optional[_Union[_event_pb2.Urgency, str]] = ..., timing: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., status: _Optional[_Union[TriggerStatus, str]] = ..., create_time_us: _Optional[int] = ..., update_time_us: _Optional[int] = ..., version: _Optional[int] = ..., etag: _Optional[str] = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., performance: _Optional[_Union[TriggerPerformance, _Mapping]] = ...) -> None: ...

class TriggerConditions(_message.Message):
    __slots__ = ("event_type", "filters", "all", "any", "none")
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    ANY_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    event_type: str
    filters: _containers.RepeatedCompositeFieldContainer[FieldFilter]
    all: _containers.RepeatedCompositeFieldContainer[ConditionItem]
    any: _containers.RepeatedCompositeFieldContainer[ConditionItem]
    none: _containers.RepeatedCompositeFieldContainer[ConditionItem]
    def __init__(self, event_type: _Optional[str] = ..., filters: _Optional[_Iterable[_Union[FieldFilter, _Mapping]]] = ..., all: _Optional[_Iterable[_Union[ConditionItem, _Mapping]]] = ..., any: _Optional[_Iterable[_Union[ConditionItem, _Mapping]]] = ..., none: _Optional[_Iterable[_Union[ConditionItem, _Mapping]]] = ...) -> None: ...

class FieldFilter(_message.Message):
    __slots__ = ("field", "operator", "value")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    field: str
    operator: str
    value: _struct_pb2.Value
    def __init__(self, field: _Optional[str] = ..., operator: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class ConditionItem(_message.Message):
    __slots__ = ("condition", "filter", "group", "ranges")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    condition: str
    filter: FieldFilter
    group: TriggerConditions
    ranges: _struct_pb2.Struct
    def __init__(self, condition: _Optional[str] = ..., filter: _Optional[_Union[FieldFilter, _Mapping]] = ..., group: _Optional[_Union[TriggerConditions, _Mapping]] = ..., ranges: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class TriggerAction(_message.Message):
    __slots__ = ("type", "parameters", "deliver", "settings")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    DELIVER_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    type: str
    parameters: _struct_pb2.Struct
    deliver: str
    settings: _struct_pb2.Struct
    def __init__(self, type: _Optional[str] = ..., parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., deliver: _Optional[str] = ..., settings: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class TriggerPersonalization(_message.Message):
    __slots__ = ("persona", "device_type", "traffic_source")
    PERSONA_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    TRAFFIC_SOURCE_FIELD_NUMBER: _ClassVar[int]
    persona: str
    device_type: str
    traffic_source: str
    def __init__(self, persona: _Optional[str] = ..., device_type: _Optional[str] = ..., traffic_source: _Optional[str] = ...) -> None: ...

class TriggerSchedule(_message.Message):
    __slots__ = ("active", "start_date", "end_date", "time_zone")
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    active: bool
    start_date: str
    end_date: str
    time_zone: str
    def __init__(self, active: bool = ..., start_date: _Optional[str] = ..., end_date: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class TriggerPerformance(_message.Message):
    __slots__ = ("fired_count", "last_fired_time_us", "trigger_rate", "conversion_rate", "engagement")
    FIRED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIRED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_RATE_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_RATE_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_FIELD_NUMBER: _ClassVar[int]
    fired_count: int
    last_fired_time_us: int
    trigger_rate: float
    conversion_rate: float
    engagement: float
    def __init__(self, fired_count: _Optional[int] = ..., last_fired_time_us: _Optional[int] = ..., trigger_rate: _Optional[float] = ..., conversion_rate: _Optional[float] = ..., engagement: _Optional[float] = ...) -> None: ...
