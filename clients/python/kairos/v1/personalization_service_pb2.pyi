from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DecisionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_REASON_UNSPECIFIED: _ClassVar[DecisionReason]
    DECISION_REASON_RANKED: _ClassVar[DecisionReason]
    DECISION_REASON_FALLBACK: _ClassVar[DecisionReason]
DECISION_REASON_UNSPECIFIED: DecisionReason
DECISION_REASON_RANKED: DecisionReason
DECISION_REASON_FALLBACK: DecisionReason

class DecideRequest(_message.Message):
    __slots__ = ("subject", "context", "constraints", "at_time_us")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    AT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    subject: Subject
    context: Context
    constraints: Constraints
    at_time_us: int
    def __init__(self, subject: _Optional[_Union[Subject, _Mapping]] = ..., context: _Optional[_Union[Context, _Mapping]] = ..., constraints: _Optional[_Union[Constraints, _Mapping]] = ..., at_time_us: _Optional[int] = ...) -> None: ...

class Subject(_message.Message):
    __slots__ = ("id", "tenant_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    tenant_id: str
    def __init__(self, id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("channel", "placement", "scenario", "device_type", "persona", "urgency", "attributes")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    PERSONA_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    channel: _event_pb2.Channel
    placement: str
    scenario: str
    device_type: _event_pb2.DeviceType
    persona: str
    urgency: _event_pb2.Urgency
    attributes: _containers.RepeatedCompositeFieldContainer[_event_pb2.Attribute]
    def __init__(self, channel: _Optional[_Union[_event_pb2.Channel, str]] = ..., placement: _Optional[str] = ..., scenario: _Optional[str] = ..., device_type: _Optional[_Union[_event_pb2.DeviceType, str]] = ..., persona: _Optional[str] = ..., urgency: _Optional[_Union[_event_pb2.Urgency, str]] = ..., attributes: _Optional[_Iterable[_Union[_event_pb2.Attribute, _Mapping]]] = ...) -> None: ...

class Constraints(_message.Message):
    __slots__ = ("max_variants", "require_consent")
    MAX_VARIANTS_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_CONSENT_FIELD_NUMBER: _ClassVar[int]
    max_variants: int
    require_consent: bool
    def __init__(self, max_variants: _Optional[int] = ..., require_consent: bool = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decision_id", "decisions", "plan_id", "applied_sequence", "processing_time_us")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    APPLIED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_TIME_US_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    plan_id: str
    applied_sequence: int
    processing_time_us: int
    def __init__(self, decision_id: _Optional[str] = ..., decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., plan_id: _Optional[str] = ..., applied_sequence: _Optional[int] = ..., processing_time_us: _Optional[int] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("content_id", "offer_id", "variant", "priority", "experiment", "ttl_seconds", "score", "content", "reason", "propensity")
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    content_id: str
    offer_id: str
    variant: str
    priority: int
    experiment: str
    ttl_seconds: int
    score: float
    content: _containers.RepeatedCompositeFieldContainer[_event_pb2.Attribute]
    reason: DecisionReason
    propensity: float
    def __init__(self, content_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., variant: _Optional[str] = ..., priority: _Optional[int] = ..., experiment: _Optional[str] = ..., ttl_seconds: _Optional[int] = ..., score: _Optional[float] = ..., content: _Optional[_Iterable[_Union[_event_pb2.Attribute, _Mapping]]] = ..., reason: _Optional[_Union[DecisionReason, str]] = ..., propensity: _Optional[float] = ...) -> None: ...

class BatchDecideRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[DecideRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[DecideRequest, _Mapping]]] = ...) -> None: ...

class BatchDecideResponse(_message.Message):
    __slots__ = ("responses",)
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    responses: _containers.RepeatedCompositeFieldContainer[DecideResponse]
    def __init__(self, responses: _Optional[_Iterable[_Union[DecideResponse, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("decision_id",)
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    def __init__(self, decision_id: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("candidates",)
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[CandidateExplanation]
    def __init__(self, candidates: _Optional[_Iterable[_Union[CandidateExplanation, _Mapping]]] = ...) -> None: ...

class CandidateExplanation(_message.Message):
    __slots__ = ("content_id", "chosen", "reason")
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    content_id: str
    chosen: bool
    reason: str
    def __init__(self, content_id: _Optional[str] = ..., chosen: bool = ..., reason: _Optional[str] = ...) -> None: ...

class GetDecisionRequest(_message.Message):
    __slots__ = ("decision_id", "replay")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    replay: bool
    def __init__(self, decision_id: _Optional[str] = ..., replay: bool = ...) -> None: ...

class GetDecisionResponse(_message.Message):
    __slots__ = ("decision", "replay")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    decision: DecisionRecord
    replay: DecisionReplay
    def __init__(self, decision: _Optional[_Union[DecisionRecord, _Mapping]] = ..., replay: _Optional[_Union[DecisionReplay, _Mapping]] = ...) -> None: ...

class DecisionRecord(_message.Message):
    __slots__ = ("decision_id", "request", "response", "plan_id", "decide_time_us", "receive_time_us", "sequence", "applied_sequence", "semantics_version", "values", "score_features", "consent_bits")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    DECIDE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    APPLIED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SEMANTICS_VERSION_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    CONSENT_BITS_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    request: DecideRequest
    response: DecideResponse
    plan_id: str
    decide_time_us: int
    receive_time_us: int
    sequence: int
    applied_sequence: int
    semantics_version: int
    values: _containers.RepeatedCompositeFieldContainer[DecisionValue]
    score_features: _containers.RepeatedScalarFieldContainer[float]
    consent_bits: int
    def __init__(self, decision_id: _Optional[str] = ..., request: _Optional[_Union[DecideRequest, _Mapping]] = ..., response: _Optional[_Union[DecideResponse, _Mapping]] = ..., plan_id: _Optional[str] = ..., decide_time_us: _Optional[int] = ..., receive_time_us: _Optional[int] = ..., sequence: _Optional[int] = ..., applied_sequence: _Optional[int] = ..., semantics_version: _Optional[int] = ..., values: _Optional[_Iterable[_Union[DecisionValue, _Mapping]]] = ..., score_features: _Optional[_Iterable[float]] = ..., consent_bits: _Optional[int] = ...) -> None: ...

class DecisionValue(_message.Message):
    __slots__ = ("column", "string_value", "int_value", "double_value", "bool_value", "time_value_us", "duration_value_us", "null_value")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    TIME_VALUE_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_VALUE_US_FIELD_NUMBER: _ClassVar[int]
    NULL_VALUE_FIELD_NUMBER: _ClassVar[int]
    column: int
    string_value: str
    int_value: int
    double_value: float
    bool_value: bool
    time_value_us: int
    duration_value_us: int
    null_value: bool
    def __init__(self, column: _Optional[int] = ..., string_value: _Optional[str] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: bool = ..., time_value_us: _Optional[int] = ..., duration_value_us: _Optional[int] = ..., null_value: bool = ...) -> None: ...

class DecisionReplay(_message.Message):
    __slots__ = ("equal", "response", "failure")
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    equal: bool
    response: DecideResponse
    failure: str
    def __init__(self, equal: bool = ..., response: _Optional[_Union[DecideResponse, _Mapping]] = ..., failure: _Optional[str] = ...) -> None: ...

class RecordOutcomeRequest(_message.Message):
    __slots__ = ("decision_id", "outcome", "outcome_id", "occurred_time_us")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    outcome: str
    outcome_id: str
    occurred_time_us: int
    def __init__(self, decision_id: _Optional[str] = ..., outcome: _Optional[str] = ..., outcome_id: _Optional[str] = ..., occurred_time_us: _Optional[int] = ...) -> None: ...

class RecordOutcomeResponse(_message.Message):
    __slots__ = ("duplicate",)
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    duplicate: bool
    def __init__(self, duplicate: bool = ...) -> None: ...
