"""Documents of a tenant -> its plan. The public door of the package."""

from .catalog import Applied, Catalog, StoredDocument
from .documents import DocumentInput, split_documents
from .folder import FolderDocument, read_folder
from .image import build_image
from .model import PlanModel
from .schema import canonical_name
from .violations import DocumentsRefused, Reason, Violation

__all__ = [
    "Applied",
    "Catalog",
    "DocumentInput",
    "DocumentsRefused",
    "FolderDocument",
    "PlanModel",
    "Reason",
    "StoredDocument",
    "Violation",
    "build_image",
    "canonical_name",
    "read_folder",
    "split_documents",
]
