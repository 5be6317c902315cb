from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubscriptionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSCRIPTION_KIND_UNSPECIFIED: _ClassVar[SubscriptionKind]
    SUBSCRIPTION_KIND_BEHAVIORAL_EVENTS: _ClassVar[SubscriptionKind]
    SUBSCRIPTION_KIND_CONVERSION_TRIGGERS: _ClassVar[SubscriptionKind]
    SUBSCRIPTION_KIND_ENGAGEMENT_METRICS: _ClassVar[SubscriptionKind]
SUBSCRIPTION_KIND_UNSPECIFIED: SubscriptionKind
SUBSCRIPTION_KIND_BEHAVIORAL_EVENTS: SubscriptionKind
SUBSCRIPTION_KIND_CONVERSION_TRIGGERS: SubscriptionKind
SUBSCRIPTION_KIND_ENGAGEMENT_METRICS: SubscriptionKind

class SubscribeRequest(_message.Message):
    __slots__ = ("kinds", "subject_ids", "session_ids", "event_types", "trigger_ids", "read_mask", "gapless", "heartbeat_seconds")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_IDS_FIELD_NUMBER: _ClassVar[int]
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_IDS_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    GAPLESS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[SubscriptionKind]
    subject_ids: _containers.RepeatedScalarFieldContainer[str]
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    event_types: _containers.RepeatedScalarFieldContainer[str]
    trigger_ids: _containers.RepeatedScalarFieldContainer[str]
    read_mask: _field_mask_pb2.FieldMask
    gapless: bool
    heartbeat_seconds: int
    def __init__(self, kinds: _Optional[_Iterable[_Union[SubscriptionKind, str]]] = ..., subject_ids: _Optional[_Iterable[str]] = ..., session_ids: _Optional[_Iterable[str]] = ..., event_types: _Optional[_Iterable[str]] = ..., trigger_ids: _Optional[_Iterable[str]] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., gapless: bool = ..., heartbeat_seconds: _Optional[int] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("sequence", "time_us", "started", "behavioral_event", "trigger_notification", "engagement_metrics", "gap", "heartbeat")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    BEHAVIORAL_EVENT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_METRICS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time_us: int
    started: SubscriptionStarted
    behavioral_event: BehavioralEvent
    trigger_notification: TriggerNotification
    engagement_metrics: EngagementMetrics
    gap: SubscriptionGap
    heartbeat: SubscriptionHeartbeat
    def __init__(self, sequence: _Optional[int] = ..., time_us: _Optional[int] = ..., started: _Optional[_Union[SubscriptionStarted, _Mapping]] = ..., behavioral_event: _Optional[_Union[BehavioralEvent, _Mapping]] = ..., trigger_notification: _Optional[_Union[TriggerNotification, _Mapping]] = ..., engagement_metrics: _Optional[_Union[EngagementMetrics, _Mapping]] = ..., gap: _Optional[_Union[SubscriptionGap, _Mapping]] = ..., heartbeat: _Optional[_Union[SubscriptionHeartbeat, _Mapping]] = ...) -> None: ...

class SubscriptionStarted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscriptionHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscriptionGap(_message.Message):
    __slots__ = ("dropped_count", "first_sequence", "last_sequence")
    DROPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    dropped_count: int
    first_sequence: int
    last_sequence: int
    def __init__(self, dropped_count: _Optional[int] = ..., first_sequence: _Optional[int] = ..., last_sequence: _Optional[int] = ...) -> None: ...

class BehavioralEvent(_message.Message):
    __slots__ = ("event", "late", "trigger_ids")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_IDS_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    late: bool
    trigger_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., late: bool = ..., trigger_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TriggerNotification(_message.Message):
    __slots__ = ("trigger", "subject_id", "session_id", "event_type", "device_type")
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    trigger: _event_pb2.FiredTrigger
    subject_id: str
    session_id: str
    event_type: str
    device_type: _event_pb2.DeviceType
    def __init__(self, trigger: _Optional[_Union[_event_pb2.FiredTrigger, _Mapping]] = ..., subject_id: _Optional[str] = ..., session_id: _Optional[str] = ..., event_type: _Optional[str] = ..., device_type: _Optional[_Union[_event_pb2.DeviceType, str]] = ...) -> None: ...

class EngagementMetrics(_message.Message):
    __slots__ = ("subject_id", "session_id", "engagement_score", "intent_probability", "event_count", "session_count")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ENGAGEMENT_SCORE_FIELD_NUMBER: _ClassVar[int]
    INTENT_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    session_id: str
    engagement_score: float
    intent_probability: float
    event_count: int
    session_count: int
    def __init__(self, subject_id: _Optional[str] = ..., session_id: _Optional[str] = ..., engagement_score: _Optional[float] = ..., intent_probability: _Optional[float] = ..., event_count: _Optional[int] = ..., session_count: _Optional[int] = ...) -> None: ...
