"""Plan images: the mirror of the C structs, the dictionary, and images that a damaged disk or an
enemy might present.
"""

import dataclasses
import hashlib
import random
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kairos_server.catalog import image_bytes
from kairos_server.catalog import image_tables as tables
from kairos_server.catalog.image import build_image
from kairos_server.catalog.model import (
    Candidate,
    Derived,
    DerivedKind,
    Duration,
    Field,
    FieldType,
    Leaf,
    LeafOp,
    Part,
    Placement,
    PlanModel,
    Slot,
    SlotKind,
    SlotScope,
    Source,
    SourceKind,
    Term,
    Time,
)
from match_door import Matcher, kernel_best
from plan_door import Image, blake2b, hash64, layouts, refuses
from reference.plans import EVENT_FIELDS, door_value, matcher_of, model_of, rule_of

HEADER_SIZE = 128
IMAGE_CORRUPT, IMAGE_VERSION = 136, 137
KINDS = {
    SlotKind.COUNT: 8,
    SlotKind.SUM_INT: 8,
    SlotKind.SUM_DOUBLE: 8,
    SlotKind.DECAYED: 16,
    SlotKind.WINDOW_COUNT: 8 + 4 * 6,
    SlotKind.WINDOW_SUM_INT: 8 + 8 * 6,
    SlotKind.WINDOW_SUM_DOUBLE: 8 + 8 * 6,
    SlotKind.LAST: 24,
    SlotKind.FIRST: 24,
}


def full_model() -> PlanModel:
    """A plan in which every section has something."""
    slots, offset = [], 0
    for kind, size in KINDS.items():
        window = kind.name.startswith("WINDOW")
        slots.append(
            Slot(
                kind,
                SlotScope.SUBJECT,
                offset,
                size,
                event_type=1 + len(slots) % 2,
                filter=((7, "/pricing"), (9, 5)),
                value_field=9,
                window_us=6_000_000 if window else 0,
                bucket_us=1_000_000 if window else 0,
                bucket_count=6 if window else 0,
            )
        )
        offset += size
    slots.append(Slot(SlotKind.COUNT, SlotScope.SESSION, 0, 8))
    slots.append(Slot(SlotKind.RETIRED, SlotScope.SUBJECT, 0, 0))
    kind = SourceKind
    leaves = [
        Leaf(Source(kind.EVENT, 0), LeafOp.EQ, ("purchase",)),
        Leaf(Source(kind.EVENT, 9), LeafOp.GT, (100,)),
        Leaf(Source(kind.EVENT, 9), LeafOp.NOT_LE, (99.5,)),
        Leaf(Source(kind.EVENT, 7), LeafOp.LT, ("/m",)),
        Leaf(Source(kind.EVENT, 7), LeafOp.IN, ("/a", "/b", 1, None, True)),
        Leaf(Source(kind.SLOT, 0), LeafOp.GE, (3,)),
        Leaf(Source(kind.SLOT_PREVIOUS, 4), LeafOp.LT, (3,)),
        Leaf(Source(kind.SLOT, 7, Part.AGE), LeafOp.GT, (Duration(5),)),
        Leaf(Source(kind.SLOT, 7, Part.TIME), LeafOp.NOT_LT, (Time(5),)),
        Leaf(Source(kind.CONSENT, 0), LeafOp.EQ, (True,)),
        Leaf(Source(kind.DERIVED, 0), LeafOp.GT, (0.5,)),
        Leaf(Source(kind.TRAIT, 0), LeafOp.HAS),
        Leaf(Source(kind.NOW, 0), LeafOp.GE, (Time(7),)),
    ]
    rng = random.Random(5)
    chosen = [
        [rng.sample(leaves, rng.randint(0, 4)) for _ in range(rng.randint(0, 3))] for _ in range(40)
    ]
    candidate = Candidate(1, 5, 1, None, 10**15, 60, 0.5, True, (1.0, -2.0), b"hero")
    return model_of(
        triggers=[rule_of(i, c) for i, c in enumerate(chosen[:20])],
        decides=[rule_of(i, c) for i, c in enumerate(chosen[20:])],
        traits=(Field("plan", FieldType.STRING),),
        slots=tuple(slots),
        slot_size=offset,
        session_slot_size=8,
        derived=(
            Derived("engagement", DerivedKind.ENGAGEMENT, 0.0, (Term(0.2, Source(kind.SLOT, 3)),)),
        ),
        placements=(
            Placement(
                "hero",
                (Source(kind.DERIVED, 0), Source(kind.SLOT, 1)),
                (candidate,) * 17,
                candidate,
            ),
            Placement("footer", (), (), None),
        ),
        meta=b'{"a": 1}',
    )


@pytest.fixture(scope="module")
def full() -> bytes:
    return build_image(full_model())


