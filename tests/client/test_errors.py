"""Failures become exceptions that say what the server said."""

import pickle

import grpc
import kairos
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from kairos.errors import FAMILIES, error_of
from kairos.policy import Retries
from kairos_server.errors import ROWS, Refused, Violation


class Failed(grpc.RpcError):
    """A failed call as both gRPC APIs give it."""

    def __init__(self, code, message, details=b""):
        self._code, self._message, self._details = code, message, details

    def code(self):
        return self._code

    def details(self):
        return self._message

    def trailing_metadata(self):
        return (("other", "x"), ("grpc-status-details-bin", self._details))


def raised(refused: Refused) -> kairos.KairosError:
    code = next(code for code in grpc.StatusCode if code.value[0] == int(refused.code))
    return error_of(Failed(code, refused.message, refused.status_bytes()), "/a/B", "id-1")


@pytest.mark.parametrize("reason", sorted(ROWS))
def test_every_reason_of_the_server_is_told(reason) -> None:
    refused = Refused(reason, "event.url", "seen here")
    error = raised(refused)
    assert type(error) is FAMILIES[error.code]
    assert (error.reason, error.field, error.seen) == (reason, "event.url", "seen here")
    assert str(error) == error.message == refused.message
    assert error.retry_after == (refused.retry_us / 1e6 or None)
    assert (error.method, error.request_id) == ("/a/B", "id-1")


def test_violations_are_told() -> None:
    faults = [Violation("a.b", "too long"), Violation("c", "missing")]
    error = raised(Refused("DOCUMENT_INVALID", violations=faults))
    assert isinstance(error, kairos.InvalidRequest)
    assert error.violations == (
        kairos.Violation("a.b", "too long"),
        kairos.Violation("c", "missing"),
    )


@pytest.mark.parametrize("code", list(grpc.StatusCode))
@pytest.mark.parametrize("details", [b"", b"\xff\xff"])
def test_failures_without_details_are_told_by_code(code, details) -> None:
    error = error_of(Failed(code, "", details))
    assert type(error) is FAMILIES.get(code.name, kairos.KairosError)
    assert (error.reason, error.retry_after, str(error)) == ("", None, code.name)


def test_details_of_others_are_passed_over() -> None:
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.DebugInfo(detail="x"))
    status = status_pb2.Status(code=3, details=[packed]).SerializeToString()
    assert error_of(Failed(grpc.StatusCode.INVALID_ARGUMENT, "bad", status)).reason == ""


def test_errors_travel_between_processes() -> None:
    error = raised(Refused("QUEUE_FULL", "f", "s", retry_us=50_000))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kairos.Overloaded
    assert copy.__dict__ == error.__dict__


def test_delay_of_the_server_is_kept_to() -> None:
    retries = Retries(count_max=3, pause_s_max=0.3)
    full = kairos.Overloaded("full", retry_after=0.1)
    for count, least in ((0, 0.1), (1, 0.2), (2, 0.3)):
        pauses = [retries.pause_s(full, count, 10.0) for _ in range(50)]
        assert all(pause is not None and least <= pause <= least * 1.5 for pause in pauses)
        assert len(set(pauses)) > 1
    assert retries.pause_s(full, 3, 10.0) is None
    assert retries.pause_s(full, 0, 0.05) is None
    assert retries.pause_s(kairos.Overloaded("large"), 0, 10.0) is None
    assert retries.pause_s(kairos.NotFound("none", retry_after=0.1), 0, 10.0) is None
