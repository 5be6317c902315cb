"""Open-loop load tests of a Kairos server over gRPC."""
