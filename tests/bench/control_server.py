"""The control of the ingest figures: a grpcio aio server that parses batches with protobuf and
reads every field into dicts.

Run: python -m tests.bench.control_server ADDRESS. Prints `ready` when it listens.
"""

import sys
from typing import Any

import grpc
import grpc.aio
import uvloop
from kairos.v1 import ingest_service_pb2

SERVICE = "bench.Control"


def event_read(event: Any) -> dict[str, Any]:
    """Returns the fields that the workload's events have, by name. A real handler would read
    more.
    """
    return {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "subject_id": event.subject_id,
        "occurred_time_us": event.occurred_time_us,
        "attributes": {a.name: getattr(a, a.WhichOneof("value")) for a in event.attributes},
    }


async def batch(request: bytes, _: Any) -> bytes:
    """Answers with the number of events that were read."""
    message = ingest_service_pb2.IngestBatchRequest.FromString(request)
    rows = [event_read(event) for event in message.events]
    response = ingest_service_pb2.IngestBatchResponse(accepted_count=len(rows))
    return response.SerializeToString()


async def echo(request: bytes, _: Any) -> bytes:
    """Answers with the request, unread: the least that the transport costs."""
    return request


async def serve(address: str) -> None:
    """Serves until the process is ended."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 8 << 20)])
    handlers = {
        "Batch": grpc.unary_unary_rpc_method_handler(batch),
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(address)
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
