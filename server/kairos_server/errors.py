"""What a refused call is told: the row of its reason (errors_table.py) as text and as
google.rpc.Status bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from kairos.v1 import error_pb2

from kairos_server.errors_table import ROWS, Code, Row

__all__ = [
    "DOMAIN",
    "ROWS",
    "SEEN_SIZE_MAX",
    "VIOLATIONS_MAX",
    "Code",
    "Failed",
    "Refused",
    "Row",
    "Violation",
    "reason_name",
    "refusal_texts",
    "refused_by_engine",
    "refused_text",
    "seen_shorten",
]

DOMAIN: Final = "kairos"
SEEN_SIZE_MAX: Final = 64
VIOLATIONS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault in a request: where it is, and a sentence that says what is
    wrong and what to do.
    """

    field: str
    description: str


class Refused(Exception):
    """A call that is refused.

    `reason` is a name of kairos.v1.ErrorReason without prefix; transports send `status_bytes`.
    """

    def __init__(
        self,
        reason: str,
        field: str = "",
        seen: str = "",
        *,
        violations: Sequence[Violation] = (),
        retry_us: int = 0,
    ) -> None:
        row = ROWS[reason]
        self.reason = reason
        self.code = row.code
        self.field = field
        self.seen = seen_shorten(seen)
        self.violations = tuple(violations[:VIOLATIONS_MAX])
        self.retry_us = retry_us or row.retry_us
        self.message = refused_text(row, field, self.seen, self.violations, len(violations))
        super().__init__(f"{reason}: {self.message}")

    def status_bytes(self) -> bytes:
        """Returns the encoded google.rpc.Status with ErrorInfo and, where they say something,
        BadRequest and RetryInfo.
        """
        details: list[any_pb2.Any] = []
        metadata = {
            name: text for name, text in (("field", self.field), ("seen", self.seen)) if text
        }
        _detail(
            details,
            error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=metadata),
        )
        violations = self.violations
        if not violations and self.code is Code.INVALID_ARGUMENT and self.field:
            violations = (Violation(self.field, self.message),)
        if violations:
            faults = [
                error_details_pb2.BadRequest.FieldViolation(
                    field=fault.field, description=fault.description, reason=self.reason
                )
                for fault in violations
            ]
            _detail(details, error_details_pb2.BadRequest(field_violations=faults))
        if self.retry_us:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMicroseconds(self.retry_us)
            _detail(details, retry)
        return bytes(
            status_pb2.Status(
                code=int(self.code), message=self.message, details=details
            ).SerializeToString()
        )


class Failed(Exception):
    """A call that cannot be answered because the server broke.

    The caller learns no detail; the log has it.
    """

    code: Final = Code.INTERNAL
    reason: Final = "INTERNAL"
    message: Final = (
        "The server could not finish this call. Its log says why; the request may be repeated."
    )

    def status_bytes(self) -> bytes:
        """Returns the encoded google.rpc.Status, without details."""
        return bytes(
            status_pb2.Status(code=int(self.code), message=self.message).SerializeToString()
        )


def refused_by_engine(status: int, field: str, seen: str) -> Refused:
    """Returns the refusal for a public native status.

    Errors: KeyError for an internal status (128 and above): those never leave the process.
    """
    return Refused(reason_name(status), field, seen)


def reason_name(status: int) -> str:
    """Returns the reason's name without prefix.

    Errors: KeyError when no public reason has this number.
    """
    value = error_pb2.ErrorReason.DESCRIPTOR.values_by_number.get(status)
    if value is None or status == 0:
        raise KeyError(f"status {status} is not public")
    return value.name.removeprefix("ERROR_REASON_")


def refusal_texts() -> dict[str, str]:
    """Returns reason -> rule and remedy: the words with which the core describes refused
    events of a batch.
    """
    return {reason: f"{row.rule}. {row.remedy}." for reason, row in ROWS.items()}


def refused_text(
    row: Row, field: str, seen: str, violations: Sequence[Violation], violation_count: int
) -> str:
    """Returns the public text: the field and the value seen, the rule, what to do."""
    where = f"{field}: " if field else ""
    value = f" (seen: {seen})" if seen else ""
    first = ""
    if violations:
        more = f" and {violation_count - 1} more" if violation_count > 1 else ""
        first = f" First fault: {violations[0].field}: {violations[0].description}{more}."
    rule = row.rule if where else row.rule[0].upper() + row.rule[1:]
    return f"{where}{rule}{value}. {row.remedy}.{first}"


def seen_shorten(seen: str) -> str:
    """Returns a value fit for an error text: printable, at most 64 characters."""
    text = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in seen[: SEEN_SIZE_MAX + 1]
    )
    return text if len(text) <= SEEN_SIZE_MAX else text[: SEEN_SIZE_MAX - 1] + "…"


def _detail(
    details: list[any_pb2.Any],
    message: error_details_pb2.ErrorInfo
    | error_details_pb2.BadRequest
    | error_details_pb2.RetryInfo,
) -> None:
    packed = any_pb2.Any()
    packed.Pack(message)
    details.append(packed)
