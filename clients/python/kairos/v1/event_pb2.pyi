from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NullValue(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NULL_VALUE_UNSPECIFIED: _ClassVar[NullValue]

class DeviceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_TYPE_UNSPECIFIED: _ClassVar[DeviceType]
    DEVICE_TYPE_MOBILE: _ClassVar[DeviceType]
    DEVICE_TYPE_DESKTOP: _ClassVar[DeviceType]
    DEVICE_TYPE_TABLET: _ClassVar[DeviceType]
    DEVICE_TYPE_TV: _ClassVar[DeviceType]
    DEVICE_TYPE_OTHER: _ClassVar[DeviceType]

class Channel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_UNSPECIFIED: _ClassVar[Channel]
    CHANNEL_WEB: _ClassVar[Channel]
    CHANNEL_APP: _ClassVar[Channel]
    CHANNEL_EMAIL: _ClassVar[Channel]
    CHANNEL_SMS: _ClassVar[Channel]
    CHANNEL_PUSH: _ClassVar[Channel]
    CHANNEL_SOCIAL: _ClassVar[Channel]
    CHANNEL_ADS: _ClassVar[Channel]
    CHANNEL_WEBHOOK: _ClassVar[Channel]
    CHANNEL_PHONE: _ClassVar[Channel]

class Urgency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    URGENCY_UNSPECIFIED: _ClassVar[Urgency]
    URGENCY_LOW: _ClassVar[Urgency]
    URGENCY_MEDIUM: _ClassVar[Urgency]
    URGENCY_HIGH: _ClassVar[Urgency]
    URGENCY_CRITICAL: _ClassVar[Urgency]

class IdentifierType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IDENTIFIER_TYPE_UNSPECIFIED: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_USER: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_ACCOUNT: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_EMAIL: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_PHONE: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_DEVICE: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_SESSION: _ClassVar[IdentifierType]
    IDENTIFIER_TYPE_ANONYMOUS: _ClassVar[IdentifierType]

class ConsentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_STATUS_UNSPECIFIED: _ClassVar[ConsentStatus]
    CONSENT_STATUS_GRANTED: _ClassVar[ConsentStatus]
    CONSENT_STATUS_DENIED: _ClassVar[ConsentStatus]
NULL_VALUE_UNSPECIFIED: NullValue
DEVICE_TYPE_UNSPECIFIED: DeviceType
DEVICE_TYPE_MOBILE: DeviceType
DEVICE_TYPE_DESKTOP: DeviceType
DEVICE_TYPE_TABLET: DeviceType
DEVICE_TYPE_TV: DeviceType
DEVICE_TYPE_OTHER: DeviceType
CHANNEL_UNSPECIFIED: Channel
CHANNEL_WEB: Channel
CHANNEL_APP: Channel
CHANNEL_EMAIL: Channel
CHANNEL_SMS: Channel
CHANNEL_PUSH: Channel
CHANNEL_SOCIAL: Channel
CHANNEL_ADS: Channel
CHANNEL_WEBHOOK: Channel
CHANNEL_PHONE: Channel
URGENCY_UNSPECIFIED: Urgency
URGENCY_LOW: Urgency
URGENCY_MEDIUM: Urgency
URGENCY_HIGH: Urgency
URGENCY_CRITICAL: Urgency
IDENTIFIER_TYPE_UNSPECIFIED: IdentifierType
IDENTIFIER_TYPE_USER: IdentifierType
IDENTIFIER_TYPE_ACCOUNT: IdentifierType
IDENTIFIER_TYPE_EMAIL: IdentifierType
IDENTIFIER_TYPE_PHONE: IdentifierType
IDENTIFIER_TYPE_DEVICE: IdentifierType
IDENTIFIER_TYPE_SESSION: IdentifierType
IDENTIFIER_TYPE_ANONYMOUS: IdentifierType
CONSENT_STATUS_UNSPECIFIED: ConsentStatus
CONSENT_STATUS_GRANTED: ConsentStatus
CONSENT_STATUS_DENIED: ConsentStatus

class Event(_message.Message):
    __slots__ = ("event_id", "event_type", "subject_id", "session_id", "occurred_time_us", "attributes", "device_type", "channel", "urgency", "persona", "url", "referrer", "value_minor", "currency_code", "traits", "consents", "tenant_id", "identifiers", "producer_id", "producer_sequence", "user_agent", "subject_type")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    PERSONA_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    REFERRER_FIELD_NUMBER: _ClassVar[int]
    VALUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    event_type: str
    subject_id: str
    session_id: str
    occurred_time_us: int
    attributes: _containers.RepeatedCompositeFieldContainer[Attribute]
    device_type: DeviceType
    channel: Channel
    urgency: Urgency
    persona: str
    url: str
    referrer: str
    value_minor: int
    currency_code: str
    traits: _containers.RepeatedCompositeFieldContainer[Attribute]
    consents: _containers.RepeatedCompositeFieldContainer[ConsentChange]
    tenant_id: str
    identifiers: _containers.RepeatedCompositeFieldContainer[Identifier]
    producer_id: str
    producer_sequence: int
    user_agent: str
    subject_type: IdentifierType
    def __init__(self, event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., subject_id: _Optional[str] = ..., session_id: _Optional[str] = ..., occurred_time_us: _Optional[int] = ..., attributes: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ..., device_type: _Optional[_Union[DeviceType, str]] = ..., channel: _Optional[_Union[Channel, str]] = ..., urgency: _Optional[_Union[Urgency, str]] = ..., persona: _Optional[str] = ..., url: _Optional[str] = ..., referrer: _Optional[str] = ..., value_minor: _Optional[int] = ..., currency_code: _Optional[str] = ..., traits: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ..., consents: _Optional[_Iterable[_Union[ConsentChange, _Mapping]]] = ..., tenant_id: _Optional[str] = ..., identifiers: _Optional[_Iterable[_Union[Identifier, _Mapping]]] = ..., producer_id: _Optional[str] = ..., producer_sequence: _Optional[int] = ..., user_agent: _Optional[str] = ..., subject_type: _Optional[_Union[IdentifierType, str]] = ...) -> None: ...

class Identifier(_message.Message):
    __slots__ = ("type", "value")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    type: IdentifierType
    value: str
    def __init__(self, type: _Optional[_Union[IdentifierType, str]] = ..., value: _Optional[str] = ...) -> None: ...

class Attribute(_message.Message):
    __slots__ = ("name", "name_id", "string_value", "int_value", "double_value", "bool_value", "time_value_us", "null_value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAME_ID_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    TIME_VALUE_US_FIELD_NUMBER: _ClassVar[int]
    NULL_VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    name_id: int
    string_value: str
    int_value: int
    double_value: float
    bool_value: bool
    time_value_us: int
    null_value: NullValue
    def __init__(self, name: _Optional[str] = ..., name_id: _Optional[int] = ..., string_value: _Optional[str] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: bool = ..., time_value_us: _Optional[int] = ..., null_value: _Optional[_Union[NullValue, str]] = ...) -> None: ...

class ConsentChange(_message.Message):
    __slots__ = ("purpose", "status")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    status: ConsentStatus
    def __init__(self, purpose: _Optional[str] = ..., status: _Optional[_Union[ConsentStatus, str]] = ...) -> None: ...

class FiredTrigger(_message.Message):
    __slots__ = ("trigger_id", "executed", "result", "actions", "urgency")
    TRIGGER_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    trigger_id: str
    executed: bool
    result: str
    actions: _containers.RepeatedCompositeFieldContainer[Action]
    urgency: Urgency
    def __init__(self, trigger_id: _Optional[str] = ..., executed: bool = ..., result: _Optional[str] = ..., actions: _Optional[_Iterable[_Union[Action, _Mapping]]] = ..., urgency: _Optional[_Union[Urgency, str]] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("type", "parameters")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    type: str
    parameters: _containers.RepeatedCompositeFieldContainer[Attribute]
    def __init__(self, type: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ...) -> None: ...
