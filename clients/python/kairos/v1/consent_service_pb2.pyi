from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import event_pb2 as _event_pb2
from kairos.v1 import profile_service_pb2 as _profile_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SetConsentRequest(_message.Message):
    __slots__ = ("subject_id", "subject_type", "consents", "consent_source", "consent_time_us", "policy_version", "request_id", "tenant_id")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    consents: _containers.RepeatedCompositeFieldContainer[_event_pb2.ConsentChange]
    consent_source: str
    consent_time_us: int
    policy_version: str
    request_id: str
    tenant_id: str
    def __init__(self, subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., consents: _Optional[_Iterable[_Union[_event_pb2.ConsentChange, _Mapping]]] = ..., consent_source: _Optional[str] = ..., consent_time_us: _Optional[int] = ..., policy_version: _Optional[str] = ..., request_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class SetConsentResponse(_message.Message):
    __slots__ = ("consents", "sequence", "duplicate")
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[_profile_service_pb2.Consent]
    sequence: int
    duplicate: bool
    def __init__(self, consents: _Optional[_Iterable[_Union[_profile_service_pb2.Consent, _Mapping]]] = ..., sequence: _Optional[int] = ..., duplicate: bool = ...) -> None: ...

class GetConsentRequest(_message.Message):
    __slots__ = ("subject_id", "subject_type", "tenant_id")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    tenant_id: str
    def __init__(self, subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class GetConsentResponse(_message.Message):
    __slots__ = ("consents",)
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[_profile_service_pb2.Consent]
    def __init__(self, consents: _Optional[_Iterable[_Union[_profile_service_pb2.Consent, _Mapping]]] = ...) -> None: ...

class ListConsentHistoryRequest(_message.Message):
    __slots__ = ("subject_id", "subject_type", "tenant_id", "page_size", "page_token")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    tenant_id: str
    page_size: int
    page_token: str
    def __init__(self, subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., tenant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListConsentHistoryResponse(_message.Message):
    __slots__ = ("statements", "next_page_token")
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    statements: _containers.RepeatedCompositeFieldContainer[ConsentStatement]
    next_page_token: str
    def __init__(self, statements: _Optional[_Iterable[_Union[ConsentStatement, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ConsentStatement(_message.Message):
    __slots__ = ("sequence", "consents", "occurred_time_us", "received_time_us", "consent_source", "policy_version")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    CONSENT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    consents: _containers.RepeatedCompositeFieldContainer[_event_pb2.ConsentChange]
    occurred_time_us: int
    received_time_us: int
    consent_source: str
    policy_version: str
    def __init__(self, sequence: _Optional[int] = ..., consents: _Optional[_Iterable[_Union[_event_pb2.ConsentChange, _Mapping]]] = ..., occurred_time_us: _Optional[int] = ..., received_time_us: _Optional[int] = ..., consent_source: _Optional[str] = ..., policy_version: _Optional[str] = ...) -> None: ...
