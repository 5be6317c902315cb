"""Single documents of `kairos documents`: get, list, history, delete, schema."""

import argparse
import getpass
import sys

from kairos.v1 import document_pb2, document_service_pb2
from kairos.v1.document_service_pb2_grpc import DocumentServiceStub

from kairos_server.commands.arguments import action_add
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, output_add, time_text
from kairos_server.commands.pages import pages
from kairos_server.exits import CommandFailed, Exit

PAGE_SIZE = 100
# Bodies may be large, and lists do not show them.
LIST_FIELDS = (
    "kind", "document_id", "version", "etag", "state", "update_time_us", "author", "note",
)  # fmt: skip
COLUMNS = (
    Column("kind", lambda row: row.kind),
    Column("id", lambda row: row.document_id),
    Column("version", lambda row: row.version),
    Column("state", lambda row: state_text(row.state)),
    Column("updated", lambda row: time_text(row.update_time_us)),
    Column("author", lambda row: row.author or None),
    Column("note", lambda row: row.note or None),
)
VERSIONS = (
    Column("version", lambda row: row.document.version),
    Column("change", lambda row: change_text(row.change)),
    Column("state", lambda row: state_text(row.document.state)),
    Column("stored", lambda row: time_text(row.document.update_time_us)),
    Column("author", lambda row: row.document.author or None),
    Column("note", lambda row: row.document.note or None),
)


def calls_add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the actions on single documents."""
    shown = action_add(
        actions, "list", "list the stored documents", run_list,
        ("kairos documents list", "kairos documents list --kind trigger --json"),
    )  # fmt: skip
    shown.add_argument("--kind", default="", help="only this kind")
    shown.add_argument("--prefix", default="", metavar="TEXT", help="only ids that begin so")
    get = action_add(
        actions, "get", "print a document as it is stored", run_get,
        ("kairos documents get trigger/big_basket > big_basket.yaml",),
    )  # fmt: skip
    get.add_argument("--version", type=int, default=0, metavar="N", help="a version of its history")
    history = action_add(
        actions, "history", "list the versions of a document, newest first", run_history,
        ("kairos documents history trigger/big_basket",),
    )  # fmt: skip
    delete = action_add(
        actions, "delete", "remove a document; its history stays", run_delete,
        ("kairos documents delete trigger/big_basket --note 'campaign over'",),
    )  # fmt: skip
    delete.add_argument("--dry-run", action="store_true", help="only say whether it can be")
    delete.add_argument("--author", default="", help="who removes (default: the user)")
    delete.add_argument("--note", default="", help="why")
    for child in (get, history, delete):
        child.add_argument("name", metavar="KIND/ID", help="for example trigger/big_basket")
    for child in (shown, get, history, delete):
        output_add(child)
        connection_add(child)


def run_list(parsed: argparse.Namespace) -> int:
    """Lists documents. Errors: CommandFailed."""
    request = document_service_pb2.ListDocumentsRequest(
        kind=parsed.kind, id_prefix=parsed.prefix, page_size=PAGE_SIZE
    )
    request.read_mask.paths.extend(LIST_FIELDS)
    with Server(parsed) as server:
        method = server.stub(DocumentServiceStub).ListDocuments
        rows = list(pages(server, method, request, lambda page: page.documents))
    Output(parsed).table(rows, COLUMNS, "no document yet; `kairos documents apply` stores some")
    return Exit.OK


def run_get(parsed: argparse.Namespace) -> int:
    """Prints one document. Errors: CommandFailed."""
    kind, document_id = name_read(parsed.name)
    request = document_service_pb2.GetDocumentRequest(
        kind=kind, document_id=document_id, version=parsed.version
    )
    with Server(parsed) as server:
        document = server.call(server.stub(DocumentServiceStub).GetDocument, request).document
    output = Output(parsed)
    output.message(document)
    if output.text:
        sys.stdout.write(document.body if document.body.endswith("\n") else document.body + "\n")
    return Exit.OK


def run_history(parsed: argparse.Namespace) -> int:
    """Lists versions. Errors: CommandFailed."""
    kind, document_id = name_read(parsed.name)
    request = document_service_pb2.ListDocumentVersionsRequest(
        kind=kind, document_id=document_id, page_size=PAGE_SIZE
    )
    request.read_mask.paths.extend(LIST_FIELDS)
    with Server(parsed) as server:
        method = server.stub(DocumentServiceStub).ListDocumentVersions
        rows = list(pages(server, method, request, lambda page: page.versions))
    Output(parsed).table(rows, VERSIONS)
    return Exit.OK


def run_delete(parsed: argparse.Namespace) -> int:
    """Removes a document. Errors: CommandFailed."""
    kind, document_id = name_read(parsed.name)
    request = document_service_pb2.DeleteDocumentRequest(
        kind=kind,
        document_id=document_id,
        validate_only=parsed.dry_run,
        author=parsed.author or getpass.getuser(),
        note=parsed.note,
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(DocumentServiceStub).DeleteDocument, request)
    output = Output(parsed)
    output.message(answer)
    output.lines(f"warning: {warning}" for warning in answer.warnings)
    output.line(f"{parsed.name} {'can be' if parsed.dry_run else 'is'} removed")
    return Exit.OK


def name_read(text: str) -> tuple[str, str]:
    """Returns kind and id of `kind/id`. Errors: CommandFailed."""
    kind, separator, document_id = text.partition("/")
    if not separator or not kind or not document_id:
        raise CommandFailed(Exit.USAGE, f"`{text}` is not kind/id, for example trigger/big_basket.")
    return kind, document_id


def state_text(state: int) -> str:
    """Returns a state as its lower-case name."""
    name = document_pb2.DocumentState.Name(state)  # type: ignore[arg-type, unused-ignore]
    return name.removeprefix("DOCUMENT_STATE_").lower()


def change_text(change: int) -> str:
    """Returns a change as its lower-case name."""
    name = document_pb2.DocumentChange.Name(change)  # type: ignore[arg-type, unused-ignore]
    return name.removeprefix("DOCUMENT_CHANGE_").lower()
