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

class ProfileScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROFILE_SCOPE_UNSPECIFIED: _ClassVar[ProfileScope]
    PROFILE_SCOPE_GROUP: _ClassVar[ProfileScope]
    PROFILE_SCOPE_MEMBER: _ClassVar[ProfileScope]

class LinkMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK_METHOD_UNSPECIFIED: _ClassVar[LinkMethod]
    LINK_METHOD_DETERMINISTIC: _ClassVar[LinkMethod]
    LINK_METHOD_USER_LOGIN: _ClassVar[LinkMethod]
    LINK_METHOD_PROBABILISTIC: _ClassVar[LinkMethod]
    LINK_METHOD_MANUAL: _ClassVar[LinkMethod]
PROFILE_SCOPE_UNSPECIFIED: ProfileScope
PROFILE_SCOPE_GROUP: ProfileScope
PROFILE_SCOPE_MEMBER: ProfileScope
LINK_METHOD_UNSPECIFIED: LinkMethod
LINK_METHOD_DETERMINISTIC: LinkMethod
LINK_METHOD_USER_LOGIN: LinkMethod
LINK_METHOD_PROBABILISTIC: LinkMethod
LINK_METHOD_MANUAL: LinkMethod

class GetProfileRequest(_message.Message):
    __slots__ = ("subject_id", "tenant_id", "at_time_us", "subject_type", "read_mask", "scope")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    tenant_id: str
    at_time_us: int
    subject_type: _event_pb2.IdentifierType
    read_mask: _field_mask_pb2.FieldMask
    scope: ProfileScope
    def __init__(self, subject_id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., at_time_us: _Optional[int] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., scope: _Optional[_Union[ProfileScope, str]] = ...) -> None: ...

