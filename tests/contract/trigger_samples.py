"""Documents, triggers and events that the tests of TriggerService share."""

from google.protobuf import json_format
from kairos.v1 import document_pb2, event_pb2
from kairos.v1 import trigger_pb2 as tr
from reference.packs import EXIT_PREVENTION

SCHEMA = document_pb2.Document(
    body="""
kind: schema
attributes: {time_on_page: int, scroll_depth: double, price: double, traffic_source: string}
traits: {persona: string}
"""
)
SCORE = document_pb2.Document(
    body="""
kind: score
id: engagement_score
type: engagement
terms: [{feature: count("page_view"), weight: 1.0}]
"""
)


def spec_trigger() -> tr.Trigger:
    """The trigger as the specification prints it, read as JSON of the contract."""
    return json_format.Parse(EXIT_PREVENTION, tr.Trigger())


def event(event_type: str, subject: str = "user_456", **fields: object) -> event_pb2.Event:
    return event_pb2.Event(event_type=event_type, subject_id=subject, **fields)


async def with_schema(server) -> None:
    await server.call("ApplyDocuments", documents=[SCHEMA, SCORE], activate=True)
