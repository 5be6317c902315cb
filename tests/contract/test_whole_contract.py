"""What holds of every method of the contract, whichever service it belongs to: it is served, it
asks for a credential, it refuses what it cannot read, and it says why in the one form of errors.
"""

import importlib
import re
from pathlib import Path

import grpc
import pytest
from contract.observed import TIMEOUT, server
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from kairos.v1 import error_pb2

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted(path.stem for path in (ROOT / "proto" / "kairos" / "v1").glob("*_service.proto"))
REASONS = {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.keys()}  # noqa: SIM118
CODES = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.UNIMPLEMENTED,
}


def methods() -> list[MethodDescriptor]:
    """Every method of every service in the contract."""
    found = []
    for proto in PROTOS:
        module = importlib.import_module(f"kairos.v1.{proto}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            found += service.methods
    return found


METHODS = methods()
named = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with server(tmp_path_factory.mktemp("whole") / "data") as process:
        yield process


def call(running, method: MethodDescriptor, request: bytes, metadata):
    """Calls with raw bytes; returns the error, or None."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    with running.channel() as channel:
        try:
            if method.client_streaming:
                answers = channel.stream_stream(path)(
                    iter([request]), metadata=metadata, timeout=TIMEOUT
                )
                next(answers, None)
                answers.cancel()
            elif method.server_streaming:
                answers = channel.unary_stream(path)(request, metadata=metadata, timeout=TIMEOUT)
                next(answers, None)
                answers.cancel()
            else:
                channel.unary_unary(path)(request, metadata=metadata, timeout=TIMEOUT)
        except grpc.RpcError as error:
            return error
    return None


def reason_of(error: grpc.RpcError) -> str:
    """The reason of an error, which every one has."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    [info] = [
        detail
        for detail in status.details
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)  # type: ignore[attr-defined]
    ]
    found = error_details_pb2.ErrorInfo()  # type: ignore[attr-defined]
    info.Unpack(found)
    assert found.domain == "kairos"
    assert found.reason in REASONS
    return str(found.reason)


@named
def test_a_call_without_a_key_is_refused(running, method):
    error = call(running, method, b"", ())
    assert error is not None
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason_of(error) == "CREDENTIAL_MISSING"


@named
def test_bytes_that_are_no_message_are_refused(running, method):
    error = call(running, method, b"\xff\xff\xff", running.metadata())
    assert error is not None
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        assert reason_of(error) == "NOT_IMPLEMENTED"
    else:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(error) == "WIRE_MALFORMED"


@named
def test_an_empty_request_is_answered_or_refused_with_a_reason(running, method):
    error = call(running, method, b"", running.metadata())
    if error is not None:
        assert error.code() in CODES, error
        reason_of(error)


@named
def test_a_contract_test_calls_it(method):
    """The generated client spells the method's name, and so does every test that calls it."""
    texts = [
        path.read_text()
        for folder in ("contract", "e2e", "attack")
        for path in (ROOT / "tests" / folder).glob("*.py")
        if path.name != Path(__file__).name
    ]
    word = re.compile(rf"\b{method.name}\b")
    assert any(word.search(text) for text in texts)


@named
def test_it_has_a_path_for_rest_and_a_comment(method):
    proto = ROOT / "proto" / f"{method.containing_service.file.name}"
    text = proto.read_text()
    found = re.search(rf"((?:^  //.*\n)+)  rpc {method.name}\(", text, re.MULTILINE)
    assert found, method.full_name
    assert len(found[1]) > 40
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    assert method.client_streaming or rule.WhichOneof("pattern")