class GetProfileResponse(_message.Message):
    __slots__ = ("profile",)
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    profile: Profile
    def __init__(self, profile: _Optional[_Union[Profile, _Mapping]] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("subject_id", "first_seen_time_us", "last_seen_time_us", "event_count", "session_count", "late_count", "sessions", "traits", "consents", "features", "sequence", "at_time_us", "stored_bytes", "identifiers", "links")
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
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
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
    identifiers: _containers.RepeatedCompositeFieldContainer[_event_pb2.Identifier]
    links: _containers.RepeatedCompositeFieldContainer[Link]
    def __init__(self, subject_id: _Optional[str] = ..., first_seen_time_us: _Optional[int] = ..., last_seen_time_us: _Optional[int] = ..., event_count: _Optional[int] = ..., session_count: _Optional[int] = ..., late_count: _Optional[int] = ..., sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., traits: _Optional[_Iterable[_Union[Trait, _Mapping]]] = ..., consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., sequence: _Optional[int] = ..., at_time_us: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., identifiers: _Optional[_Iterable[_Union[_event_pb2.Identifier, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[Link, _Mapping]]] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("link_id", "left", "right", "method", "confidence", "evidence", "create_time_us")
    LINK_ID_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    link_id: str
    left: _event_pb2.Identifier
    right: _event_pb2.Identifier
    method: LinkMethod
    confidence: float
    evidence: _containers.RepeatedScalarFieldContainer[str]
    create_time_us: int
    def __init__(self, link_id: _Optional[str] = ..., left: _Optional[_Union[_event_pb2.Identifier, _Mapping]] = ..., right: _Optional[_Union[_event_pb2.Identifier, _Mapping]] = ..., method: _Optional[_Union[LinkMethod, str]] = ..., confidence: _Optional[float] = ..., evidence: _Optional[_Iterable[str]] = ..., create_time_us: _Optional[int] = ...) -> None: ...

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

class ListRecentEventsRequest(_message.Message):
    __slots__ = ("subject_id", "subject_type", "tenant_id", "page_size", "page_token", "event_types", "scope")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    tenant_id: str
    page_size: int
    page_token: str
    event_types: _containers.RepeatedScalarFieldContainer[str]
    scope: ProfileScope
    def __init__(self, subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., tenant_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., event_types: _Optional[_Iterable[str]] = ..., scope: _Optional[_Union[ProfileScope, str]] = ...) -> None: ...

class ListRecentEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[RecentEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[RecentEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RecentEvent(_message.Message):
    __slots__ = ("sequence", "received_time_us", "event")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    received_time_us: int
    event: _event_pb2.Event
    def __init__(self, sequence: _Optional[int] = ..., received_time_us: _Optional[int] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class LinkIdentifiersRequest(_message.Message):
    __slots__ = ("left", "right", "method", "confidence", "evidence", "tenant_id")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    left: _event_pb2.Identifier
    right: _event_pb2.Identifier
    method: LinkMethod
    confidence: float
    evidence: _containers.RepeatedScalarFieldContainer[str]
    tenant_id: str
    def __init__(self, left: _Optional[_Union[_event_pb2.Identifier, _Mapping]] = ..., right: _Optional[_Union[_event_pb2.Identifier, _Mapping]] = ..., method: _Optional[_Union[LinkMethod, str]] = ..., confidence: _Optional[float] = ..., evidence: _Optional[_Iterable[str]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class LinkIdentifiersResponse(_message.Message):
    __slots__ = ("link", "created")
    LINK_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    link: Link
    created: bool
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ..., created: bool = ...) -> None: ...

class UnlinkIdentifiersRequest(_message.Message):
    __slots__ = ("link_id", "tenant_id")
    LINK_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    link_id: str
    tenant_id: str
    def __init__(self, link_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class UnlinkIdentifiersResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: Link
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class ListLinksRequest(_message.Message):
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

class ListLinksResponse(_message.Message):
    __slots__ = ("links", "next_page_token")
    LINKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[Link]
    next_page_token: str
    def __init__(self, links: _Optional[_Iterable[_Union[Link, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LinkDevicesRequest(_message.Message):
    __slots__ = ("primary_session_id", "secondary_session_id", "linking_method", "confidence", "evidence", "tenant_id")
    PRIMARY_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LINKING_METHOD_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    primary_session_id: str
    secondary_session_id: str
    linking_method: LinkMethod
    confidence: float
    evidence: _containers.RepeatedScalarFieldContainer[str]
    tenant_id: str
    def __init__(self, primary_session_id: _Optional[str] = ..., secondary_session_id: _Optional[str] = ..., linking_method: _Optional[_Union[LinkMethod, str]] = ..., confidence: _Optional[float] = ..., evidence: _Optional[_Iterable[str]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class LinkDevicesResponse(_message.Message):
    __slots__ = ("linking_id", "linked", "continuity", "unified_profile")
    LINKING_ID_FIELD_NUMBER: _ClassVar[int]
    LINKED_FIELD_NUMBER: _ClassVar[int]
    CONTINUITY_FIELD_NUMBER: _ClassVar[int]
    UNIFIED_PROFILE_FIELD_NUMBER: _ClassVar[int]
    linking_id: str
    linked: bool
    continuity: Continuity
    unified_profile: UnifiedProfile
    def __init__(self, linking_id: _Optional[str] = ..., linked: bool = ..., continuity: _Optional[_Union[Continuity, _Mapping]] = ..., unified_profile: _Optional[_Union[UnifiedProfile, _Mapping]] = ...) -> None: ...

class Continuity(_message.Message):
    __slots__ = ("behavior_continuity", "intent_continuity", "contextual_continuity")
    BEHAVIOR_CONTINUITY_FIELD_NUMBER: _ClassVar[int]
    INTENT_CONTINUITY_FIELD_NUMBER: _ClassVar[int]
    CONTEXTUAL_CONTINUITY_FIELD_NUMBER: _ClassVar[int]
    behavior_continuity: float
    intent_continuity: float
    contextual_continuity: float
    def __init__(self, behavior_continuity: _Optional[float] = ..., intent_continuity: _Optional[float] = ..., contextual_continuity: _Optional[float] = ...) -> None: ...

class UnifiedProfile(_message.Message):
    __slots__ = ("primary_device", "secondary_device", "profile")
    PRIMARY_DEVICE_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_DEVICE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    primary_device: _event_pb2.DeviceType
    secondary_device: _event_pb2.DeviceType
    profile: Profile
    def __init__(self, primary_device: _Optional[_Union[_event_pb2.DeviceType, str]] = ..., secondary_device: _Optional[_Union[_event_pb2.DeviceType, str]] = ..., profile: _Optional[_Union[Profile, _Mapping]] = ...) -> None: ...

class GetDeviceSyncRequest(_message.Message):
    __slots__ = ("user_id", "tenant_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    tenant_id: str
    def __init__(self, user_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class GetDeviceSyncResponse(_message.Message):
    __slots__ = ("user_id", "devices", "synchronization")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    SYNCHRONIZATION_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    devices: _containers.RepeatedCompositeFieldContainer[DeviceState]
    synchronization: Synchronization
    def __init__(self, user_id: _Optional[str] = ..., devices: _Optional[_Iterable[_Union[DeviceState, _Mapping]]] = ..., synchronization: _Optional[_Union[Synchronization, _Mapping]] = ...) -> None: ...

class DeviceState(_message.Message):
    __slots__ = ("device_id", "identifier_type", "device_type", "last_activity_time_us", "page", "scores")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_TYPE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVITY_TIME_US_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    identifier_type: _event_pb2.IdentifierType
    device_type: _event_pb2.DeviceType
    last_activity_time_us: int
    page: str
    scores: _containers.RepeatedCompositeFieldContainer[Feature]
    def __init__(self, device_id: _Optional[str] = ..., identifier_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., device_type: _Optional[_Union[_event_pb2.DeviceType, str]] = ..., last_activity_time_us: _Optional[int] = ..., page: _Optional[str] = ..., scores: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ...) -> None: ...

class Synchronization(_message.Message):
    __slots__ = ("last_sync_time_us", "current")
    LAST_SYNC_TIME_US_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    last_sync_time_us: int
    current: bool
    def __init__(self, last_sync_time_us: _Optional[int] = ..., current: bool = ...) -> None: ...

class DeleteProfileRequest(_message.Message):
    __slots__ = ("subject_id", "subject_type", "tenant_id")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    subject_type: _event_pb2.IdentifierType
    tenant_id: str
    def __init__(self, subject_id: _Optional[str] = ..., subject_type: _Optional[_Union[_event_pb2.IdentifierType, str]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DeleteProfileResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
