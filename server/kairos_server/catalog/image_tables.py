"""The tables that a plan image is made of: struct mirrors, strings, operands, the dictionary."""

import struct

import numpy as np

from kairos_server.catalog.model import Constant, Duration, Time

NONE_U32 = 0xFFFFFFFF
NONE_U64 = 0xFFFFFFFFFFFFFFFF

_DOUBLE, _DOUBLE_BITS = struct.Struct("<d"), struct.Struct("<Q")

VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE = 1, 2, 3, 4
VALUE_STRING, VALUE_TIME, VALUE_DURATION = 5, 6, 7

# Spaces of the dictionary, enum kairos_space.
SPACE_EVENT_TYPE, SPACE_EVENT_FIELD, SPACE_CONTEXT_FIELD, SPACE_TRAIT = 1, 2, 3, 4
SPACE_PURPOSE, SPACE_PLACEMENT, SPACE_TRIGGER, SPACE_VALUE = 5, 6, 7, 4096


def _struct(*fields: tuple[str, str] | tuple[str, np.dtype]) -> np.dtype:
    """A packed little-endian struct; layout.h proves that its structs have no implicit padding."""
    return np.dtype(list(fields))


TEXT = _struct(("offset", "<u4"), ("size", "<u4"))
RANGE = _struct(("first", "<u4"), ("count", "<u4"))
SECTION = _struct(("offset", "<u8"), ("count", "<u4"), ("element_size", "<u4"))
HEADER = _struct(
    ("magic", "S8"),
    ("plan_id", "V32"),
    ("image_size", "<u8"),
    ("version", "<u4"),
    ("semantics_version", "<u4"),
    ("tenant", "<u4"),
    ("layout_id", "<u4"),
    ("slot_size", "<u4"),
    ("session_slot_size", "<u4"),
    ("section_count", "<u4"),
    ("event_type_count", "<u4"),
    ("purpose_count", "<u4"),
    ("previous_used", "<u4"),
    ("identity_link_types", "<u4"),
    ("identity_unique_types", "<u4"),
    ("event_effects_max", "<u4"),
    ("reserved", "V28"),
)
DICTIONARY_ENTRY = _struct(("hash", "<u8"), ("space", "<u4"), ("id", "<u4"), ("text", TEXT))
FIELD = _struct(("name", TEXT), ("type", "<u4"), ("flags", "<u4"))
SOURCE = _struct(("id", "<u4"), ("part", "<u2"), ("kind", "u1"), ("reserved", "u1"))
SLOT = _struct(
    ("window_us", "<i8"),
    ("bucket_us", "<i8"),
    ("decay_per_us", "<f8"),
    ("weight", "<f8"),
    ("offset", "<u4"),
    ("size", "<u4"),
    ("event_type", "<u4"),
    ("filter_first", "<u4"),
    ("filter_count", "<u4"),
    ("value_field", "<u4"),
    ("bucket_count", "<u4"),
    ("kind", "u1"),
    ("scope", "u1"),
    ("reserved", "V2"),
)
LEAF = _struct(
    ("column", "<u4"),
    ("operand_first", "<u4"),
    ("operand_count", "<u4"),
    ("op", "u1"),
    ("open_bucket", "V3"),
)
OPERAND = _struct(("bits", "<u8"), ("size", "<u4"), ("kind", "u1"), ("reserved", "V3"))
TERM = _struct(("weight", "<f8"), ("source", SOURCE))
DERIVED = _struct(
    ("bias", "<f8"),
    ("term_first", "<u4"),
    ("term_count", "<u4"),
    ("name", TEXT),
    ("kind", "<u4"),
    ("reserved", "<u4"),
)
INDEX = _struct(
    ("row_first", "<u8"),
    ("column_first", "<u4"),
    ("column_count", "<u4"),
    ("conjunction_first", "<u4"),
    ("conjunction_count", "<u4"),
    ("rule_first", "<u4"),
    ("rule_count", "<u4"),
    ("word_count", "<u4"),
    ("clustered", "<u4"),
    ("gated_first", "<u4"),
    ("residual_count", "<u4"),
)
COLUMN = _struct(
    ("row_word", "<u8"),
    ("source", SOURCE),
    ("threshold_first", "<u4"),
    ("threshold_count", "<u4"),
    ("string_count", "<u4"),
    ("threshold_class", "<u4"),
)
NUMBER = _struct(("bits", "<u8"), ("kind", "<u4"), ("reserved", "<u4"))
CONJUNCTION = _struct(
    ("rule", "<u4"), ("residual_first", "<u4"), ("residual_count", "<u4"), ("reserved", "<u4")
)
RULE = _struct(
    ("number", "<u4"),
    ("priority", "<i4"),
    ("blob_offset", "<u4"),
    ("blob_size", "<u4"),
    ("timer_first", "<u4"),
    ("timer_count", "<u4"),
    ("effect_first", "<u4"),
    ("effect_count", "<u2"),
    ("role", "u1"),
    ("reserved", "u1"),
)
EFFECT_TEMPLATE = _struct(
    ("blob_offset", "<u4"),
    ("blob_size", "<u4"),
    ("trigger", "<u4"),
    ("action_index", "<u2"),
    ("urgency", "u1"),
    ("channel", "u1"),
)
TIMER = _struct(
    ("delay_us", "<i8"),
    ("spread_us", "<i8"),
    ("trigger", "<u4"),
    ("still_rule", "<u4"),
    ("effect_first", "<u4"),
    ("effect_count", "<u4"),
    ("kind", "u1"),
    ("policy", "u1"),
    ("step", "u1"),
    ("reserved", "V5"),
)
PLACEMENT = _struct(
    ("candidate_first", "<u4"),
    ("candidate_count", "<u4"),
    ("source_first", "<u4"),
    ("source_count", "<u4"),
    ("weight_first", "<u8"),
    ("weight_stride", "<u4"),
    ("fallback", "<u4"),
    ("name", TEXT),
)
CANDIDATE = _struct(
    ("consent_mask", "<u8"),
    ("start_us", "<i8"),
    ("end_us", "<i8"),
    ("rule", "<u4"),
    ("priority", "<i4"),
    ("bias", "<f4"),
    ("ttl_s", "<u4"),
    ("blob_offset", "<u4"),
    ("blob_size", "<u4"),
    ("flags", "<u4"),
    ("reserved", "<u4"),
)

