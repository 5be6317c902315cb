from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import error_pb2 as _error_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConsentLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_LEVEL_UNSPECIFIED: _ClassVar[ConsentLevel]
    CONSENT_LEVEL_NONE: _ClassVar[ConsentLevel]
    CONSENT_LEVEL_NECESSARY: _ClassVar[ConsentLevel]
    CONSENT_LEVEL_ANALYTICS_ONLY: _ClassVar[ConsentLevel]
    CONSENT_LEVEL_MARKETING: _ClassVar[ConsentLevel]
    CONSENT_LEVEL_FULL: _ClassVar[ConsentLevel]

class Anonymization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANONYMIZATION_UNSPECIFIED: _ClassVar[Anonymization]
    ANONYMIZATION_NONE: _ClassVar[Anonymization]
    ANONYMIZATION_LOW: _ClassVar[Anonymization]
    ANONYMIZATION_HIGH: _ClassVar[Anonymization]

class DataSharing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_SHARING_UNSPECIFIED: _ClassVar[DataSharing]
    DATA_SHARING_NONE: _ClassVar[DataSharing]
    DATA_SHARING_INTERNAL: _ClassVar[DataSharing]
    DATA_SHARING_PARTNERS: _ClassVar[DataSharing]
CONSENT_LEVEL_UNSPECIFIED: ConsentLevel
CONSENT_LEVEL_NONE: ConsentLevel
CONSENT_LEVEL_NECESSARY: ConsentLevel
CONSENT_LEVEL_ANALYTICS_ONLY: ConsentLevel
CONSENT_LEVEL_MARKETING: ConsentLevel
CONSENT_LEVEL_FULL: ConsentLevel
ANONYMIZATION_UNSPECIFIED: Anonymization
ANONYMIZATION_NONE: Anonymization
ANONYMIZATION_LOW: Anonymization
ANONYMIZATION_HIGH: Anonymization
DATA_SHARING_UNSPECIFIED: DataSharing
DATA_SHARING_NONE: DataSharing
DATA_SHARING_INTERNAL: DataSharing
DATA_SHARING_PARTNERS: DataSharing

class IngestRequest(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class IngestResponse(_message.Message):
    __slots__ = ("event_id", "processed", "duplicate", "late", "triggers", "sequence", "processing_time_us")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESSED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_TIME_US_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    processed: bool
    duplicate: bool
    late: bool
    triggers: _containers.RepeatedCompositeFieldContainer[_event_pb2.FiredTrigger]
    sequence: int
    processing_time_us: int
    def __init__(self, event_id: _Optional[str] = ..., processed: bool = ..., duplicate: bool = ..., late: bool = ..., triggers: _Optional[_Iterable[_Union[_event_pb2.FiredTrigger, _Mapping]]] = ..., sequence: _Optional[int] = ..., processing_time_us: _Optional[int] = ...) -> None: ...

class IngestBatchRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ...) -> None: ...

class IngestBatchResponse(_message.Message):
    __slots__ = ("results", "accepted_count", "duplicate_count", "refused_count", "processing_time_us")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_TIME_US_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[IngestResult]
    accepted_count: int
    duplicate_count: int
    refused_count: int
    processing_time_us: int
    def __init__(self, results: _Optional[_Iterable[_Union[IngestResult, _Mapping]]] = ..., accepted_count: _Optional[int] = ..., duplicate_count: _Optional[int] = ..., refused_count: _Optional[int] = ..., processing_time_us: _Optional[int] = ...) -> None: ...

class IngestStreamRequest(_message.Message):
    __slots__ = ("chunk_number", "batch", "include_results")
    CHUNK_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RESULTS_FIELD_NUMBER: _ClassVar[int]
    chunk_number: int
    batch: IngestBatchRequest
    include_results: bool
    def __init__(self, chunk_number: _Optional[int] = ..., batch: _Optional[_Union[IngestBatchRequest, _Mapping]] = ..., include_results: bool = ...) -> None: ...

class IngestStreamResponse(_message.Message):
    __slots__ = ("results", "accepted_count", "duplicate_count", "refused_count", "chunk_number", "refused_events", "error", "processing_time_us")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REFUSED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_TIME_US_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[IngestResult]
    accepted_count: int
    duplicate_count: int
    refused_count: int
    chunk_number: int
    refused_events: _containers.RepeatedCompositeFieldContainer[RefusedEvent]
    error: EventError
    processing_time_us: int
    def __init__(self, results: _Optional[_Iterable[_Union[IngestResult, _Mapping]]] = ..., accepted_count: _Optional[int] = ..., duplicate_count: _Optional[int] = ..., refused_count: _Optional[int] = ..., chunk_number: _Optional[int] = ..., refused_events: _Optional[_Iterable[_Union[RefusedEvent, _Mapping]]] = ..., error: _Optional[_Union[EventError, _Mapping]] = ..., processing_time_us: _Optional[int] = ...) -> None: ...

