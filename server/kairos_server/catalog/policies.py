"""Policies: documents that server code reads, not conditions. One reader per id.

A reader takes the keys of its body and returns a normalised mapping that JSON can hold. The mapping
goes into the plan, so that what holds is activated, rolled back and named by the log together with
everything else.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .delivery import delivery_policy
from .identity import identity_policy
from .privacy_policy import privacy_policy
from .shapes import Fields, PolicyDocument
from .violations import Reason, nearest

VERSIONS_KEPT_MIN: Final = 2
VERSIONS_KEPT_MAX: Final = 1_000
VERSIONS_KEPT_DEFAULT: Final = 100


def documents_policy(fields: Fields) -> Mapping[str, Any]:
    """Returns {versions_kept}: how many versions of each document are kept, the newest counted."""
    kept = fields.whole("versions_kept", VERSIONS_KEPT_DEFAULT)
    if not VERSIONS_KEPT_MIN <= kept <= VERSIONS_KEPT_MAX:
        fields.at("versions_kept").fault(
            Reason.VALUE_INVALID, f"{kept} is not {VERSIONS_KEPT_MIN} to {VERSIONS_KEPT_MAX}"
        )
    return {"versions_kept": kept}


POLICIES: Final[dict[str, Callable[[Fields], Mapping[str, Any]]]] = {
    "documents": documents_policy,
    "delivery": delivery_policy,
    "identity": identity_policy,
    "privacy": privacy_policy,
}
"""Id of a policy document -> its reader. Faults go to the places of the fields."""


def read_policies(documents: Iterable[PolicyDocument]) -> dict[str, Any]:
    """Returns id -> normalised mapping; faults go to the places of the documents."""
    result: dict[str, Any] = {}
    for document in sorted(documents, key=lambda document: document.id):
        reader = POLICIES.get(document.id)
        if reader is None:
            document.place.at("id").fault(
                Reason.NAME_UNKNOWN,
                f"there is no policy {document.id}.{nearest(document.id, POLICIES)} "
                f"Policies: {', '.join(sorted(POLICIES))}",
            )
            continue
        result[document.id] = dict(reader(document.fields))
        document.fields.close()
    return result
