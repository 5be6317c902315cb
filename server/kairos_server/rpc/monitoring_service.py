"""kairos.v1.MonitoringService: the monitor's figures in the form of the contract."""

from kairos.v1 import monitoring_service_pb2 as contract

from kairos_server.errors import Refused
from kairos_server.monitor import Monitor, Status, components_worst
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.requests import parsed

SERVICE = "kairos.v1.MonitoringService"
WINDOW_S_DEFAULT = 60
WINDOW_S_MAX = 300
STATUSES = {
    Status.HEALTHY: contract.HEALTH_STATUS_HEALTHY,
    Status.DEGRADED: contract.HEALTH_STATUS_DEGRADED,
    Status.UNHEALTHY: contract.HEALTH_STATUS_UNHEALTHY,
}


class MonitoringService:
    """Cold calls of less than a millisecond."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table; health can be asked while draining too."""
        return (
            Method(f"/{SERVICE}/GetPerformance", Kind.UNARY, unary=self._performance),
            Method(f"/{SERVICE}/GetHealth", Kind.UNARY, unary=self._health, always=True),
            Method(f"/{SERVICE}/GetIntegrationStatus", Kind.UNARY, unary=self._integrations),
        )

    async def _performance(self, request: bytes, call: Call) -> bytes:
        message = parsed(contract.GetPerformanceRequest, request)
        if message.window_seconds > WINDOW_S_MAX:
            raise Refused("FIELD_INVALID", "window_seconds", str(message.window_seconds))
        seconds = message.window_seconds or WINDOW_S_DEFAULT
        found = self._monitor.performance(seconds * 1_000_000)
        median, p95, p99 = found.processing_us
        return contract.GetPerformanceResponse(
            metrics=contract.PerformanceMetrics(
                event_ingestion_rate=found.event_rate,
                processing_latency=contract.LatencyPercentiles(
                    p50=median / 1e3, p95=p95 / 1e3, p99=p99 / 1e3
                ),
                api_response_time=contract.ResponseTimes(
                    average=found.response_average_us / 1e3,
                    median=found.response_median_us / 1e3,
                    max=found.response_max_us / 1e3,
                ),
                error_rate=found.failed_share,
                throughput=found.call_rate,
                refused_rate=found.refused_share,
            ),
            status=STATUSES[found.status],
            capacity=contract.Capacity(
                current=found.event_rate,
                maximum=found.event_rate_max,
                utilization=found.utilization,
            ),
            reason=found.reason,
            window_us=found.window_us,
        ).SerializeToString()

    async def _health(self, request: bytes, call: Call) -> bytes:
        parsed(contract.GetHealthRequest, request)
        components = self._monitor.health()
        found = self._monitor.performance(WINDOW_S_DEFAULT * 1_000_000)
        return contract.GetHealthResponse(
            status=STATUSES[components_worst(components)],
            timestamp_us=self._monitor.now_us,
            components=contract.HealthComponents(
                **{component.name: STATUSES[component.status] for component in components}
            ),
            metrics=contract.HealthMetrics(
                uptime=self._monitor.uptime_us / 1e6,
                response_time=found.response_average_us / 1e3,
                error_rate=found.failed_share,
            ),
            reasons=[
                contract.ComponentReason(
                    component=component.name,
                    status=STATUSES[component.status],
                    reason=component.reason,
                )
                for component in components
                if component.reason
            ],
        ).SerializeToString()

    async def _integrations(self, request: bytes, call: Call) -> bytes:
        raise Refused("NOT_IMPLEMENTED", "method", call.method)
