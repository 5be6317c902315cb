"""The table of refusals: reason -> gRPC code, the rule that was broken, what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


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
    "PRODUCER_INVALID": _bad(
        "`producer_id` has at most 128 bytes and goes with a `producer_sequence` from 1",
        "Send both or neither",
    ),
    "IDENTIFIER_INVALID": _bad(
        "an identifier has a type and a value of 1 to 256 bytes that fits the type",
        "Correct or leave out the identifier",
    ),
    "IDENTIFIER_COUNT_EXCEEDED": _bad("an event may carry 16 identifiers", "Send fewer"),
    "ATTRIBUTE_UNKNOWN": _bad(
        "the tenant's schema does not name this attribute and refuses unknown ones",
        "Add it to the schema, or leave it out",
    ),
    "ATTRIBUTE_REQUIRED": _bad(
        "the tenant's schema requires this attribute of the event type", "Send it"
    ),
    "CONSENT_LEVEL_INVALID": _bad(
        "the consent level does not allow events of this kind to be processed",
        "Do not send it, or obtain consent",
    ),
    "RETENTION_INVALID": _bad(
        "the retention is not one that the server can keep", "Send `1_days` to `3650_days`"
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
    "DOCUMENT_NOT_FOUND": Row(
        Code.NOT_FOUND, "there is no document of this name", "List the documents to see the names"
    ),
    "DOCUMENT_EXISTS": Row(
        Code.ALREADY_EXISTS,
        "a document of this name exists already",
        "Choose another id, or update it",
    ),
    "FIELD_MASK_INVALID": _bad(
        "a path of the mask is not a field of the resource that this method takes",
        "Name fields of the resource in snake_case, or leave the mask out",
    ),
    "REQUEST_ID_INVALID": _bad("a request id has at most 64 bytes", "Send a UUID"),
    "REQUEST_ID_REUSED": _bad(
        "the request id was used for another request", "Draw a new id for each new request"
    ),
    "NAME_INVALID": _bad(
        "the name is not of the form that the field asks for", "Send it as the answer gave it"
    ),
    "EFFECT_NOT_FOUND": Row(
        Code.NOT_FOUND,
        "there is no such effect waiting: it was acknowledged or dead-lettered, or never existed",
        "Do nothing; whoever holds the lease now finishes it",
    ),
    "LEASE_LOST": Row(
        Code.FAILED_PRECONDITION,
        "the lease ended or belongs to another worker",
        "Stop work on the effect; it was or will be handed out again",
    ),
    "LINK_NOT_FOUND": Row(
        Code.NOT_FOUND, "there is no link of this id", "List the links of the subject"
    ),
    "LINK_REFUSED": Row(
        Code.FAILED_PRECONDITION,
        "the link would join what the identity policy keeps apart, or make a group too large",
        "Unlink first, or leave them apart",
    ),
    "DECISION_NOT_FOUND": Row(
        Code.NOT_FOUND,
        "the log holds no decision of this id",
        "Ask again after 0.1 s if it was just made; old segments may be gone",
    ),
    "FIELD_REQUIRED": _bad("the field is required", "Set it"),
    "FIELD_INVALID": _bad(
        "the field has a value that the method does not take", "See the contract of the field"
    ),
    "FILTER_INVALID": _bad("the filter cannot be read", "See the contract of the field"),
    "ACCESS_DENIED": Row(
        Code.PERMISSION_DENIED,
        "the credential does not allow this",
        "Ask the operator for another key",
    ),
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
    "STREAM_BEHIND": Row(
        Code.RESOURCE_EXHAUSTED,
        "the reader was slower than the stream for too long",
        "Connect again, and read faster or ask for less",
        1_000_000,
    ),
}
