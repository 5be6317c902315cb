"""Messages and stubs of the Kairos contract: `from kairos.v1 import ingest_service_pb2`."""
