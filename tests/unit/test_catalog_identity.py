"""The policy `identity`: what it says in a plan, and what it refuses."""

import pytest
from kairos.v1 import event_pb2
from kairos_server.catalog import DocumentsRefused
from kairos_server.catalog.identity import IDENTIFIER_TYPES
from reference.packs import apply

TRIGGER = "kind: trigger\nid: t\ncondition: event.late\n"


def masks(text: str) -> tuple[set[str], set[str]]:
    model = apply(TRIGGER + text).model
    return tuple(
        {name for name, number in IDENTIFIER_TYPES.items() if mask >> number & 1}
        for mask in (model.identity_link_types, model.identity_unique_types)
    )


def test_names_are_those_of_the_contract() -> None:
    for name, number in IDENTIFIER_TYPES.items():
        assert event_pb2.IdentifierType.Name(number) == f"IDENTIFIER_TYPE_{name.upper()}"


def test_without_a_policy_visitors_and_sessions_link() -> None:
    assert masks("") == ({"anonymous", "session"}, {"user"})


def test_a_policy_names_what_links_and_what_is_unique() -> None:
    found = masks("---\nkind: policy\nid: identity\nlink: [email, device]\nunique: []\n")
    assert found == ({"email", "device"}, set())
    assert masks("---\nkind: policy\nid: identity\nunique: [user, email]\n") == (
        {"anonymous", "session"}, {"user", "email"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "path", "words"),
    [
        ("link: [account]", "link", "account is not an identifier type that can be linked"),
        ("unique: [usr]", "unique", "user"),
        ("links: [email]", "links", ""),
    ],
)
def test_policies_that_are_refused(line: str, path: str, words: str) -> None:
    with pytest.raises(DocumentsRefused) as error:
        apply(f"{TRIGGER}---\nkind: policy\nid: identity\n{line}\n")
    (fault,) = error.value.violations
    assert fault.document == "policy/identity"
    assert fault.path.startswith(path)
    assert words in fault.description
