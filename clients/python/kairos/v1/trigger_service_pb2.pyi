from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
