"""Numbers of a tenant: append-only, never reused, never moved."""

import json
import random
from itertools import pairwise

import pytest
from kairos_server.catalog import Catalog, DocumentInput, DocumentsRefused
from kairos_server.catalog.limits import SESSION_SLOT_BYTES_MAX, SLOT_BYTES_MAX
from kairos_server.catalog.model import SlotKind, SlotScope
from kairos_server.catalog.registry import Numbering, Registry
from kairos_server.catalog.violations import Fault


def document(**body: object) -> DocumentInput:
    return DocumentInput(json.dumps(body))


def trigger(name: str, condition: str) -> DocumentInput:
    return document(kind="trigger", id=name, condition=condition)


def test_a_slot_that_comes_back_is_a_new_one() -> None:
    empty = Catalog.from_documents(1, {})
    first = empty.apply(
        [
            trigger("t", 'count("a") > 1 && session_count("a") > 1'),
            trigger("u", 'count("b", "1d") > 1'),
        ],
        [],
        "",
        "",
        1,
    )
    assert [(s.kind, s.scope, s.offset, s.size) for s in first.model.slots] == [
        (SlotKind.COUNT, SlotScope.SUBJECT, 0, 8),
        (SlotKind.COUNT, SlotScope.SESSION, 0, 8),
        (SlotKind.WINDOW_COUNT, SlotScope.SUBJECT, 8, 136),
    ]
    second = first.catalog.apply([trigger("t", 'count("c") > 1')], ["trigger/u"], "", "", 2)
    assert [s.kind for s in second.model.slots] == [SlotKind.RETIRED] * 3 + [SlotKind.COUNT]
    assert second.model.slots[3].offset == 144
    third = second.catalog.apply([trigger("t", 'count("a") > 1')], [], "", "", 3)
    assert [s.kind for s in third.model.slots] == [SlotKind.RETIRED] * 4 + [SlotKind.COUNT]
    assert (third.model.slots[4].offset, third.model.slot_size, third.model.session_slot_size) == (
        152,
        160,
        8,
    )
    assert [s.offset for s in third.model.slots[:4]] == [s.offset for s in second.model.slots]
    assert third.model.trigger_names == ("t", "u")
    assert [rule.number for rule in third.model.trigger_rules] == [0]
    assert third.feature_count == 1


def test_a_type_change_of_an_attribute_is_another_slot() -> None:
    schema = document(kind="schema", attributes={"x": "int"})
    first = Catalog.from_documents(1, {}).apply(
        [schema, trigger("t", 'sum("a", "x") > 1')], [], "", "", 1
    )
    second = first.catalog.apply(
        [document(kind="schema", attributes={"x": "double"})], [], "", "", 2
    )
    assert [s.kind for s in second.model.slots] == [SlotKind.RETIRED, SlotKind.SUM_DOUBLE]


def test_names_keep_their_numbers_when_the_schema_gives_them_up() -> None:
    first = Catalog.from_documents(1, {}).apply(
        [
            document(
                kind="schema",
                attributes={"b": "int", "d": "int"},
                purposes=["p", "q"],
                traits={"t": "string"},
            )
        ],
        [],
        "",
        "",
        1,
    )
    second = first.catalog.apply(
        [
            document(
                kind="schema",
                attributes={"a": "int", "d": "string"},
                purposes=["r", "q"],
                traits={"s": "int"},
            )
        ],
        [],
        "",
        "",
        2,
    )
    assert [(f.name, f.type.name) for f in second.model.event_fields[12:]] == [
        ("b", "DYN"),
        ("d", "STRING"),
        ("a", "INT"),
    ]
    assert second.model.purposes == ("p", "q", "r")
    assert [f.name for f in second.model.traits] == ["t", "s"]
    with pytest.raises(DocumentsRefused) as refused:
        second.catalog.apply([trigger("t", "event.b == 1")], [], "", "", 3)
    assert "event.b is not known" in refused.value.violations[0].description


def test_regions_end() -> None:
    numbering = Numbering(Registry())
    for index in range(SESSION_SLOT_BYTES_MAX // 8):
        numbering.slot(f"s{index}", SlotKind.COUNT, SlotScope.SESSION, 8)
    with pytest.raises(Fault, match="0 of the 1024 bytes for session features"):
        numbering.slot("more", SlotKind.COUNT, SlotScope.SESSION, 8)
    assert numbering.slot("s3", SlotKind.COUNT, SlotScope.SESSION, 8) == 3
    for index in range(SLOT_BYTES_MAX // 2056):
        numbering.slot(f"w{index}", SlotKind.WINDOW_SUM_INT, SlotScope.SUBJECT, 2056)
    with pytest.raises(Fault, match="places are never reused"):
        numbering.slot("more", SlotKind.WINDOW_SUM_INT, SlotScope.SUBJECT, 2056)
    for index in range(64):
        numbering.purpose(f"p{index}")
    with pytest.raises(Fault, match="at most 64 purposes"):
        numbering.purpose("p64")


def test_random_histories_never_move_anything() -> None:
    random_ = random.Random(5)
    for _ in range(20):
        registry = Registry()
        for _ in range(12):
            before, numbering = registry, Numbering(registry)
            for _ in range(random_.randrange(6)):
                scope = random_.choice(tuple(SlotScope))
                numbering.slot(
                    f"f{random_.randrange(9)}{scope}",
                    SlotKind.COUNT,
                    scope,
                    random_.choice((8, 16)),
                )
                numbering.trigger(f"t{random_.randrange(9)}")
                numbering.attribute(f"a{random_.randrange(9)}")
                numbering.event_type(f"e{random_.randrange(9)}")
            registry = numbering.registry()
            assert Registry.from_json(registry.to_json()) == registry
            for name in ("triggers", "attributes", "event_types"):
                old, new = getattr(before, name), getattr(registry, name)
                assert new[: len(old)] == old
                assert len(set(new)) == len(new)
            for old, new in zip(before.slots, registry.slots, strict=False):
                assert (old.text, old.kind, old.scope, old.offset, old.size) == (
                    new.text,
                    new.kind,
                    new.scope,
                    new.offset,
                    new.size,
                )
                assert old.live or not new.live
            for scope in SlotScope:
                spans = sorted(
                    (s.offset, s.offset + s.size) for s in registry.slots if s.scope == scope
                )
                assert all(start % 8 == 0 for start, _ in spans)
                assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_registry_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="registry of version 2"):
        Registry.from_json(b'{"version": 2}')
