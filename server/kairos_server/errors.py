"""What a refused call is told: one table from reason to gRPC code, rule and remedy, and its
google.rpc.Status bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from kairos.v1 import error_pb2

DOMAIN: Final = "kairos"
SEEN_SIZE_MAX: Final = 64
VIOLATIONS_MAX: Final = 100


class Code(IntEnum):
    """The canonical codes of google.rpc.Code; transports translate them into their own."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class Row:
    """One reason: the code, the rule that was broken, what to do,
    and after which delay a repeat makes sense.
    """

    code: Code
    rule: str
    remedy: str
    retry_us: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault in a request: where it is, and a sentence that says what is
    wrong and what to do.
    """

    field: str
    description: str


def _bad(rule: str, remedy: str) -> Row:
    return Row(Code.INVALID_ARGUMENT, rule, remedy)


ROWS: Final[Mapping[str, Row]] = {
    "SUBJECT_MISSING": _bad(
        "it must not be empty", "Send the identifier of the user, account or device"
    ),
    "SUBJECT_INVALID": _bad(
        "it may have at most 256 bytes", "Send a shorter identifier, for example a hash of it"
    ),
    "EVENT_TYPE_MISSING": _bad(
        "it must not be empty", "Say what happened, for example `page_view`"
    ),
    "EVENT_TYPE_INVALID": _bad(
        "it may have at most 128 bytes", "Use a short type and put the rest into attributes"
    ),
    "EVENT_ID_INVALID": _bad(
        "it may have at most 128 bytes", "Send a shorter id, for example a UUID"
    ),
    "TIME_TOO_OLD": _bad(
        "the event is older than the tenant accepts (8 days unless set otherwise)",
        "Import old events into a tenant with time mode `event`",
    ),
    "TIME_TOO_NEW": _bad(
        "the event lies further in the future than the tenant accepts (5 minutes unless set "
        "otherwise)",
        "Check the sender's clock and that the unit is microseconds",
    ),
    "TIME_INVALID": _bad(
        "it must lie between 1970-01-01 and 9999-12-31 UTC",
        "Send microseconds since 1970-01-01 UTC",
    ),
    "ATTRIBUTE_NAME_MISSING": _bad("an attribute needs a name or a dictionary id", "Set `name`"),
    "ATTRIBUTE_NAME_INVALID": _bad(
        "a name has at most 128 bytes, no empty part between dots, and excludes `name_id`",
        "Correct the name",
    ),
    "ATTRIBUTE_VALUE_MISSING": _bad(
        "an attribute needs a value", "Set a value; to say null, set `null_value`"
    ),
    "ATTRIBUTE_DUPLICATE": _bad(
        "an attribute may be given once, in one spelling",
        "Remove one of the two; timeOnPage and time_on_page are one name",
    ),
    "ATTRIBUTE_RESERVED": _bad(
        "this is the name of a field of the message", "Set the field instead"
    ),
    "ATTRIBUTE_ID_UNKNOWN": _bad(
        "the id is not in the tenant's dictionary", "Send the name, or read the dictionary again"
    ),
    "ATTRIBUTE_TYPE_MISMATCH": _bad(
        "the value's type is not the one in the tenant's schema",
        "Send the type of the schema, or change the schema",
    ),
    "ATTRIBUTE_COUNT_EXCEEDED": _bad(
        "an event may have 256 attributes, 64 traits and 64 consents",
        "Send fewer, or split the event",
    ),
    "STRING_TOO_LONG": _bad(
        "a string may have 8,192 bytes, a trait's string 1,024", "Shorten it, or send a reference"
    ),
    "UTF8_INVALID": _bad("text must be valid UTF-8", "Encode the text as UTF-8"),
    "NUMBER_INVALID": _bad(
        "a number must be finite", "Leave the attribute out, or set `null_value`"
    ),
    "ENUM_INVALID": _bad(
        "the number is not a value of the enum", "Use a value of the published contract"
    ),
    "TENANT_MISMATCH": Row(
        Code.PERMISSION_DENIED,
        "it must be empty or the tenant of the credential",
        "Leave it empty, or use that tenant's key",
    ),
    "CONSENT_PURPOSE_UNKNOWN": _bad(
        "the purpose is not in the tenant's schema", "Add it to `purposes` of the schema first"
    ),
    "CONSENT_STATUS_INVALID": _bad("a consent is either granted or denied", "Set the status"),
    "EVENT_TOO_LARGE": _bad(
        "one event may have 65,536 bytes", "Send less, or references to large content"
    ),
    "WIRE_MALFORMED": _bad(
        "the bytes are not a message of the expected type",
        "Encode the request with the published .proto files",
    ),
    "CURRENCY_INVALID": _bad(
        "money is `value_minor` together with a `currency_code` of three upper-case letters",
        "Send both, or neither",
    ),
    "SESSION_INVALID": _bad("it may have at most 256 bytes", "Send a shorter session id"),
    "TIME_NOT_ALLOWED": _bad(
        "only event-time tenants may choose the time, and not before their present",
        "Leave it out, or choose a later time",
    ),
    "BATCH_EMPTY": _bad("a batch needs at least one event", "Send 1 to 1,000 events"),
    "BATCH_TOO_LARGE": _bad("a batch may hold 1,000 events", "Split the batch"),
    "REQUEST_TOO_LARGE": Row(
        Code.RESOURCE_EXHAUSTED, "a message may have 4,194,304 bytes", "Split the request"
    ),
    "PLACEMENT_UNKNOWN": Row(
        Code.NOT_FOUND,
        "the active plan has no placement of this name",
        "Use a placement of the plan, or apply one",
    ),
    "MAX_VARIANTS_INVALID": _bad("it may be at most 100", "Ask for 1 to 100; 0 means 1"),
    "TENANT_UNKNOWN": Row(
        Code.NOT_FOUND, "the server has no such tenant", "Add it to the tenants file and restart"
    ),
    "PLAN_MISSING": Row(
        Code.FAILED_PRECONDITION,
        "the tenant has no plan to use",
        "Apply documents and activate the plan",
    ),
    "TRIGGER_UNKNOWN": Row(
        Code.NOT_FOUND,
        "the active plan has no trigger of this name",
        "Use an id of the active plan",
    ),
    "SUBJECT_NOT_FOUND": Row(
        Code.NOT_FOUND, "no event of this subject was ever accepted", "Check the identifier"
    ),
    "PLAN_UNKNOWN": Row(
        Code.NOT_FOUND,
        "the tenant has no plan of this id",
        "List the plans, then use one of their ids",
    ),
    "DOCUMENT_INVALID": _bad(
        "a document is refused", "Correct what the violations name, then apply again"
    ),
    "ETAG_MISMATCH": Row(
        Code.ABORTED,
        "the document changed since it was read",
        "Read it again, repeat the change, then apply",
    ),
    "CREDENTIAL_MISSING": Row(
        Code.UNAUTHENTICATED,
        "the call has no API key",
        "Send metadata `authorization: Bearer <key>` or `x-api-key: <key>`",
    ),
    "CREDENTIAL_INVALID": Row(
        Code.UNAUTHENTICATED,
        "the API key is not known",
        "Check the key; `kairos key new` makes one with its hash",
    ),
    "PAGE_INVALID": _bad(
        "the page token must come from this method and the page size must not be negative",
        "Start again without a token",
    ),
    "PLACEMENT_MISSING": _bad(
        "it must not be empty", "Name the placement, for example `homepage_hero`"
    ),
    "EVENT_MISSING": _bad("the request holds no event", "Set `event`"),
    "QUEUE_FULL": Row(
        Code.RESOURCE_EXHAUSTED,
        "the server has as much work as it takes",
        "Try again after the delay",
        50_000,
    ),
    "DISK_FULL": Row(
        Code.RESOURCE_EXHAUSTED,
        "the disk is full; nothing was lost, reads go on",
        "Free space, then try again",
        5_000_000,
    ),
    "MAP_FULL": Row(
        Code.RESOURCE_EXHAUSTED,
        "the view has reached its map size; nothing was lost, reads go on",
        "Restart with a greater --map-size, then try again",
        30_000_000,
    ),
    "DRAINING": Row(
        Code.UNAVAILABLE,
        "the server is shutting down",
        "Try another server, or again after the delay",
        1_000_000,
    ),
    "DEADLINE_TOO_SHORT": Row(
        Code.DEADLINE_EXCEEDED,
        "the time left is too short to do the work",
        "Allow the call more time",
    ),
    "NOT_IMPLEMENTED": Row(
        Code.UNIMPLEMENTED,
        "this server does not serve the method",
        "Check the method's name against the published contract",
    ),
}


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
