from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import error_pb2 as _error_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