def sealed(data: bytes | bytearray) -> bytes:
    """The image with the plan id that its bytes have."""
    return bytes(data[:8]) + hashlib.blake2b(data[40:], digest_size=32).digest() + bytes(data[40:])


def section(image: bytes, name: str) -> np.ndarray:
    """A writable copy of a section, read by this file's own arithmetic."""
    number = [n for n, _ in image_bytes.SECTIONS].index(name)
    offset, count, size = struct.unpack_from("<QII", image, HEADER_SIZE + 16 * number)
    dtype = image_bytes.SECTIONS[number][1]
    assert dtype.itemsize == size and offset % 64 == 0
    return np.frombuffer(image[offset : offset + count * size], dtype=dtype)


def test_structs_mirror_the_compiler() -> None:
    for name, members in layouts().items():
        dtype = getattr(tables, name)
        assert dtype.itemsize == members.pop("size"), name
        for member, offset in members.items():
            assert dtype.fields[member.rstrip("_")][1] == offset, (name, member)


def test_sections_stand_in_the_order_of_the_header(root: Path) -> None:
    text = (root / "native/kairos_native/layout_plan.h").read_text()
    numbers = {name.lower(): int(n) for name, n in re.findall(r"SECTION_(\w+) = (\d+)", text)}
    assert numbers.pop("count") == len(image_bytes.SECTIONS)
    assert numbers == {name: i for i, (name, _) in enumerate(image_bytes.SECTIONS)}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=40)), max_size=20))
def test_hash64_equals_the_core(pairs: list[tuple[int, bytes]]) -> None:
    spaces = np.array([space for space, _ in pairs], dtype=np.uint32)
    hashes = tables.hash64_many(spaces, [text for _, text in pairs])
    assert hashes.tolist() == [hash64(space, text) for space, text in pairs]


@pytest.mark.parametrize("size", [0, 1, 63, 127, 128, 129, 255, 256, 257, 1000, 4096])
def test_blake2b_equals_hashlib(size: int) -> None:
    data = bytes(i * 7 % 256 for i in range(size))
    assert blake2b(data) == hashlib.blake2b(data, digest_size=32).digest()


def test_same_model_gives_same_bytes(full: bytes) -> None:
    assert build_image(full_model()) == full
    assert full[8:40] == hashlib.blake2b(full[40:], digest_size=32).digest()


def test_dictionary_finds_every_name_and_no_other(full: bytes) -> None:
    image = Image(full)
    assert image.find(tables.SPACE_EVENT_TYPE, "page_view") == 1
    assert image.find(tables.SPACE_EVENT_TYPE, "purchase") == 2
    assert [image.find(tables.SPACE_EVENT_FIELD, name) for name in EVENT_FIELDS] == list(range(12))
    assert image.find(tables.SPACE_CONTEXT_FIELD, "urgency") == 5
    assert image.find(tables.SPACE_TRAIT, "plan") == 0
    assert image.find(tables.SPACE_PURPOSE, "marketing") == 0
    assert image.find(tables.SPACE_PLACEMENT, "footer") == 1
    assert image.find(tables.SPACE_TRIGGER, "trigger_19") == 19
    for space in range(1, 8):
        for text in ("", "pageview", "page_view ", "typ", "trigger_20"):
            assert image.find(space, text) is None
    assert image.counts == {
        "event_fields": 12,
        "context_fields": 6,
        "traits": 1,
        "slots": 11,
        "derived": 1,
        "triggers": 20,
        "placements": 2,
        "size": len(full),
    }


def test_type_slots_name_the_slots_of_each_type(full: bytes) -> None:
    model, listed = full_model(), section(full, "slot_list").tolist()
    for event_type, (first, count) in enumerate(section(full, "type_slots").tolist()):
        wanted = [
            i for i, s in enumerate(model.slots) if s.kind and s.event_type in (0, event_type)
        ]
        assert listed[first : first + count] == wanted


def test_placements_and_weights(full: bytes) -> None:
    hero, footer = section(full, "placements")
    weights = section(full, "score_weights")
    assert (hero["candidate_count"], hero["weight_stride"], hero["fallback"]) == (17, 32, 17)
    assert (footer["candidate_count"], footer["fallback"]) == (0, 0xFFFFFFFF)
    matrix = weights[hero["weight_first"] :][: 2 * 32].reshape(2, 32)
    assert matrix[0, :17].tolist() == [1.0] * 17 and matrix[1, :17].tolist() == [-2.0] * 17
    assert not matrix[:, 17:].any()
    candidates = section(full, "candidates")
    assert candidates["rule"].tolist() == [21] * 18
    assert candidates["flags"].tolist() == [1] * 17 + [3]
    assert candidates["start_us"][0] == -(2**63) and candidates["end_us"][0] == 10**15
    blob = section(full, "blobs").tobytes()
    assert {blob[c["blob_offset"] :][: c["blob_size"]] for c in candidates} == {b"hero"}


