"""Random events and decision requests for the tenants of reference.tenants: on time, late, ahead,
tied, repeated, wrong.
"""

from __future__ import annotations

import random

from kairos.v1 import event_pb2, personalization_service_pb2

from reference.tenants import DAY, HOUR, MINUTE, NUMBERS, START, TEXTS, TYPES, WHOLES, Documents

SUBJECTS = ("ann", "bob", "cyd", "dan", "eve")


def set_value(source: random.Random, attribute: event_pb2.Attribute, kind: str) -> None:
    if kind == "dyn":
        kind = source.choice(("int", "double", "string", "bool", "timestamp", "null"))
    if kind == "null" or source.random() < 0.05:
        attribute.null_value = 0
    elif kind == "int" or (kind == "double" and source.random() < 0.3):
        attribute.int_value = source.choice(WHOLES)
    elif kind == "double":
        attribute.double_value = source.choice(NUMBERS)
    elif kind == "bool":
        attribute.bool_value = source.random() < 0.5
    elif kind == "timestamp":
        attribute.time_value_us = START + source.choice((0, HOUR))
    else:
        attribute.string_value = source.choice((*TEXTS, "", "x" * 255, "y" * 256))


def spelled(source: random.Random, name: str) -> str:
    if source.random() < 0.5:
        return name
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def random_event(
    source: random.Random, documents: Documents, clock_us: int, *, live: bool
) -> event_pb2.Event:
    """An event near the clock: on time, ahead, late, or tied with another one."""
    event = event_pb2.Event(
        event_type=source.choice((*TYPES, *TYPES, "ping")),
        subject_id=source.choice(SUBJECTS),
        device_type=source.choice((0, 0, 1, 2)),
        channel=source.choice((0, 1, 2)),
        urgency=source.choice((0, 0, 1, 3)),
        persona=source.choice(("", "a", "b")),
        url=source.choice(("", "a", "/b")),
    )
    if source.random() < 0.8:
        event.event_id = f"e{source.randrange(60)}"
    if source.random() < 0.3:
        event.session_id = source.choice(("one", "two", "three", "four", "five", "six"))
    if not live or source.random() < 0.9:
        shift = source.choice(
            (0, 0, 0, -1, -MINUTE, -10 * MINUTE, -HOUR, -5 * HOUR, -30 * HOUR, MINUTE, 4 * MINUTE)
        )
        event.occurred_time_us = clock_us // MINUTE * MINUTE + shift
    for name, kind in documents.attributes.items():
        if source.random() < 0.4:
            set_value(source, event.attributes.add(name=spelled(source, name)), kind)
    if source.random() < 0.2:
        event.attributes.add(name="unheard_of", string_value="kept in the log only")
    for name, kind in documents.traits.items():
        if source.random() < 0.15:
            set_value(source, event.traits.add(name=name), kind)
    for purpose in documents.purposes:
        if source.random() < 0.2:
            event.consents.add(purpose=purpose, status=source.choice((1, 1, 2)))
    if source.random() < 0.3:
        event.value_minor, event.currency_code = source.choice((0, 5, -100, 10**12)), "EUR"
    if source.random() < 0.12:
        spoil(source, event, clock_us)
    return event


def spoil(source: random.Random, event: event_pb2.Event, clock_us: int) -> None:
    """One fault: of the fields, of the tenant's plan, or of the clock."""
    fault = source.randrange(11)
    if fault == 0:
        event.subject_id = ""
    elif fault == 1:
        event.attributes.add(name="price", double_value=float("nan"))
    elif fault == 2:
        event.occurred_time_us = clock_us + source.choice((HOUR, -9 * DAY))
    elif fault == 3:
        del event.attributes[:]
        event.attributes.add(name="amount", string_value="many")
    elif fault == 4:
        event.consents.add(purpose="unheard_of", status=1)
    elif fault == 5:
        event.tenant_id = "another"
    elif fault == 6:
        event.attributes.add(name="viewWidth2", int_value=1)
        event.attributes.add(name="view_width2", int_value=1)
    elif fault == 7:
        event.attributes.add(name_id=source.choice((12, 13, 500, 3)), int_value=1)
    elif fault == 8:
        event.traits.add(name="grade", string_value="none")
    elif fault == 9:
        event.event_id = "i" * 129
    else:
        event.channel = 99


def random_decide(
    source: random.Random, documents: Documents, event_time_us: int
) -> personalization_service_pb2.DecideRequest:
    request = personalization_service_pb2.DecideRequest()
    request.subject.id = source.choice((*SUBJECTS, "stranger"))
    context = request.context
    context.placement = source.choice(("hero", "hero", "hero", "side", "side", "nowhere"))
    context.device_type = source.choice((0, 1, 2))
    context.channel = source.choice((0, 1, 1, 77) if source.random() < 0.1 else (0, 1, 1))
    context.persona = source.choice(("", "a"))
    if source.random() < 0.6:
        set_value(source, context.attributes.add(name="cart"), "int")
    if source.random() < 0.6:
        set_value(
            source,
            context.attributes.add(name="mood"),
            source.choice(("string", "string", "string", "bool")),
        )
    if source.random() < 0.5:
        request.constraints.max_variants = source.choice((0, 1, 2, 5, 100, 101))
    if source.random() < 0.5:
        request.constraints.require_consent = source.random() < 0.5
    if source.random() < 0.3:
        request.at_time_us = event_time_us + source.choice((0, HOUR, 3 * DAY, -1))
        if source.random() < 0.3:
            # A midnight, where schedules begin and end.
            request.at_time_us = -(-request.at_time_us // DAY) * DAY
    return request
