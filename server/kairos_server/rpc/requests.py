"""What the services of administration read of every request: message, caller, bounds."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from kairos.v1 import document_pb2

from kairos_server.administration import (
    Actor,
    DocumentStore,
    Edit,
    Outcome,
    request_id_check,
)
from kairos_server.catalog import DocumentInput, DocumentsRefused
from kairos_server.errors import Refused, Violation
from kairos_server.limits import Limits
from kairos_server.rpc.auth import key_id
from kairos_server.rpc.call import Call
from kairos_server.rpc.guard import refusals

_M = TypeVar("_M", bound=Message)


def parsed(kind: type[_M], request: bytes) -> _M:
    """Returns the message of a request's bytes.

    Errors: Refused(WIRE_MALFORMED)
    """
    message = kind()
    try:
        message.ParseFromString(request)
    except DecodeError as error:
        raise Refused("WIRE_MALFORMED") from error
    return message


def actor_of(
    call: Call,
    limits: Limits,
    request: bytes,
    *,
    author: str = "",
    note: str = "",
    request_id: str = "",
) -> Actor:
    """Returns who calls, as documents and audit keep it.

    Errors: Refused(DOCUMENT_INVALID) for a text beyond its limit; Refused(REQUEST_ID_INVALID)
    """
    size_check("author", author, limits.author_size_max)
    size_check("note", note, limits.note_size_max)
    request_id_check(request_id)
    digest = ""
    if request_id:
        content = call.method.encode() + b"\n" + request
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return Actor(
        call.received_us, author, note, call.peer, key_id(call.metadata), call.method, request_id,
        digest,
    )  # fmt: skip


def inputs_of(
    documents: Sequence[document_pb2.Document], removed: Sequence[str], limits: Limits
) -> list[DocumentInput]:
    """Returns the documents of a request.

    Errors: Refused(DOCUMENT_INVALID) beyond the limits of one call
    """
    if len(documents) + len(removed) > limits.documents_max:
        raise invalid(
            "documents", f"one call may change {limits.documents_max} documents; split the call"
        )
    for index, document in enumerate(documents):
        size_check(f"documents[{index}].body", document.body, limits.document_size_max)
    return [
        DocumentInput(body=document.body, kind=document.kind, document_id=document.document_id)
        for document in documents
    ]


def size_check(field: str, text: str, size_max: int) -> None:
    """Refuses a text of more than `size_max` bytes.

    Errors: Refused(DOCUMENT_INVALID)
    """
    if len(text.encode()) > size_max:
        raise invalid(field, f"it may have at most {size_max} bytes; shorten it")


def invalid(field: str, description: str) -> Refused:
    """Returns a refusal for one fault of a request."""
    return Refused("DOCUMENT_INVALID", violations=[Violation(field, description)])


def required(field: str, value: str) -> str:
    """Returns a value that must not be empty.

    Errors: Refused(FIELD_REQUIRED)
    """
    if not value:
        raise Refused("FIELD_REQUIRED", field)
    return value


async def edit_once(
    store: DocumentStore, call: Call, edit: Edit, act: Callable[[], Awaitable[Outcome]]
) -> bytes:
    """Returns the answer of an edit; the first one, where the request is a repeat.

    Errors: Refused
    """

    async def answered() -> bytes:
        outcome = await act()
        assert edit.respond is not None
        return edit.response or edit.respond(outcome)

    try:
        with refusals():
            return await store.once(call.tenant, edit.actor, answered)
    except DocumentsRefused as refused:
        raise documents_refused(refused) from None


def warnings_of(outcome: Outcome, name: str) -> list[str]:
    """Returns the warnings of a plan that speak of one document; all of a draft's."""
    if outcome.row is None:
        return list(outcome.warnings)
    return [text for text in outcome.warnings if text.startswith(f"{name}:")]


def documents_refused(refused: DocumentsRefused) -> Refused:
    """Returns the refusal that tells every fault of documents."""
    faults = [
        Violation(
            f"{fault.document}: {fault.path}" if fault.path else fault.document,
            f"{fault.reason}: {fault.description}",
        )
        for fault in refused.violations
    ]
    return Refused("DOCUMENT_INVALID", violations=faults)