class RefusedEvent(_message.Message):
    __slots__ = ("event_index", "error")
    EVENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    event_index: int
    error: EventError
    def __init__(self, event_index: _Optional[int] = ..., error: _Optional[_Union[EventError, _Mapping]] = ...) -> None: ...

class IngestResult(_message.Message):
    __slots__ = ("event_id", "processed", "duplicate", "late", "triggers", "error", "sequence")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESSED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    processed: bool
    duplicate: bool
    late: bool
    triggers: _containers.RepeatedCompositeFieldContainer[_event_pb2.FiredTrigger]
    error: EventError
    sequence: int
    def __init__(self, event_id: _Optional[str] = ..., processed: bool = ..., duplicate: bool = ..., late: bool = ..., triggers: _Optional[_Iterable[_Union[_event_pb2.FiredTrigger, _Mapping]]] = ..., error: _Optional[_Union[EventError, _Mapping]] = ..., sequence: _Optional[int] = ...) -> None: ...

class EventError(_message.Message):
    __slots__ = ("reason", "field", "description")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    reason: _error_pb2.ErrorReason
    field: str
    description: str
    def __init__(self, reason: _Optional[_Union[_error_pb2.ErrorReason, str]] = ..., field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class IngestPrivacyEventRequest(_message.Message):
    __slots__ = ("anonymized_session_id", "consent_level", "event_type", "event_id", "occurred_time_us", "attributes", "url", "referrer", "user_agent", "device_type", "channel", "privacy_settings", "tenant_id")
    ANONYMIZED_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CONSENT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    REFERRER_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_SETTINGS_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    anonymized_session_id: str
    consent_level: ConsentLevel
    event_type: str
    event_id: str
    occurred_time_us: int
    attributes: _containers.RepeatedCompositeFieldContainer[_event_pb2.Attribute]
    url: str
    referrer: str
    user_agent: str
    device_type: _event_pb2.DeviceType
    channel: _event_pb2.Channel
    privacy_settings: PrivacySettings
    tenant_id: str
    def __init__(self, anonymized_session_id: _Optional[str] = ..., consent_level: _Optional[_Union[ConsentLevel, str]] = ..., event_type: _Optional[str] = ..., event_id: _Optional[str] = ..., occurred_time_us: _Optional[int] = ..., attributes: _Optional[_Iterable[_Union[_event_pb2.Attribute, _Mapping]]] = ..., url: _Optional[str] = ..., referrer: _Optional[str] = ..., user_agent: _Optional[str] = ..., device_type: _Optional[_Union[_event_pb2.DeviceType, str]] = ..., channel: _Optional[_Union[_event_pb2.Channel, str]] = ..., privacy_settings: _Optional[_Union[PrivacySettings, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class PrivacySettings(_message.Message):
    __slots__ = ("anonymization", "retention", "sharing")
    ANONYMIZATION_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    SHARING_FIELD_NUMBER: _ClassVar[int]
    anonymization: Anonymization
    retention: str
    sharing: DataSharing
    def __init__(self, anonymization: _Optional[_Union[Anonymization, str]] = ..., retention: _Optional[str] = ..., sharing: _Optional[_Union[DataSharing, str]] = ...) -> None: ...

class IngestPrivacyEventResponse(_message.Message):
    __slots__ = ("event", "removed_fields", "coarsened_fields", "granted_purposes", "denied_purposes", "anonymization", "retention_days", "expire_time_us")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    COARSENED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    GRANTED_PURPOSES_FIELD_NUMBER: _ClassVar[int]
    DENIED_PURPOSES_FIELD_NUMBER: _ClassVar[int]
    ANONYMIZATION_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    event: IngestResponse
    removed_fields: _containers.RepeatedScalarFieldContainer[str]
    coarsened_fields: _containers.RepeatedScalarFieldContainer[str]
    granted_purposes: _containers.RepeatedScalarFieldContainer[str]
    denied_purposes: _containers.RepeatedScalarFieldContainer[str]
    anonymization: Anonymization
    retention_days: int
    expire_time_us: int
    def __init__(self, event: _Optional[_Union[IngestResponse, _Mapping]] = ..., removed_fields: _Optional[_Iterable[str]] = ..., coarsened_fields: _Optional[_Iterable[str]] = ..., granted_purposes: _Optional[_Iterable[str]] = ..., denied_purposes: _Optional[_Iterable[str]] = ..., anonymization: _Optional[_Union[Anonymization, str]] = ..., retention_days: _Optional[int] = ..., expire_time_us: _Optional[int] = ...) -> None: ...