Operand = tuple[int, int | bytes]
"""An encoded constant: (enum kairos_value_kind, bits, or the UTF-8 bytes of a string)."""


def encode_constant(constant: Constant) -> Operand:
    """Returns the kind and the bits of a constant.

    Errors: ValueError for an integer outside int64, TypeError for anything that is not a constant.
    """
    # By exact type and commonest first: a plan of 100,000 rules has a million constants.
    kind = type(constant)
    if kind is str:
        return VALUE_STRING, constant.encode()  # type: ignore[union-attr]
    if kind is int:
        return VALUE_INT, _int64(constant)  # type: ignore[arg-type]
    if kind is float:
        return VALUE_DOUBLE, _DOUBLE_BITS.unpack(_DOUBLE.pack(constant))[0]
    if kind is bool:
        return VALUE_BOOL, int(constant)  # type: ignore[arg-type]
    if constant is None:
        return VALUE_NULL, 0
    if isinstance(constant, Time):
        return VALUE_TIME, _int64(constant.us)
    if isinstance(constant, Duration):
        return VALUE_DURATION, _int64(constant.us)
    raise TypeError(f"not a constant: {constant!r}")


def _int64(value: int) -> int:
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"{value} does not fit a 64-bit integer")
    return value & NONE_U64


class StringTable:
    """The STRINGS section: every text once.

    Owns: the bytes.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._offsets: dict[bytes, int] = {}

    def add(self, text: str | bytes) -> tuple[int, int]:
        """Returns (offset, size) of the text."""
        data = text.encode() if isinstance(text, str) else text
        offset = self._offsets.get(data)
        if offset is None:
            offset = self._offsets[data] = len(self._data)
            self._data += data
        return offset, len(data)

    def data(self) -> np.ndarray:
        return np.frombuffer(bytes(self._data), dtype=np.uint8)


class OperandTable:
    """The OPERANDS section: every run of operands once."""

    def __init__(self, strings: StringTable) -> None:
        self._strings = strings
        self._rows: list[tuple[int, int, int, bytes]] = []
        self._runs: dict[tuple[Operand, ...], int] = {}

    def add(self, operands: tuple[Operand, ...]) -> int:
        """Returns the index of the first operand of the run."""
        if not operands:
            return 0
        first = self._runs.get(operands)
        if first is None:
            first = self._runs[operands] = len(self._rows)
            for kind, value in operands:
                if isinstance(value, bytes):
                    offset, size = self._strings.add(value)
                    self._rows.append((offset, size, kind, b""))
                else:
                    self._rows.append((value, 0, kind, b""))
        return first

    def data(self) -> np.ndarray:
        return np.array(self._rows, dtype=OPERAND)


def _fold(a: np.ndarray, constant: int) -> np.ndarray:
    """Returns low ^ high of the 128-bit products a * constant.

    Shapes: a[n] uint64
    """
    half = np.uint64(32)
    mask = np.uint64(0xFFFFFFFF)
    low, high = np.uint64(constant & 0xFFFFFFFF), np.uint64(constant >> 32)
    a_low, a_high = a & mask, a >> half
    low_low, low_high = a_low * low, a_low * high
    middle = a_high * low + (low_low >> half)
    carry = (middle & mask) + low_high
    folded: np.ndarray = (a * np.uint64(constant)) ^ (
        a_high * high + (middle >> half) + (carry >> half)
    )
    return folded


def hash64_many(space: np.ndarray, texts: list[bytes]) -> np.ndarray:
    """Returns kairos_hash64(space[i], texts[i]) for all i.

    Shapes: space[n] uint32, result[n] uint64
    Cost:   one pass over the bytes per distinct length
    Source: native/kairos_native/hash.h
    """
    sizes = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    result = np.zeros(len(texts), dtype=np.uint64)
    for size in np.unique(sizes):
        where = np.flatnonzero(sizes == size)
        padded = np.zeros((len(where), (int(size) + 7) // 8 * 8), dtype=np.uint8)
        joined = b"".join(texts[i] for i in where)
        padded[:, :size] = np.frombuffer(joined, dtype=np.uint8).reshape(len(where), int(size))
        result[where] = _hash_words(space[where], padded.view("<u8"), int(size))
    return result


def _hash_words(space: np.ndarray, words: np.ndarray, size: int) -> np.ndarray:
    start = np.uint64(size * 0xD6E8FEB86659FD93 & NONE_U64)
    value = ((space.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)) ^ start
    for i in range(size // 8):
        value = _fold(value ^ words[:, i], 0xA0761D6478BD642F)
    if size % 8:
        value = _fold(value ^ words[:, size // 8], 0xE7037ED1A0B428DB)
    return _fold(value ^ np.uint64(0x8EBC6AF09C88C6E3), 0x589965CC75374CC3)


class DictionaryTable:
    """The DICTIONARY section: open addressing, linear probing, at most a quarter full (few look-ups
    probe twice).
    """

    def __init__(self, strings: StringTable) -> None:
        self._strings = strings
        self._spaces: list[int] = []
        self._ids: list[int] = []
        self._texts: list[bytes] = []
        self._seen: set[tuple[int, bytes]] = set()

    def add(self, space: int, text: str | bytes, number: int) -> None:
        """Adds one name. Errors: ValueError when the space already has it."""
        data = text.encode() if isinstance(text, str) else text
        if (space, data) in self._seen:
            raise ValueError(f"{data!r} stands twice in dictionary space {space}")
        self._seen.add((space, data))
        self._spaces.append(space)
        self._ids.append(number)
        self._texts.append(data)

    def data(self) -> np.ndarray:
        count = 2
        while count < 4 * len(self._texts):
            count *= 2
        table = np.zeros(count, dtype=DICTIONARY_ENTRY)
        spaces = np.array(self._spaces, dtype=np.uint32)
        hashes = hash64_many(spaces, self._texts)
        used = bytearray(count)
        places = np.zeros(len(self._texts), dtype=np.int64)
        for i, start in enumerate((hashes & np.uint64(count - 1)).tolist()):
            while used[start]:
                start = start + 1 & count - 1
            used[start] = 1
            places[i] = start
        texts = np.array([self._strings.add(text) for text in self._texts], dtype=TEXT)
        table["hash"][places] = hashes
        table["space"][places] = spaces
        table["id"][places] = self._ids
        table["text"][places] = texts
        return table
