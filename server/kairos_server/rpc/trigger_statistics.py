"""The methods of TriggerService that say how triggers do."""

from collections.abc import Iterable

from kairos.v1 import trigger_pb2
from kairos.v1 import trigger_service_pb2 as triggers

from kairos_server.administration import Fired, Period, TriggerTotal
from kairos_server.errors import Refused
from kairos_server.plans import Plans
from kairos_server.rpc.call import Call
from kairos_server.rpc.requests import parsed, required


class TriggerStatistics:
    """Handlers of MonitorTrigger and GetTriggerPerformance."""

    def __init__(self, plans: Plans) -> None:
        self._store = plans.documents
        self._firings = plans.firings

    async def monitor(self, request: bytes, call: Call) -> bytes:
        """Answers MonitorTrigger."""
        message = parsed(triggers.MonitorTriggerRequest, request)
        number = await self._number(call.tenant, required("trigger_id", message.trigger_id))
        await self._firings.sample(call.tenant, call.received_us)
        total = self._firings.total(call.tenant, number)
        minutes = self._firings.minutes(call.tenant)
        return triggers.MonitorTriggerResponse(
            evaluated_count=total.events,
            fired_count=total.count,
            last_fired_time_us=total.last_us,
            minutes=_messages((m for m in minutes if number in m.triggers), number),
        ).SerializeToString()

    async def periods(self, request: bytes, call: Call) -> bytes:
        """Answers GetTriggerPerformance."""
        message = parsed(triggers.GetTriggerPerformanceRequest, request)
        number = await self._number(call.tenant, required("trigger_id", message.trigger_id))
        start_us = message.start_time_us if message.HasField("start_time_us") else 0
        end_us = message.end_time_us if message.HasField("end_time_us") else 1 << 62
        if end_us < start_us:
            raise Refused("FILTER_INVALID", "end_time_us", str(end_us))
        hourly = message.period == triggers.PERFORMANCE_PERIOD_HOUR
        period = Period.HOUR if hourly else Period.DAY
        await self._firings.sample(call.tenant, call.received_us)
        rows = self._firings.with_present(call.tenant, period)
        chosen = [row for row in rows if start_us <= row.start_us < end_us]
        total = self._firings.total(call.tenant, number)
        return triggers.GetTriggerPerformanceResponse(
            performance=performance(total, total.events), periods=_messages(chosen, number)
        ).SerializeToString()

    async def _number(self, tenant: int, trigger_id: str) -> int:
        names = (await self._store.state(tenant)).heads.catalog.registry.triggers
        try:
            return names.index(trigger_id)
        except ValueError:
            raise Refused("TRIGGER_UNKNOWN", "trigger_id", trigger_id) from None


def performance(total: TriggerTotal | None, events: int) -> trigger_pb2.TriggerPerformance:
    """Returns how a trigger does; None: it never fired."""
    message = trigger_pb2.TriggerPerformance()
    if total is not None:
        message.fired_count = total.count
        message.last_fired_time_us = total.last_us
    if events:
        message.trigger_rate = message.fired_count / events
    return message


def _messages(rows: Iterable[Fired], number: int) -> list[triggers.FiredPeriod]:
    return [
        triggers.FiredPeriod(
            start_time_us=row.start_us,
            fired_count=row.triggers.get(number, 0),
            evaluated_count=row.events,
        )
        for row in rows
    ]
