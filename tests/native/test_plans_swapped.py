"""Plans that come and go: memory is given back, and what was sized for one plan never serves
another at its address.
"""

from kairos.v1 import event_pb2, ingest_service_pb2, personalization_service_pb2
from kairos_native.engine import Engine
from kairos_server.catalog import Catalog, DocumentInput, build_image

NOW = 1_700_000_000_000_000
TENANT = 3


def documents(triggers: int, contents: int) -> list[DocumentInput]:
    found = [DocumentInput(kind="placement", document_id="place", body="fallback: content_0")]
    for i in range(triggers):
        body = (
            f"condition: event.type == 'click' && session.event_count >= {i % 5}\n"
            f"actions: [{{type: a{i}}}]"
        )
        found.append(DocumentInput(kind="trigger", document_id=f"trigger_{i}", body=body))
    for i in range(contents):
        body = f"placements: [place]\npriority: {i % 7}\npayload: {{text: {'x' * (i % 50)}}}"
        found.append(DocumentInput(kind="content", document_id=f"content_{i}", body=body))
    return found


def image(triggers: int, contents: int) -> bytes:
    catalog = Catalog.from_documents(TENANT, {})
    applied = catalog.apply(documents(triggers, contents), [], "", "", NOW)
    return build_image(applied.model)


def ingest(engine: Engine, number: int) -> ingest_service_pb2.IngestResponse:
    event = event_pb2.Event(event_id=f"e{number}", event_type="click", subject_id="ada")
    request = ingest_service_pb2.IngestRequest(event=event)
    pending = engine.check_ingest(TENANT, request.SerializeToString(), NOW)
    engine.commit([pending], NOW)
    return ingest_service_pb2.IngestResponse.FromString(pending.response)


def decide(engine: Engine) -> personalization_service_pb2.DecideResponse:
    request = personalization_service_pb2.DecideRequest(
        subject=personalization_service_pb2.Subject(id="ada"),
        context=personalization_service_pb2.Context(placement="place"),
        constraints=personalization_service_pb2.Constraints(max_variants=100),
    )
    answer = engine.decide(TENANT, request.SerializeToString(), NOW)
    return personalization_service_pb2.DecideResponse.FromString(answer)


def test_many_swaps_between_plans_of_all_sizes(tmp_path):
    sizes = [(1, 1), (300, 90), (2, 3), (60, 40), (5, 1), (150, 70)]
    images = [image(*size) for size in sizes]
    engine = Engine.open(str(tmp_path / "data"), now_us=NOW, map_size=1 << 28, segment_size=1 << 22)
    engine.commit([engine.tenant_settings(TENANT, "t", b"k" * 16, 0, NOW)], NOW)
    ids = [engine.store_plan(data) for data in images]
    number = 0
    for turn in range(36):
        triggers, contents = sizes[turn % len(sizes)]
        engine.commit([engine.activation(TENANT, ids[turn % len(sizes)], NOW)], NOW)
        for _ in range(2):
            number += 1
            answer = ingest(engine, number)
            expected = sum(1 for i in range(triggers) if number >= i % 5)
            assert len(answer.triggers) == expected
            assert len(decide(engine).decisions) == min(contents, 100)
        # The active one, the one before it that the writer's answer may still
        # name, and the reader's.
        assert engine.figures()["plans_loaded"] <= 3
    engine.close()
