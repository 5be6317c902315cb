"""Documents with anything in any place: compiled or refused with a path, never a crash."""

import copy
import json
import random
from typing import Any

from kairos_server.catalog import (
    Catalog,
    DocumentInput,
    DocumentsRefused,
    Reason,
    build_image,
    split_documents,
)
from kairos_server.catalog.documents import read_body
from reference.packs import BASE, CONTENTS, EXIT_PREVENTION

ANYTHING: list[Any] = [
    None, True, 0, -1, 1.5, 2**62, "", "a", "event.price > 1", "has(", "2024-01-01", "7d", "a.b",
    "é", "\x00", [], [[]], [1, "a"], {}, {"": 1}, {"a": {"b": []}}, {"field": "price"}, {"min": 1},
    "kind", "x" * 9000, {"all": [{"any": []}]}, "previous(previous(count('a')))",
    "last('a').value.time > 1", "event['price'] > 1", "-event.price < 1", "{} == {}",
    "count('a', {'price': -1})", "[true][0]", "event.", "now",
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Returns (container, key) of every position inside."""
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [(value, key) for key, _ in items] + [
        place for _, item in items for place in places(item)
    ]


def mutate(random_: random.Random, body: dict[str, Any]) -> None:
    for _ in range(random_.choice((1, 1, 2, 4))):
        container, key = random_.choice(places(body))
        action = random_.random()
        if action < 0.7:
            container[key] = copy.deepcopy(random_.choice(ANYTHING))
        elif action < 0.85 and isinstance(container, dict):
            container[
                random_.choice(
                    ("id", "field", "fallback", "Kind", "terms", "all", "event_type", "")
                )
            ] = container[key]
        elif len(body) > 1:
            del container[key]
        if not body:
            break


def test_mutated_documents_are_compiled_or_refused() -> None:
    seed = random.SystemRandom().getrandbits(32)
    random_ = random.Random(seed)
    inputs = [*split_documents(BASE), *split_documents(CONTENTS), DocumentInput(EXIT_PREVENTION)]
    bodies = [read_body(document.body) for document in inputs]
    bodies[-1]["kind"] = "trigger"
    catalog, known, compiled = Catalog.from_documents(1, {}), {reason.value for reason in Reason}, 0
    for _ in range(400):
        changed = copy.deepcopy(bodies)
        mutate(random_, random_.choice(changed))
        try:
            applied = catalog.apply(
                [DocumentInput(json.dumps(body)) for body in changed], [], "", "", 0
            )
            build_image(applied.model)
            compiled += 1
        except DocumentsRefused as refused:
            for violation in refused.violations:
                assert violation.document, seed
                assert violation.description, seed
                assert violation.reason in known, seed
        except Exception as error:
            raise AssertionError((seed, changed)) from error
    assert 20 < compiled < 380
