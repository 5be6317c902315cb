from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HealthStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_STATUS_UNSPECIFIED: _ClassVar[HealthStatus]
    HEALTH_STATUS_HEALTHY: _ClassVar[HealthStatus]
    HEALTH_STATUS_DEGRADED: _ClassVar[HealthStatus]
    HEALTH_STATUS_UNHEALTHY: _ClassVar[HealthStatus]
HEALTH_STATUS_UNSPECIFIED: HealthStatus
HEALTH_STATUS_HEALTHY: HealthStatus
HEALTH_STATUS_DEGRADED: HealthStatus
HEALTH_STATUS_UNHEALTHY: HealthStatus

class GetPerformanceRequest(_message.Message):
    __slots__ = ("window_seconds",)
    WINDOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    window_seconds: int
    def __init__(self, window_seconds: _Optional[int] = ...) -> None: ...

class GetPerformanceResponse(_message.Message):
    __slots__ = ("metrics", "status", "capacity", "reason", "window_us")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    metrics: PerformanceMetrics
    status: HealthStatus
    capacity: Capacity
    reason: str
    window_us: int
    def __init__(self, metrics: _Optional[_Union[PerformanceMetrics, _Mapping]] = ..., status: _Optional[_Union[HealthStatus, str]] = ..., capacity: _Optional[_Union[Capacity, _Mapping]] = ..., reason: _Optional[str] = ..., window_us: _Optional[int] = ...) -> None: ...

class PerformanceMetrics(_message.Message):
    __slots__ = ("event_ingestion_rate", "processing_latency", "api_response_time", "error_rate", "throughput", "refused_rate")
    EVENT_INGESTION_RATE_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_LATENCY_FIELD_NUMBER: _ClassVar[int]
    API_RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    THROUGHPUT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_RATE_FIELD_NUMBER: _ClassVar[int]
    event_ingestion_rate: float
    processing_latency: LatencyPercentiles
    api_response_time: ResponseTimes
    error_rate: float
    throughput: float
    refused_rate: float
    def __init__(self, event_ingestion_rate: _Optional[float] = ..., processing_latency: _Optional[_Union[LatencyPercentiles, _Mapping]] = ..., api_response_time: _Optional[_Union[ResponseTimes, _Mapping]] = ..., error_rate: _Optional[float] = ..., throughput: _Optional[float] = ..., refused_rate: _Optional[float] = ...) -> None: ...

class LatencyPercentiles(_message.Message):
    __slots__ = ("p50", "p95", "p99")
    P50_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    p50: float
    p95: float
    p99: float
    def __init__(self, p50: _Optional[float] = ..., p95: _Optional[float] = ..., p99: _Optional[float] = ...) -> None: ...

class ResponseTimes(_message.Message):
    __slots__ = ("average", "median", "max")
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    average: float
    median: float
    max: float
    def __init__(self, average: _Optional[float] = ..., median: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class Capacity(_message.Message):
    __slots__ = ("current", "maximum", "utilization")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    current: float
    maximum: float
    utilization: float
    def __init__(self, current: _Optional[float] = ..., maximum: _Optional[float] = ..., utilization: _Optional[float] = ...) -> None: ...

class GetHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHealthResponse(_message.Message):
    __slots__ = ("status", "timestamp_us", "components", "metrics", "reasons")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_US_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    status: HealthStatus
    timestamp_us: int
    components: HealthComponents
    metrics: HealthMetrics
    reasons: _containers.RepeatedCompositeFieldContainer[ComponentReason]
    def __init__(self, status: _Optional[_Union[HealthStatus, str]] = ..., timestamp_us: _Optional[int] = ..., components: _Optional[_Union[HealthComponents, _Mapping]] = ..., metrics: _Optional[_Union[HealthMetrics, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[ComponentReason, _Mapping]]] = ...) -> None: ...

class HealthComponents(_message.Message):
    __slots__ = ("event_ingestion", "real_time_processing", "web_socket_connections", "database", "message_queue")
    EVENT_INGESTION_FIELD_NUMBER: _ClassVar[int]
    REAL_TIME_PROCESSING_FIELD_NUMBER: _ClassVar[int]
    WEB_SOCKET_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_QUEUE_FIELD_NUMBER: _ClassVar[int]
    event_ingestion: HealthStatus
    real_time_processing: HealthStatus
    web_socket_connections: HealthStatus
    database: HealthStatus
    message_queue: HealthStatus
    def __init__(self, event_ingestion: _Optional[_Union[HealthStatus, str]] = ..., real_time_processing: _Optional[_Union[HealthStatus, str]] = ..., web_socket_connections: _Optional[_Union[HealthStatus, str]] = ..., database: _Optional[_Union[HealthStatus, str]] = ..., message_queue: _Optional[_Union[HealthStatus, str]] = ...) -> None: ...

class HealthMetrics(_message.Message):
    __slots__ = ("uptime", "response_time", "error_rate")
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    uptime: float
    response_time: float
    error_rate: float
    def __init__(self, uptime: _Optional[float] = ..., response_time: _Optional[float] = ..., error_rate: _Optional[float] = ...) -> None: ...

class ComponentReason(_message.Message):
    __slots__ = ("component", "status", "reason")
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    component: str
    status: HealthStatus
    reason: str
    def __init__(self, component: _Optional[str] = ..., status: _Optional[_Union[HealthStatus, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetIntegrationStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetIntegrationStatusResponse(_message.Message):
    __slots__ = ("integrations", "overall_health")
    INTEGRATIONS_FIELD_NUMBER: _ClassVar[int]
    OVERALL_HEALTH_FIELD_NUMBER: _ClassVar[int]
    integrations: _containers.RepeatedCompositeFieldContainer[Integration]
    overall_health: HealthStatus
    def __init__(self, integrations: _Optional[_Iterable[_Union[Integration, _Mapping]]] = ..., overall_health: _Optional[_Union[HealthStatus, str]] = ...) -> None: ...

class Integration(_message.Message):
    __slots__ = ("name", "health", "last_sync_time_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    LAST_SYNC_TIME_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    health: HealthStatus
    last_sync_time_us: int
    def __init__(self, name: _Optional[str] = ..., health: _Optional[_Union[HealthStatus, str]] = ..., last_sync_time_us: _Optional[int] = ...) -> None: ...
