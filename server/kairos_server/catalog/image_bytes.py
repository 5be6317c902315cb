"""The bytes of a plan image: its sections in their order, the header, the id."""

import hashlib
from collections.abc import Mapping

import numpy as np

from kairos_server.catalog import image_tables as tables
from kairos_server.catalog.intake import INTAKE_SECTIONS
from kairos_server.catalog.model import PlanModel

MAGIC = b"KAIRPLAN"
IMAGE_VERSION = 2
SEMANTICS_VERSION = 2
ALIGNMENT = 64
HASH_FIRST = 40
"""Bytes before it are the magic and the plan id."""

# Sections in the order of enum kairos_section_id, with their element types.
SECTIONS = (
    ("strings", np.dtype("u1")),
    ("dictionary", tables.DICTIONARY_ENTRY),
    ("event_fields", tables.FIELD),
    ("context_fields", tables.FIELD),
    ("traits", tables.FIELD),
    ("slots", tables.SLOT),
    ("type_slots", tables.RANGE),
    ("slot_list", np.dtype("<u4")),
    ("leaves", tables.LEAF),
    ("operands", tables.OPERAND),
    ("derived", tables.DERIVED),
    ("terms", tables.TERM),
    ("indexes", tables.INDEX),
    ("columns", tables.COLUMN),
    ("thresholds", tables.NUMBER),
    ("rows", np.dtype("<u8")),
    ("conjunctions", tables.CONJUNCTION),
    ("rules", tables.RULE),
    ("blobs", np.dtype("u1")),
    ("placements", tables.PLACEMENT),
    ("candidates", tables.CANDIDATE),
    ("score_sources", tables.SOURCE),
    ("score_weights", np.dtype("<f4")),
    ("trigger_names", tables.TEXT),
    ("meta", np.dtype("u1")),
    ("effects", tables.EFFECT_TEMPLATE),
    ("timers", tables.TIMER),
    ("timer_list", np.dtype("<u4")),
    *INTAKE_SECTIONS,
    ("access", tables.RANGE),
)


def assemble(model: PlanModel, arrays: Mapping[str, np.ndarray], *, previous_used: bool) -> bytes:
    """Returns the image of the sections' arrays: header, table, sections, each at its boundary."""
    offset = tables.HEADER.itemsize + len(SECTIONS) * tables.SECTION.itemsize
    table = np.zeros(len(SECTIONS), dtype=tables.SECTION)
    # The table goes first and is known last.
    parts = [b""]
    for i, (name, dtype) in enumerate(SECTIONS):
        array = arrays[name]
        assert array.dtype == dtype, name
        padding = -offset % ALIGNMENT
        parts += [bytes(padding), array.tobytes()]
        table[i] = (offset + padding, len(array), dtype.itemsize)
        offset += padding + array.nbytes
    parts[0] = table.tobytes()
    tail = bytes(-offset % ALIGNMENT)
    body = b"".join([*parts, tail])
    header = _header(model, offset + len(tail), previous_used=previous_used)
    # The id covers the rest of the header too: plans of two tenants never have one id.
    plan_id = hashlib.blake2b(header[HASH_FIRST:] + body, digest_size=32).digest()
    return header[: HASH_FIRST - 32] + plan_id + header[HASH_FIRST:] + body


def _header(model: PlanModel, image_size: int, *, previous_used: bool) -> bytes:
    header = np.zeros(1, dtype=tables.HEADER)
    header["magic"] = MAGIC
    header["image_size"] = image_size
    header["version"] = IMAGE_VERSION
    header["semantics_version"] = SEMANTICS_VERSION
    header["tenant"] = model.tenant
    header["layout_id"] = len(model.slots)
    header["slot_size"] = model.slot_size
    header["session_slot_size"] = model.session_slot_size
    header["section_count"] = len(SECTIONS)
    header["event_type_count"] = len(model.event_types)
    header["purpose_count"] = len(model.purposes)
    header["previous_used"] = int(previous_used)
    header["identity_link_types"] = model.identity_link_types
    header["identity_unique_types"] = model.identity_unique_types
    header["event_effects_max"] = model.event_effects_max
    return header.tobytes()
