"""A small tenant with one trigger and one placement, for tests of the engine's door."""

from pathlib import Path

from kairos.v1 import ingest_service_pb2
from kairos_native.engine import Engine

from reference.engine import Settings
from reference.lockstep import Lockstep
from reference.tenants import START, document

TENANT = 4
SETTINGS = Settings("shop", b"sixteen bytes ok", True)
MAP_SIZE = 1 << 28
TRIGGER = document("trigger", "one", condition='event.type == "view"')


def opened(folder: Path, **options: object) -> Engine:
    return Engine.open(str(folder), **{"now_us": START, "map_size": MAP_SIZE, **options})


def shop(folder: Path, *documents: object) -> Lockstep:
    lock = Lockstep(folder, START)
    lock.commit(lock.settings(TENANT, SETTINGS))
    model, stored = lock.compile(TENANT, documents or [TRIGGER, document("placement", "hero")], [])
    lock.commit(stored, lock.activation(TENANT, model))
    return lock


def batch(count: int, **fields: str) -> bytes:
    request = ingest_service_pb2.IngestBatchRequest()
    for number in range(count):
        request.events.add(
            **{"event_type": "view", "subject_id": "ann", "event_id": f"e{number}", **fields}
        )
    return request.SerializeToString()
