"""The policy `identity`: which identifiers of an event link its subject, and which kinds a person
has only one of. Meaning in docs/guides/identity.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .shapes import Fields
from .violations import Reason, nearest

IDENTIFIER_TYPES: Final[Mapping[str, int]] = {
    "user": 1,
    "account": 2,
    "email": 3,
    "phone": 4,
    "device": 5,
    "session": 6,
    "anonymous": 7,
}
"""Names of kairos.v1.IdentifierType in documents."""
LINK_DEFAULT: Final = ("anonymous", "session")
UNIQUE_DEFAULT: Final = ("user",)


def identity_policy(fields: Fields) -> Mapping[str, Any]:
    """Returns {link, unique}: lists of identifier types in the order of their numbers.

    An account is a subject of its own and may stand in neither.
    """
    link = _types(fields, "link", LINK_DEFAULT)
    return {"link": link, "unique": _types(fields, "unique", UNIQUE_DEFAULT)}


def identity_masks(policies: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """Returns the bits of the types that link and of those that are unique, as plan images hold
    them; the defaults where the tenant has no such policy.
    """
    policy = policies.get("identity", {"link": LINK_DEFAULT, "unique": UNIQUE_DEFAULT})
    return _mask(policy["link"]), _mask(policy["unique"])


def _types(fields: Fields, name: str, default: tuple[str, ...]) -> list[str]:
    wanted = fields.names(name) if fields.has(name) else default
    allowed = [kind for kind in IDENTIFIER_TYPES if kind != "account"]
    for kind in wanted:
        if kind not in allowed:
            fields.at(name).fault(
                Reason.NAME_UNKNOWN,
                f"{kind} is not an identifier type that can be linked."
                f"{nearest(kind, allowed)} Types: {', '.join(allowed)}",
            )
    return [kind for kind in allowed if kind in wanted]


def _mask(names: Iterable[str]) -> int:
    return sum(1 << IDENTIFIER_TYPES[name] for name in names)
