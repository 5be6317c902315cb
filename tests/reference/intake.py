"""A tenant whose schema normalises events, and its events as the log holds them."""

from pathlib import Path

from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import Engine

from reference.lockstep import Lockstep
from reference.shop import SETTINGS, TENANT
from reference.tenants import START, document

FRAME_EVENT = 2
EVERYTHING = {
    "attributes": {"q": "string", "price": "double", "email": {"type": "string", "personal": True}},
    "normalise": {
        "url": True,
        "referrer": True,
        "user_agent": True,
        "query_allow": ["q", "page"],
        "site_hosts": ["shop.example"],
    },
}


def tenant(folder: Path, schema: dict, *documents: object, number: int = TENANT) -> Lockstep:
    """A tenant with this schema, its plan active."""
    lock = Lockstep(folder, START)
    lock.commit(lock.settings(number, SETTINGS))
    wanted = [document("schema", "main", **schema), *documents, document("placement", "hero")]
    model, stored = lock.compile(number, wanted, [])
    lock.commit(stored, lock.activation(number, model))
    return lock


def logged(engine: Engine, *events: event_pb2.Event) -> list[event_pb2.Event]:
    """Ingests the events as one batch and returns them as the log holds them."""
    before = engine.figures()["applied_sequence"]
    request = ingest_service_pb2.IngestBatchRequest(events=events)
    pending = engine.check_batch(TENANT, request.SerializeToString(), START)
    engine.commit([pending], START)
    answer = ingest_service_pb2.IngestBatchResponse.FromString(pending.response)
    assert not answer.refused_count, answer
    return log_events(engine, before + 1)


def log_events(engine: Engine, sequence: int = 1) -> list[event_pb2.Event]:
    """The events of the log from a position on."""
    rows = engine.log_records(sequence, FRAME_EVENT)
    return [event_pb2.Event.FromString(row[-1]) for row in rows]


def values(event: event_pb2.Event) -> dict:
    """Attribute name -> value."""
    return {a.name: getattr(a, a.WhichOneof("value")) for a in event.attributes}
