"""Documents of a tenant -> its plan. The public door of the package."""

from .catalog import Applied, Catalog, StoredDocument, etag_of, read_document, revised
from .documents import Body, DocumentInput, read_body, split_documents
from .folder import FolderDocument, read_folder
from .image import build_image
from .model import PlanModel
from .schema import canonical_name
from .violations import DocumentsRefused, Fault, Reason, Violation

__all__ = [
    "Applied",
    "Body",
    "Catalog",
    "DocumentInput",
    "DocumentsRefused",
    "Fault",
    "FolderDocument",
    "PlanModel",
    "Reason",
    "StoredDocument",
    "Violation",
    "build_image",
    "canonical_name",
    "etag_of",
    "read_body",
    "read_document",
    "read_folder",
    "revised",
    "split_documents",
]
