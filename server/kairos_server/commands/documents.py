"""`kairos documents`: a folder of documents -> the plan that decides."""

import argparse
import getpass
import sys

from kairos.v1 import document_pb2, plan_service_pb2
from kairos.v1.plan_service_pb2_grpc import PlanServiceStub

from kairos_server.catalog import DocumentsRefused, FolderDocument, read_folder
from kairos_server.commands.arguments import action_add, actions_add
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Output, output_add
from kairos_server.commands.plan import plan_print
from kairos_server.exits import CommandFailed, Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    apply = action_add(
        actions, "apply", "store the documents of a folder and activate the plan of all", run_apply,
        ("kairos documents apply rules/ --dry-run", "kairos documents apply rules/ --note summer"),
    )  # fmt: skip
    apply.add_argument(
        "folder", metavar="FOLDER", help="folder of YAML and JSON files, or one file"
    )
    apply.add_argument("--dry-run", action="store_true", help="validate and compile; store nothing")
    apply.add_argument(
        "--no-activate", action="store_true", help="store the plan, but let the present one decide"
    )
    apply.add_argument("--author", default="", help="who applies (default: the user)")
    apply.add_argument("--note", default="", help="why")
    output_add(apply)
    connection_add(apply)


def run_apply(parsed: argparse.Namespace) -> int:
    """Applies a folder. Errors: CommandFailed."""
    documents = folder_read(parsed.folder)
    request = plan_service_pb2.ApplyDocumentsRequest(
        documents=[
            document_pb2.Document(kind=row.kind, document_id=row.id, body=row.body)
            for row in documents
        ],
        validate_only=parsed.dry_run,
        activate=not parsed.no_activate,
        author=parsed.author or getpass.getuser(),
        note=parsed.note,
    )
    with Server(parsed) as server:
        answer = server.call(server.stub(PlanServiceStub).ApplyDocuments, request)
    output = Output(parsed)
    output.line(f"{len(documents)} documents {'are valid' if parsed.dry_run else 'applied'}")
    output.lines(f"warning: {warning}" for warning in answer.warnings)
    plan_print(output, answer.plan)
    return Exit.OK


def folder_read(path: str) -> list[FolderDocument]:
    """Returns the documents of a folder. Errors: CommandFailed, after the faults as
    `file:line: fault` on standard error.
    """
    try:
        found = read_folder(path)
    except DocumentsRefused as refused:
        for fault in refused.violations:
            inside = f" {fault.path}:" if fault.path else ""
            sys.stderr.write(f"{fault.document}:{inside} {fault.description}\n")
        raise CommandFailed(
            Exit.REFUSED, f"{path}: {len(refused.violations)} faults; nothing was sent."
        ) from None
    except OSError as error:
        raise CommandFailed(Exit.NO_INPUT, f"{error.filename or path}: {error.strerror}.") from None
    if not found:
        raise CommandFailed(Exit.NO_INPUT, f"{path}: holds no .yaml, .yml or .json document.")
    return found
