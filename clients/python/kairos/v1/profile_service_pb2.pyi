from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetProfileRequest(_message.Message):
    __slots__ = ("subject_id", "tenant_id", "at_time_us")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    tenant_id: str
    at_time_us: int
    def __init__(self, subject_id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., at_time_us: _Optional[int] = ...) -> None: ...

class GetProfileResponse(_message.Message):
    __slots__ = ("profile",)
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    profile: Profile
    def __init__(self, profile: _Optional[_Union[Profile, _Mapping]] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("subject_id", "first_seen_time_us", "last_seen_time_us", "event_count", "session_count", "late_count", "sessions", "traits", "consents", "features", "sequence", "at_time_us", "stored_bytes")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_TIME_US_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_US_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    first_seen_time_us: int
    last_seen_time_us: int
    event_count: int
    session_count: int
    late_count: int
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    traits: _containers.RepeatedCompositeFieldContainer[Trait]
    consents: _containers.RepeatedCompositeFieldContainer[Consent]
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    sequence: int
    at_time_us: int
    stored_bytes: int
    def __init__(self, subject_id: _Optional[str] = ..., first_seen_time_us: _Optional[int] = ..., last_seen_time_us: _Optional[int] = ..., event_count: _Optional[int] = ..., session_count: _Optional[int] = ..., late_count: _Optional[int] = ..., sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., traits: _Optional[_Iterable[_Union[Trait, _Mapping]]] = ..., consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., sequence: _Optional[int] = ..., at_time_us: _Optional[int] = ..., stored_bytes: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("ordinal", "start_time_us", "end_time_us", "event_count")
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    START_TIME_US_FIELD_NUMBER: _ClassVar[int]
    END_TIME_US_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ordinal: int
    start_time_us: int
    end_time_us: int
    event_count: int
    def __init__(self, ordinal: _Optional[int] = ..., start_time_us: _Optional[int] = ..., end_time_us: _Optional[int] = ..., event_count: _Optional[int] = ...) -> None: ...

class Trait(_message.Message):
    __slots__ = ("attribute", "updated_time_us")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    attribute: _event_pb2.Attribute
    updated_time_us: int
    def __init__(self, attribute: _Optional[_Union[_event_pb2.Attribute, _Mapping]] = ..., updated_time_us: _Optional[int] = ...) -> None: ...

class Consent(_message.Message):
    __slots__ = ("purpose", "status", "updated_time_us")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    status: _event_pb2.ConsentStatus
    updated_time_us: int
    def __init__(self, purpose: _Optional[str] = ..., status: _Optional[_Union[_event_pb2.ConsentStatus, str]] = ..., updated_time_us: _Optional[int] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("name", "value", "time_us", "complete")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: _event_pb2.Attribute
    time_us: int
    complete: bool
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[_event_pb2.Attribute, _Mapping]] = ..., time_us: _Optional[int] = ..., complete: bool = ...) -> None: ...
