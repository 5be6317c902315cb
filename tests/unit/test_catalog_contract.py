"""Names and numbers of the catalog are those of the core and of the contract."""

import re
from pathlib import Path
from typing import Any

from kairos.v1 import event_pb2
from kairos_server.catalog import limits, model, schema
from kairos_server.catalog.model import Duration, Time
from tidy.layout_pxd import layout_text

NATIVE = Path(__file__).resolve().parents[2] / "native" / "kairos_native"


def enum_values(name: str) -> dict[str, int]:
    body = re.search(rf"enum {name} \{{(.*?)\}};", layout_text(), re.DOTALL)
    assert body is not None
    code = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    return {key: int(value) for key, value in re.findall(r"([A-Z_]+) = (\d+)", code)}


def test_names_and_numbers_are_those_of_the_core() -> None:
    text = (NATIVE / "limits.h").read_text()
    native = {name: int(value) for name, value in re.findall(r"KAIROS_([A-Z_]+) = (\d+)", text)}
    shared = [name for name in vars(limits) if name in native]
    assert len(shared) >= 10
    for name in shared:
        assert getattr(limits, name) == native[name], name
    for enum, prefix, names in [
        ("kairos_event_field", "EVENT_FIELD_", schema.EVENT_FIELDS),
        ("kairos_context_field", "CONTEXT_FIELD_", schema.CONTEXT_FIELDS),
        ("kairos_session_field", "SESSION_FIELD_", schema.SESSION_FIELDS),
        ("kairos_profile_field", "PROFILE_FIELD_", schema.PROFILE_FIELDS),
    ]:
        wanted = {
            key.removeprefix(prefix).lower(): value
            for key, value in enum_values(enum).items()
            if not key.endswith("_FIXED")
        }
        assert {name: position for position, name in enumerate(names)} == wanted
    for enum, prefix, kinds in [
        ("kairos_leaf_op", "LEAF_", model.LeafOp),
        ("kairos_slot_kind", "SLOT_", model.SlotKind),
        ("kairos_source_kind", "SOURCE_", model.SourceKind),
    ]:
        members: Any = kinds
        assert {
            f"{prefix}{kind.name}": kind.value for kind in members if kind.name != "RETIRED"
        } == enum_values(enum)
    for name, protobuf in [
        ("device_type", event_pb2.DeviceType),
        ("channel", event_pb2.Channel),
        ("urgency", event_pb2.Urgency),
    ]:
        values = [
            key.removeprefix(f"{name.upper()}_").lower()
            for key in protobuf.DESCRIPTOR.values_by_name
        ][1:]
        assert list(schema.ENUM_VALUES[name]) == values
    reserved = re.search(
        r"wire_reserved_event_names\[\] = \{(.*?)\}",
        (NATIVE / "wire_name.h").read_text(),
        re.DOTALL,
    )
    assert reserved is not None
    assert set(re.findall(r'"(\w+)"', reserved[1])) == {
        *schema.EVENT_FIELDS,
        *schema.EVENT_RESERVED,
    }


def test_canonical_names() -> None:
    for name, canonical in [
        ("timeOnPage", "time_on_page"), ("pageURL", "page_url"), ("URLPath", "url_path"),
        ("view.widthPx", "view.width_px"), ("a1B", "a1_b"), ("already_so", "already_so"),
        ("ABC", "abc"),
    ]:  # fmt: skip
        assert schema.canonical_name(name) == canonical
        assert schema.canonical_name(canonical) == canonical
    assert Duration(1) != Time(1)
