"""What a call raises when it fails: one exception class for each family of reasons."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that broke a rule."""

    field: str
    """Path of the field, for example `event.attributes[3].name`."""
    description: str
    """The value seen, the rule, and what to do."""


class KairosError(Exception):
    """A call that failed; `str(error)` is the server's sentence.

    `except kairos.KairosError` catches whatever a server or the way to it can cause. The subclasses
    follow the code; `reason` tells cases of one code apart.
    """

    code: str
    """Name of the gRPC status code, for example `INVALID_ARGUMENT`."""
    reason: str
    """Name in kairos.v1.ErrorReason without prefix, for example `SUBJECT_MISSING`; empty where the
    failure did not come from the server.
    """
    field: str
    """The field that was wrong; empty where none was."""
    seen: str
    """The value seen there, shortened."""
    violations: tuple[Violation, ...]
    retry_after: float | None
    """Seconds after which the server wants to be asked again; None: it did not say."""
    request_id: str
    """The id that the client sent along as `x-request-id`, the same for every try of a call."""
    method: str
    """Full name of the method, for example `/kairos.v1.IngestService/Ingest`."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = facts.get("code", "UNKNOWN")
        self.reason = facts.get("reason", "")
        self.field = facts.get("field", "")
        self.seen = facts.get("seen", "")
        self.violations = tuple(facts.get("violations", ()))
        self.retry_after = facts.get("retry_after")
        self.request_id = facts.get("request_id", "")
        self.method = facts.get("method", "")

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: value for name, value in self.__dict__.items() if name != "message"}
        return _restored, (type(self), self.message, facts)


class InvalidRequest(KairosError):
    """The request breaks a rule; sending it again is of no use."""


class Unauthenticated(KairosError):
    """There is no API key, or the server does not know it."""


class PermissionDenied(KairosError):
    """The API key does not allow this."""


class NotFound(KairosError):
    """What the request names does not exist."""


class AlreadyExists(KairosError):
    """What the request makes exists already."""


class Conflict(KairosError):
    """Somebody else changed it meanwhile: read again, repeat the change."""


class FailedPrecondition(KairosError):
    """The server is not in a state for this, for example without an active plan."""


class Overloaded(KairosError):
    """The server has no room now; `retry_after` says when to try again."""


class Unavailable(KairosError):
    """The server cannot be reached, or is shutting down."""


class DeadlineExceeded(KairosError):
    """No answer came in time. Whether the call had an effect is not known."""


class Cancelled(KairosError):
    """The caller, or the end of the client, cancelled the call."""


class Unimplemented(KairosError):
    """The server does not serve this method."""


class ServerFailed(KairosError):
    """The server broke while it answered; its log says why."""


FAMILIES: Final[dict[str, type[KairosError]]] = {
    "INVALID_ARGUMENT": InvalidRequest,
    "OUT_OF_RANGE": InvalidRequest,
    "UNAUTHENTICATED": Unauthenticated,
    "PERMISSION_DENIED": PermissionDenied,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "ABORTED": Conflict,
    "FAILED_PRECONDITION": FailedPrecondition,
    "RESOURCE_EXHAUSTED": Overloaded,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": Cancelled,
    "UNIMPLEMENTED": Unimplemented,
    "INTERNAL": ServerFailed,
    "UNKNOWN": ServerFailed,
    "DATA_LOSS": ServerFailed,
}


def error_of(failure: grpc.RpcError, method: str = "", request_id: str = "") -> KairosError:
    """Returns the exception for a failed call of grpc or grpc.aio."""
    # The type stubs do not say that every RpcError of a call is a Call too.
    call: Any = failure
    code = call.code().name
    facts: dict[str, Any] = {"code": code, "method": method, "request_id": request_id}
    for packed in _details(call.trailing_metadata() or ()):
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(packed.value)
            facts["reason"] = info.reason
            facts["field"] = info.metadata.get("field", "")
            facts["seen"] = info.metadata.get("seen", "")
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            broken = error_details_pb2.BadRequest.FromString(packed.value).field_violations
            facts["violations"] = [Violation(one.field, one.description) for one in broken]
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            delay = error_details_pb2.RetryInfo.FromString(packed.value).retry_delay
            facts["retry_after"] = delay.seconds + delay.nanos / 1e9
    return FAMILIES.get(code, KairosError)(call.details() or code, **facts)


def _details(metadata: Iterable[tuple[str, str | bytes]]) -> list[Any]:
    for name, value in metadata:
        if name == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return list(status_pb2.Status.FromString(value).details)
            except DecodeError:
                # A proxy cut it; code and message still say what happened.
                return []
    return []


def _restored(kind: type[KairosError], message: str, facts: dict[str, Any]) -> KairosError:
    return kind(message, **facts)
