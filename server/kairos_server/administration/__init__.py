"""Administration of documents: edits, drafts, history, audit. The public door of the package."""

from .acts import Actor, AuditEntry, entry_key, key_before
from .diff import Content, DocumentDiff, PathDiff, documents_diff
from .drafts import draft_delete, draft_put
from .edits import Edit, Heads, Outcome, Revision
from .firings import Fired, Firings, Period, TriggerTotal
from .requests import request_id_check
from .rows import PLAN_PREFIX, PlanRow, row_read
from .sampling import FiringSampler
from .store import DocumentStore
from .versions import Change, Version

__all__ = [
    "PLAN_PREFIX",
    "Actor",
    "AuditEntry",
    "Change",
    "Content",
    "DocumentDiff",
    "DocumentStore",
    "Edit",
    "Fired",
    "FiringSampler",
    "Firings",
    "Heads",
    "Outcome",
    "PathDiff",
    "Period",
    "PlanRow",
    "Revision",
    "TriggerTotal",
    "Version",
    "documents_diff",
    "draft_delete",
    "draft_put",
    "entry_key",
    "key_before",
    "request_id_check",
    "row_read",
]
