from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from kairos.v1 import document_pb2 as _document_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PutDocumentRequest(_message.Message):
    __slots__ = ("document", "validate_only", "draft", "create_only", "author", "note", "request_id")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    document: _document_pb2.Document
    validate_only: bool
    draft: bool
    create_only: bool
    author: str
    note: str
    request_id: str
    def __init__(self, document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., validate_only: bool = ..., draft: bool = ..., create_only: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PutDocumentResponse(_message.Message):
    __slots__ = ("document", "warnings", "plan_id", "changed")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    document: _document_pb2.Document
    warnings: _containers.RepeatedScalarFieldContainer[str]
    plan_id: str
    changed: bool
    def __init__(self, document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., plan_id: _Optional[str] = ..., changed: bool = ...) -> None: ...

class GetDocumentRequest(_message.Message):
    __slots__ = ("kind", "document_id", "version", "read_mask")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document_id: str
    version: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, kind: _Optional[str] = ..., document_id: _Optional[str] = ..., version: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class GetDocumentResponse(_message.Message):
    __slots__ = ("document",)
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    document: _document_pb2.Document
    def __init__(self, document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ...) -> None: ...

class ListDocumentsRequest(_message.Message):
    __slots__ = ("kind", "id_prefix", "state", "page_size", "page_token", "read_mask")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_PREFIX_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id_prefix: str
    state: _document_pb2.DocumentState
    page_size: int
    page_token: str
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, kind: _Optional[str] = ..., id_prefix: _Optional[str] = ..., state: _Optional[_Union[_document_pb2.DocumentState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListDocumentsResponse(_message.Message):
    __slots__ = ("documents", "next_page_token")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    next_page_token: str
    def __init__(self, documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class VersionPair(_message.Message):
    __slots__ = ("kind", "document_id", "old_version", "new_version")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    OLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    NEW_VERSION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document_id: str
    old_version: int
    new_version: int
    def __init__(self, kind: _Optional[str] = ..., document_id: _Optional[str] = ..., old_version: _Optional[int] = ..., new_version: _Optional[int] = ...) -> None: ...

class DiffDocumentsRequest(_message.Message):
    __slots__ = ("versions", "documents", "removed_names", "prune")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_NAMES_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    versions: VersionPair
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    removed_names: _containers.RepeatedScalarFieldContainer[str]
    prune: bool
    def __init__(self, versions: _Optional[_Union[VersionPair, _Mapping]] = ..., documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., removed_names: _Optional[_Iterable[str]] = ..., prune: bool = ...) -> None: ...

class DiffDocumentsResponse(_message.Message):
    __slots__ = ("diffs",)
    DIFFS_FIELD_NUMBER: _ClassVar[int]
    diffs: _containers.RepeatedCompositeFieldContainer[_document_pb2.DocumentDiff]
    def __init__(self, diffs: _Optional[_Iterable[_Union[_document_pb2.DocumentDiff, _Mapping]]] = ...) -> None: ...

class ValidateDocumentsRequest(_message.Message):
    __slots__ = ("documents", "removed_names", "prune")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_NAMES_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    removed_names: _containers.RepeatedScalarFieldContainer[str]
    prune: bool
    def __init__(self, documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., removed_names: _Optional[_Iterable[str]] = ..., prune: bool = ...) -> None: ...

class ValidateDocumentsResponse(_message.Message):
    __slots__ = ("valid", "violations", "warnings")
    VALID_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    valid: bool
    violations: _containers.RepeatedCompositeFieldContainer[_document_pb2.DocumentViolation]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, valid: bool = ..., violations: _Optional[_Iterable[_Union[_document_pb2.DocumentViolation, _Mapping]]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteDocumentRequest(_message.Message):
    __slots__ = ("kind", "document_id", "etag", "validate_only", "draft", "author", "note", "request_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document_id: str
    etag: str
    validate_only: bool
    draft: bool
    author: str
    note: str
    request_id: str
    def __init__(self, kind: _Optional[str] = ..., document_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: bool = ..., draft: bool = ..., author: _Optional[str] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteDocumentResponse(_message.Message):
    __slots__ = ("document", "warnings", "plan_id")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    document: _document_pb2.Document
    warnings: _containers.RepeatedScalarFieldContainer[str]
    plan_id: str
    def __init__(self, document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., plan_id: _Optional[str] = ...) -> None: ...

class ListDocumentVersionsRequest(_message.Message):
    __slots__ = ("kind", "document_id", "page_size", "page_token", "read_mask")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document_id: str
    page_size: int
    page_token: str
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, kind: _Optional[str] = ..., document_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListDocumentVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[DocumentVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[DocumentVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DocumentVersion(_message.Message):
    __slots__ = ("document", "change", "entry_id")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    document: _document_pb2.Document
    change: _document_pb2.DocumentChange
    entry_id: str
    def __init__(self, document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., change: _Optional[_Union[_document_pb2.DocumentChange, str]] = ..., entry_id: _Optional[str] = ...) -> None: ...
