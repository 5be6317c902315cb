from google.api import annotations_pb2 as _annotations_pb2
from kairos.v1 import document_pb2 as _document_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ApplyDocumentsRequest(_message.Message):
    __slots__ = ("documents", "removed_names", "validate_only", "activate", "author", "note", "prune", "include_drafts", "include_diffs", "request_id")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_NAMES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DRAFTS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DIFFS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    removed_names: _containers.RepeatedScalarFieldContainer[str]
    validate_only: bool
    activate: bool
    author: str
    note: str
    prune: bool
    include_drafts: bool
    include_diffs: bool
    request_id: str
    def __init__(self, documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., removed_names: _Optional[_Iterable[str]] = ..., validate_only: bool = ..., activate: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., prune: bool = ..., include_drafts: bool = ..., include_diffs: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class ApplyDocumentsResponse(_message.Message):
    __slots__ = ("plan", "warnings", "diffs")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    DIFFS_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    warnings: _containers.RepeatedScalarFieldContainer[str]
    diffs: _containers.RepeatedCompositeFieldContainer[_document_pb2.DocumentDiff]
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., diffs: _Optional[_Iterable[_Union[_document_pb2.DocumentDiff, _Mapping]]] = ...) -> None: ...

class ActivatePlanRequest(_message.Message):
    __slots__ = ("plan_id", "note", "author")
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    plan_id: str
    note: str
    author: str
    def __init__(self, plan_id: _Optional[str] = ..., note: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class ActivatePlanResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class RollBackPlanRequest(_message.Message):
    __slots__ = ("note", "author")
    NOTE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    note: str
    author: str
    def __init__(self, note: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class RollBackPlanResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class ListPlansRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plans", "next_page_token")
    PLANS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    next_page_token: str
    def __init__(self, plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetDictionaryRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDictionaryResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[DictionaryEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[DictionaryEntry, _Mapping]]] = ...) -> None: ...

class DictionaryEntry(_message.Message):
    __slots__ = ("name_id", "name")
    NAME_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name_id: int
    name: str
    def __init__(self, name_id: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("plan_id", "create_time_us", "activate_time_us", "active", "author", "note", "trigger_count", "content_count", "feature_count", "image_bytes")
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    FEATURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    plan_id: str
    create_time_us: int
    activate_time_us: int
    active: bool
    author: str
    note: str
    trigger_count: int
    content_count: int
    feature_count: int
    image_bytes: int
    def __init__(self, plan_id: _Optional[str] = ..., create_time_us: _Optional[int] = ..., activate_time_us: _Optional[int] = ..., active: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., trigger_count: _Optional[int] = ..., content_count: _Optional[int] = ..., feature_count: _Optional[int] = ..., image_bytes: _Optional[int] = ...) -> None: ...
