"""`kairos documents`: a folder of documents as the source of what the server decides by."""

import argparse
import getpass
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kairos.v1 import document_pb2, document_service_pb2, plan_service_pb2
from kairos.v1.document_service_pb2_grpc import DocumentServiceStub
from kairos.v1.plan_service_pb2_grpc import PlanServiceStub

from kairos_server.catalog import DocumentsRefused, FolderDocument, read_folder
from kairos_server.catalog.documents import KINDS
from kairos_server.catalog.json_schema import all_schemas
from kairos_server.commands.arguments import action_add, actions_add
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.document_calls import calls_add, change_text
from kairos_server.commands.output import Output, output_add
from kairos_server.exits import CommandFailed, Exit

ANY: Final = "document"
SIGNS: Final = {"added": "+", "changed": "~", "removed": "-", "drafted": "?"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    apply = action_add(
        actions, "apply", "store the documents of a folder and activate the plan of all", run_apply,
        (
            "kairos documents apply rules/ --dry-run",
            "kairos documents apply rules/ --prune --note 'summer rules'",
        ),
    )  # fmt: skip
    apply.add_argument("--dry-run", action="store_true", help="show the changes; store nothing")
    apply.add_argument(
        "--no-activate", action="store_true", help="store the plan, but let the present one decide"
    )
    apply.add_argument("--author", default="", help="who applies (default: the user)")
    apply.add_argument("--note", default="", help="why")
    diff = action_add(
        actions, "diff", "compare a folder with what is stored", run_diff,
        ("kairos documents diff rules/", "kairos documents diff rules/ --text"),
    )  # fmt: skip
    validate = action_add(
        actions, "validate", "say everything that is wrong with a folder", run_validate,
        ("kairos documents validate rules/",),
    )  # fmt: skip
    for child in (apply, diff):
        child.add_argument(
            "--text", action="store_true", help="show changed lines, not changed values"
        )
    for child in (apply, diff, validate):
        child.add_argument(
            "folder", metavar="FOLDER", help="folder of YAML and JSON files, or one file"
        )
        child.add_argument(
            "--prune", action="store_true", help="what is stored and not in the folder is removed"
        )
        output_add(child)
        connection_add(child)
    schema = action_add(
        actions, "schema", "print the JSON Schema of a kind of document, for editors", run_schema,
        (
            "kairos documents schema > .kairos.schema.json    # of all kinds",
            "kairos documents schema trigger",
        ),
    )  # fmt: skip
    schema.add_argument("kind", nargs="?", default=ANY, choices=(ANY, *KINDS), metavar="KIND")
    calls_add(actions)


def run_apply(parsed: argparse.Namespace) -> int:
    """Validates, shows the changes, applies. Errors: CommandFailed."""
    output = Output(parsed)
    documents = folder_read(parsed.folder)
    with Server(parsed) as server:
        stub = server.stub(DocumentServiceStub)
        if not _validate(server, stub, parsed, documents, output):
            return Exit.REFUSED
        diffs = _diffs(server, stub, documents, prune=parsed.prune)
        diffs_show(output, diffs, text=parsed.text)
        if parsed.dry_run:
            return Exit.OK
        request = plan_service_pb2.ApplyDocumentsRequest(
            documents=_messages(documents),
            removed_names=[
                f"{row.kind}/{row.document_id}"
                for row in diffs
                if row.change == document_pb2.DOCUMENT_CHANGE_REMOVED
            ],
            activate=not parsed.no_activate,
            author=parsed.author or getpass.getuser(),
            note=parsed.note,
        )
        answer = server.call(server.stub(PlanServiceStub).ApplyDocuments, request)
    output.message(answer.plan)
    state = "active" if answer.plan.active else "stored; `kairos plan activate` makes it decide"
    output.line(f"plan {answer.plan.plan_id} is {state}")
    return Exit.OK


def run_diff(parsed: argparse.Namespace) -> int:
    """Shows the changes; REFUSED when there are any, as `diff` does. Errors: CommandFailed."""
    documents = folder_read(parsed.folder)
    with Server(parsed) as server:
        diffs = _diffs(server, server.stub(DocumentServiceStub), documents, prune=parsed.prune)
    diffs_show(Output(parsed), diffs, text=parsed.text)
    return Exit.REFUSED if diffs else Exit.OK


def run_validate(parsed: argparse.Namespace) -> int:
    """Says what is wrong; REFUSED when something is. Errors: CommandFailed."""
    output = Output(parsed)
    documents = folder_read(parsed.folder)
    with Server(parsed) as server:
        valid = _validate(server, server.stub(DocumentServiceStub), parsed, documents, output)
    if valid:
        output.line(f"{len(documents)} documents are valid")
    return Exit.OK if valid else Exit.REFUSED


def run_schema(parsed: argparse.Namespace) -> int:
    """Prints a schema; needs no server."""
    sys.stdout.write(json.dumps(all_schemas()[parsed.kind], indent=2, ensure_ascii=False) + "\n")
    return Exit.OK


def folder_read(path: str) -> list[FolderDocument]:
    """Returns the documents of a folder. Errors: CommandFailed, after the faults as
    `file:line: fault` on standard error.
    """
    try:
        found = read_folder(path)
    except DocumentsRefused as refused:
        for fault in refused.violations:
            _fault_write(_shown(path, fault.document), fault.path, fault.description)
        raise CommandFailed(
            Exit.REFUSED, f"{path}: {_count(len(refused.violations), 'fault')}; nothing was sent."
        ) from None
    except OSError as error:
        raise CommandFailed(Exit.NO_INPUT, f"{error.filename or path}: {error.strerror}.") from None
    if not found:
        raise CommandFailed(Exit.NO_INPUT, f"{path}: holds no .yaml, .yml or .json document.")
    return found


def diffs_show(
    output: Output, diffs: Iterable[document_pb2.DocumentDiff], *, text: bool = False
) -> None:
    """Writes what would change: a line per document, and its values or lines below it."""
    counts = dict.fromkeys(SIGNS, 0)
    for diff in diffs:
        change = change_text(diff.change)
        counts[change] += 1
        output.message(diff)
        output.line(f"{SIGNS[change]} {diff.kind}/{diff.document_id}")
        if change != "changed":
            continue
        if text:
            output.lines(f"    {line}" for line in diff.text_diff.splitlines())
            continue
        for row in diff.paths:
            output.line(f"    {row.path}: {row.old_value or 'none'} → {row.new_value or 'none'}")
        if diff.truncated:
            output.line("    …")
    shown = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
    output.line(shown or "nothing changes")


def _validate(
    server: Server,
    stub: DocumentServiceStub,
    parsed: argparse.Namespace,
    documents: list[FolderDocument],
    output: Output,
) -> bool:
    """Writes faults as compilers do, at the file and line of the document."""
    request = document_service_pb2.ValidateDocumentsRequest(
        documents=_messages(documents), prune=parsed.prune
    )
    answer = server.call(stub.ValidateDocuments, request)
    places: dict[str, str] = {row.name: _shown(parsed.folder, row.where) for row in documents}
    for index, row in enumerate(documents):
        places[f"documents[{index}]"] = places[row.name]
    for fault in answer.violations:
        output.message(fault)
        if output.text:
            where: str = places.get(fault.document) or fault.document
            _fault_write(where, fault.path, fault.description)
    output.lines(f"warning: {warning}" for warning in answer.warnings)
    if not answer.valid:
        sys.stderr.write(
            f"kairos: {_count(len(answer.violations), 'fault')}; nothing was changed.\n"
        )
    return bool(answer.valid)


def _diffs(
    server: Server, stub: DocumentServiceStub, documents: list[FolderDocument], *, prune: bool
) -> list[document_pb2.DocumentDiff]:
    request = document_service_pb2.DiffDocumentsRequest(documents=_messages(documents), prune=prune)
    return list(server.call(stub.DiffDocuments, request).diffs)


def _messages(documents: list[FolderDocument]) -> list[document_pb2.Document]:
    return [
        document_pb2.Document(kind=row.kind, document_id=row.id, body=row.body) for row in documents
    ]


def _shown(root: str, where: str) -> str:
    """`path:line` from where the person is, so that terminals and editors can jump there."""
    path = Path(root)
    return str(path / where) if path.is_dir() else where


def _fault_write(where: str, path: str, description: str) -> None:
    sys.stderr.write(f"{where}: {path + ': ' if path else ''}{description}\n")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
