"""How requests name subjects: identifier, its type, the tenant that it must belong to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kairos.v1 import event_pb2

from kairos_server.errors import Refused

TenantNames = Callable[[int], str]
IDENTIFIER_TYPES = frozenset(event_pb2.IdentifierType.values())
USER = int(event_pb2.IDENTIFIER_TYPE_USER)


class Named(Protocol):
    """A request that names one subject."""

    @property
    def subject_id(self) -> str: ...
    @property
    def subject_type(self) -> int: ...
    @property
    def tenant_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """One identifier as the core takes it."""

    type: int
    value: bytes


def subject_of(message: Named, tenant: int, names: TenantNames) -> Subject:
    """Returns the subject that a request names.

    Errors: Refused(TENANT_MISMATCH, SUBJECT_MISSING, ENUM_INVALID)
    """
    tenant_check(message.tenant_id, tenant, names)
    if not message.subject_id:
        raise Refused("SUBJECT_MISSING", "subject_id")
    enum_check("subject_type", message.subject_type, IDENTIFIER_TYPES)
    return Subject(message.subject_type or USER, message.subject_id.encode())


def tenant_check(tenant_id: str, tenant: int, names: TenantNames) -> None:
    """Refuses a tenant that is not that of the credential. Errors: Refused(TENANT_MISMATCH)"""
    if tenant_id not in ("", names(tenant)):
        raise Refused("TENANT_MISMATCH", "tenant_id", tenant_id)


def enum_check(field: str, value: int, known: frozenset[int]) -> None:
    """Refuses a number that the enum does not have. Errors: Refused(ENUM_INVALID)"""
    if value not in known:
        raise Refused("ENUM_INVALID", field, str(value))
