from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DocumentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_STATE_UNSPECIFIED: _ClassVar[DocumentState]
    DOCUMENT_STATE_CURRENT: _ClassVar[DocumentState]
    DOCUMENT_STATE_DRAFT: _ClassVar[DocumentState]
    DOCUMENT_STATE_SUPERSEDED: _ClassVar[DocumentState]
    DOCUMENT_STATE_DELETED: _ClassVar[DocumentState]

class DocumentChange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_CHANGE_UNSPECIFIED: _ClassVar[DocumentChange]
    DOCUMENT_CHANGE_ADDED: _ClassVar[DocumentChange]
    DOCUMENT_CHANGE_CHANGED: _ClassVar[DocumentChange]
    DOCUMENT_CHANGE_REMOVED: _ClassVar[DocumentChange]
    DOCUMENT_CHANGE_DRAFTED: _ClassVar[DocumentChange]
DOCUMENT_STATE_UNSPECIFIED: DocumentState
DOCUMENT_STATE_CURRENT: DocumentState
DOCUMENT_STATE_DRAFT: DocumentState
DOCUMENT_STATE_SUPERSEDED: DocumentState
DOCUMENT_STATE_DELETED: DocumentState
DOCUMENT_CHANGE_UNSPECIFIED: DocumentChange
DOCUMENT_CHANGE_ADDED: DocumentChange
DOCUMENT_CHANGE_CHANGED: DocumentChange
DOCUMENT_CHANGE_REMOVED: DocumentChange
DOCUMENT_CHANGE_DRAFTED: DocumentChange

class Document(_message.Message):
    __slots__ = ("kind", "document_id", "body", "version", "etag", "state", "canonical_condition", "create_time_us", "update_time_us", "author", "note")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_CONDITION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document_id: str
    body: str
    version: int
    etag: str
    state: DocumentState
    canonical_condition: str
    create_time_us: int
    update_time_us: int
    author: str
    note: str
    def __init__(self, kind: _Optional[str] = ..., document_id: _Optional[str] = ..., body: _Optional[str] = ..., version: _Optional[int] = ..., etag: _Optional[str] = ..., state: _Optional[_Union[DocumentState, str]] = ..., canonical_condition: _Optional[str] = ..., create_time_us: _Optional[int] = ..., update_time_us: _Optional[int] = ..., author: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class DocumentViolation(_message.Message):
    __slots__ = ("document", "path", "reason", "description")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    document: str
    path: str
    reason: str
    description: str
    def __init__(self, document: _Optional[str] = ..., path: _Optional[str] = ..., reason: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class DocumentDiff(_message.Message):
    __slots__ = ("kind", "document_id", "change", "text_diff", "paths", "truncated")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_DIFF_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document_id: str
    change: DocumentChange
    text_diff: str
    paths: _containers.RepeatedCompositeFieldContainer[PathDiff]
    truncated: bool
    def __init__(self, kind: _Optional[str] = ..., document_id: _Optional[str] = ..., change: _Optional[_Union[DocumentChange, str]] = ..., text_diff: _Optional[str] = ..., paths: _Optional[_Iterable[_Union[PathDiff, _Mapping]]] = ..., truncated: bool = ...) -> None: ...

class PathDiff(_message.Message):
    __slots__ = ("path", "old_value", "new_value")
    PATH_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    path: str
    old_value: str
    new_value: str
    def __init__(self, path: _Optional[str] = ..., old_value: _Optional[str] = ..., new_value: _Optional[str] = ...) -> None: ...
