"""The requests that the short methods of both clients make."""

from collections.abc import Iterable, Mapping

from kairos.v1 import event_pb2, personalization_service_pb2, trigger_service_pb2
from kairos.values import Moment, Value, attributes, enum_of, time_us


def decide_request(
    subject: str,
    placement: str,
    values: Mapping[str, Value] | None,
    *,
    channel: str,
    device: str,
    scenario: str,
    persona: str,
    urgency: str,
    max_variants: int,
    require_consent: bool,
    at: Moment | None,
) -> personalization_service_pb2.DecideRequest:
    """Returns a request of plain values. Errors: ValueError for an unknown name."""
    request = personalization_service_pb2.DecideRequest()
    request.subject.id = subject
    context = request.context
    context.placement = placement
    context.scenario = scenario
    context.persona = persona
    if values:
        context.attributes.extend(attributes(values))
    if channel:
        context.channel = enum_of(event_pb2.Channel, "CHANNEL", channel)
    if device:
        context.device_type = enum_of(event_pb2.DeviceType, "DEVICE_TYPE", device)
    if urgency:
        context.urgency = enum_of(event_pb2.Urgency, "URGENCY", urgency)
    if max_variants != 1:
        request.constraints.max_variants = max_variants
    if not require_consent:
        request.constraints.require_consent = False
    if at is not None:
        request.at_time_us = time_us(at)
    return request


def evaluate_request(
    event: event_pb2.Event, trigger_ids: Iterable[str]
) -> trigger_service_pb2.EvaluateRequest:
    """Returns a request for a rule set; none: all triggers."""
    return trigger_service_pb2.EvaluateRequest(event=event, trigger_ids=trigger_ids)
