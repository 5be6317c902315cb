"""One effect as the view holds it, and its id as text."""

import re
from typing import Final, NamedTuple

NO_TRIGGER: Final = 2**32 - 1
_ID: Final = re.compile(r"^(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,9})$")

EffectId = tuple[int, int]
"""Sequence of the log record that made the effect, and its ordinal among that record's effects."""


class EffectRow(NamedTuple):
    """An effect as Engine.effects reads it, by name. Units: times in microseconds."""

    sequence: int
    ordinal: int
    key: bytes
    subject: bytes
    """128-bit id of the subject: what order within a subject goes by."""
    identifier_type: int
    identifier: bytes
    action: bytes
    """Encoded kairos.v1.Action."""
    reason: bytes
    created_us: int
    due_us: int
    origin_sequence: int
    trigger: int
    action_index: int
    step: int
    urgency: int
    channel: int
    source: int
    attempt_count: int
    """Attempts that failed."""

    @property
    def id(self) -> EffectId:
        return self.sequence, self.ordinal


def effect_id_text(effect_id: EffectId) -> str:
    """Returns the id as the contract spells it."""
    return f"{effect_id[0]}-{effect_id[1]}"


def effect_id_read(text: str) -> EffectId | None:
    """Returns the id that a text names; None: it is not the text of an id."""
    found = _ID.match(text)
    if found is None:
        return None
    sequence, ordinal = int(found[1]), int(found[2])
    return (sequence, ordinal) if sequence < 2**64 and ordinal < 2**32 else None


def action_type(action: bytes) -> str:
    """Returns the `type` of an encoded Action without decoding the rest.

    Encoders write fields in order, so that it stands first where it is not empty.
    """
    if not action or action[0] != 0x0A:
        return ""
    size, cursor, shift = 0, 1, 0
    while cursor < len(action) and shift < 32:
        byte = action[cursor]
        size |= (byte & 127) << shift
        cursor += 1
        shift += 7
        if byte < 128:
            break
    return action[cursor : cursor + size].decode("utf-8", "replace")