def test_loads_from_a_file(full: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_bytes(full)
    assert Image(path=str(path)).counts["size"] == len(full)
    with pytest.raises(ValueError, match="cannot be opened"):
        Image(path=str(tmp_path / "missing"))


def test_a_changed_byte_is_noticed(full: bytes) -> None:
    rng = random.Random(1)
    for position in [
        *range(HEADER_SIZE),
        *(rng.randrange(HEADER_SIZE, len(full)) for _ in range(300)),
    ]:
        data = bytearray(full)
        data[position] ^= 1 << rng.randrange(8)
        assert refuses(bytes(data)), position


def test_a_cut_image_is_refused(full: bytes) -> None:
    for size in (0, 1, 8, 127, 128, 500, len(full) // 2, len(full) - 64, len(full) - 1):
        assert refuses(full[:size]) == IMAGE_CORRUPT
        data = bytearray(full[:size])
        if size >= HEADER_SIZE:
            struct.pack_into("<Q", data, 40, size)
            assert refuses(sealed(data)) == IMAGE_CORRUPT
    assert refuses(full + bytes(64)) == IMAGE_CORRUPT


def test_another_version_is_named(full: bytes) -> None:
    data = bytearray(full)
    struct.pack_into("<I", data, 48, 9)
    with pytest.raises(ValueError, match="image version 9") as refused:
        Image(sealed(data))
    assert refused.value.args[0] == IMAGE_VERSION


def use(data: bytes, rng: random.Random) -> None:
    """Does with an accepted image what could read outside it; the door's guards and sanitizers
    watch.
    """
    image = Image(data)
    for space in (*range(1, 8), *range(4096, 4110)):
        for text in ("", "type", "purchase", "/a", "hero"):
            image.find(space, text)
    pool = ["/a", "", "purchase", 1, 2.5, float("nan"), None, True, Time(6), Duration(6)]
    for index in (0, 1):
        sources = len(Matcher(data, index).sources())
        matcher = Matcher(data, index)
        matcher.keep([[door_value(rng.choice(pool)) for _ in range(sources)] for _ in range(3)])
        for event in range(3):
            answers = [matcher.match(event, kernel) for kernel in range(kernel_best() + 1)]
            assert answers.count(answers[0]) == len(answers)
            assert answers[0][0] == answers[0][1] == sorted(set(answers[0][0]))


def test_mutants_are_refused_or_behave(full: bytes) -> None:
    """Every 32-bit word of every table set to values that lie at some bound, with a plan id that
    fits.
    """
    rng = random.Random(2)
    refused = accepted = 0
    names = [name for name, _ in image_bytes.SECTIONS]
    spans = [(48, HEADER_SIZE + 16 * len(names))]
    for i, name in enumerate(names):
        offset, count, size = struct.unpack_from("<QII", full, HEADER_SIZE + 16 * i)
        if name not in ("strings", "blobs", "meta", "rows", "score_weights"):
            spans.append((offset, offset + count * size))
    positions = [p for first, last in spans for p in range(first, last - 3, 4)]
    for position in rng.sample(positions, min(len(positions), 1200)):
        (word,) = struct.unpack_from("<I", full, position)
        for value in {
            0,
            word ^ 1,
            word + 1 & 0xFFFFFFFF,
            0x7FFFFFFF,
            0xFFFFFFFF,
            rng.getrandbits(8),
            rng.getrandbits(32),
        }:
            data = bytearray(full)
            struct.pack_into("<I", data, position, value)
            mutant = sealed(data)
            if refuses(mutant):
                refused += 1
            else:
                accepted += 1
                if accepted % 8 == 0:
                    use(mutant, rng)
    assert refused > 1000 and accepted > 100


def test_random_damage_is_refused_or_behaves(full: bytes) -> None:
    rng = random.Random(3)
    for i in range(1500):
        data = bytearray(full)
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(40, len(data))] = rng.randrange(256)
        mutant = sealed(data)
        if not refuses(mutant) and i % 4 == 0:
            use(mutant, rng)


def replaced(image: bytes, name: str, element: int, **fields: int) -> bytes:
    number = [n for n, _ in image_bytes.SECTIONS].index(name)
    (offset,) = struct.unpack_from("<Q", image, HEADER_SIZE + 16 * number)
    dtype = image_bytes.SECTIONS[number][1]
    data = bytearray(image)
    view = np.frombuffer(data, dtype=dtype, count=element + 1, offset=offset)
    for field, value in fields.items():
        if field == "value":
            view[element] = value
        elif "__" in field:
            outer, inner = field.split("__")
            view[element][outer][inner] = value
        else:
            view[element][field] = value
    return sealed(data)


@pytest.mark.parametrize(
    ("name", "element", "fields", "message"),
    [
        ("leaves", 0, {"op": 15}, "operator"),
        ("leaves", 0, {"op": 0}, "operator"),
        ("leaves", 0, {"column": 12}, "filter"),
        ("leaves", 0, {"operand_count": 0}, "operands"),
        ("leaves", 0, {"operand_first": 10_000}, "leaf: range"),
        ("operands", 0, {"kind": 0}, "operand"),
        ("operands", 0, {"size": 100_000}, "operand: range"),
        ("slots", 0, {"offset": 4}, "slot 0"),
        ("slots", 0, {"size": 16}, "slot 0"),
        ("slots", 8, {"offset": 4096}, "slot 8"),
        ("slots", 1, {"value_field": 0xFFFFFFFF}, "value field"),
        ("slots", 4, {"bucket_us": 0}, "window"),
        ("slots", 3, {"decay_per_us": float("nan")}, "decay"),
        ("slots", 0, {"event_type": 3}, "event type"),
        ("slot_list", 0, {"value": 10}, "slot list"),
        ("terms", 0, {"source__kind": 6, "source__id": 0}, "source"),
        ("terms", 0, {"source__part": 1}, "part 1"),
        ("terms", 0, {"source__id": 10}, "slot 10"),
        ("score_sources", 0, {"id": 1}, "source"),
        ("columns", 0, {"row_word": 8 * 10**6}, "column: range|rows at"),
        ("columns", 0, {"string_count": 10**9}, "column"),
        ("indexes", 0, {"word_count": 9}, "words"),
        ("indexes", 0, {"word_count": 0}, "words"),
        ("conjunctions", 0, {"rule": 25}, "rule 25"),
        ("rules", 0, {"number": 20}, "trigger number"),
        ("rules", 0, {"blob_size": 10**6}, "rule: range"),
        ("placements", 0, {"weight_stride": 16}, "weights"),
        ("placements", 0, {"weight_first": 16}, "placement: range"),
        ("placements", 0, {"fallback": 18}, "fallback"),
        ("candidates", 0, {"rule": 0}, "candidate 0"),
        ("candidates", 0, {"rule": 40}, "candidate 0"),
        ("event_fields", 0, {"type": 1}, "field 0"),
        ("trigger_names", 0, {"size": 10**6}, "trigger name"),
        ("derived", 0, {"kind": 3}, "kind 3"),
    ],
)
def test_a_false_reference_is_named(
    full: bytes, name: str, element: int, fields: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        Image(replaced(full, name, element, **fields))
    assert refused.value.args[0] == IMAGE_CORRUPT


def test_bits_beyond_the_last_conjunction_are_refused(full: bytes) -> None:
    with pytest.raises(ValueError, match="padding"):
        Image(replaced(full, "rows", 7, value=1 << 63))


def test_unsorted_thresholds_are_refused() -> None:
    leaf = [Leaf(Source(SourceKind.EVENT, 9), LeafOp.LT, (x,)) for x in (1, 2)]
    image = build_image(model_of(triggers=[rule_of(0, [leaf])]))
    with pytest.raises(ValueError, match="not sorted"):
        Image(replaced(image, "thresholds", 0, bits=2))


def test_models_that_no_image_can_hold_are_refused() -> None:
    def built(op: LeafOp, *operands: int) -> None:
        build_image(
            model_of(triggers=[rule_of(0, [[Leaf(Source(SourceKind.EVENT, 9), op, operands)]])])
        )

    for op, operands in (
        (LeafOp.EQ, ()),
        (LeafOp.EQ, (1, 2)),
        (LeafOp.HAS, (1,)),
        (LeafOp.LT, (2**63,)),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - whichever check comes first
            built(op, *operands)
    with pytest.raises(ValueError, match="twice"):
        build_image(dataclasses.replace(model_of(), event_types=("a", "a")))


def test_plans_of_two_tenants_have_two_ids() -> None:
    one, two = build_image(model_of(tenant=1)), build_image(model_of(tenant=2))
    assert one[8:40] != two[8:40]


def test_previous_used_is_stated(full: bytes) -> None:
    data = bytearray(full)
    assert struct.unpack_from("<I", data, 84) == (1,)
    struct.pack_into("<I", data, 84, 0)
    with pytest.raises(ValueError, match="previous_used"):
        Image(sealed(data))
    assert struct.unpack_from("<I", build_image(model_of()), 84) == (0,)


def test_empty_plan_matches_nothing() -> None:
    image = build_image(model_of())
    for index in (0, 1):
        assert matcher_of(image, index, [{}]).match(0, kernel_best()) == ([], [])
