"""Numbers that a tenant's plans have given out: append-only, never reused, never moved.

Records in the view and frames in the log hold these numbers, so that a number keeps its meaning for
as long as the tenant lives. What is no longer used keeps its place.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from .documents import canonical_json
from .limits import CONSENT_PURPOSES_MAX, SESSION_SLOT_BYTES_MAX, SLOT_BYTES_MAX, TIMERS_MAX
from .model import SlotKind, SlotScope
from .violations import Fault, Reason

VERSION = 1


@dataclass(frozen=True, slots=True)
class SlotEntry:
    """A slot id's place for ever. `live`: the newest plan reads it."""

    text: str
    kind: SlotKind
    scope: SlotScope
    offset: int
    size: int
    live: bool = True


@dataclass(frozen=True, slots=True)
class Registry:
    """Positions are numbers; event types count from 1, attributes follow the
    well-known event fields.
    """

    event_types: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    timers: tuple[str, ...] = ()
    slots: tuple[SlotEntry, ...] = ()

    def to_json(self) -> bytes:
        """Returns the canonical JSON; from_json gives an equal registry back."""
        return canonical_json({
            "version": VERSION,
            "event_types": self.event_types,
            "attributes": self.attributes,
            "traits": self.traits,
            "purposes": self.purposes,
            "triggers": self.triggers,
            "timers": self.timers,
            "slots": [[s.text, int(s.kind), int(s.scope), s.offset, s.size, s.live]
                      for s in self.slots],
        })  # fmt: skip

    @staticmethod
    def from_json(data: bytes) -> "Registry":
        """Returns the registry of to_json.

        Errors: ValueError when the version is not known
        """
        value: dict[str, Any] = json.loads(data)
        if value["version"] != VERSION:
            raise ValueError(f"registry of version {value['version']}; this server reads {VERSION}")
        slots = tuple(
            SlotEntry(t, SlotKind(k), SlotScope(s), o, z, live)
            for t, k, s, o, z, live in value["slots"]
        )
        # Registries that were stored before there were timers have none.
        names = {
            key: tuple(value.get(key, ()))
            for key in ("event_types", "attributes", "traits", "purposes", "triggers", "timers")
        }
        return Registry(slots=slots, **names)


@dataclass(slots=True)
class _Numbers:
    names: list[str]
    index: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.index = {name: number for number, name in enumerate(self.names)}

    def of(self, name: str) -> int:
        if name not in self.index:
            self.index[name] = len(self.names)
            self.names.append(name)
        return self.index[name]


class Numbering:
    """A registry while a plan is compiled; discarded when the documents are refused."""

    def __init__(self, registry: Registry) -> None:
        self._event_types = _Numbers(list(registry.event_types))
        self._attributes = _Numbers(list(registry.attributes))
        self._traits = _Numbers(list(registry.traits))
        self._purposes = _Numbers(list(registry.purposes))
        self._triggers = _Numbers(list(registry.triggers))
        self._timers = _Numbers(list(registry.timers))
        self._slots = list(registry.slots)
        self._live = {(s.text, s.kind): i for i, s in enumerate(self._slots) if s.live}
        self._sizes = {
            scope: max((s.offset + s.size for s in self._slots if s.scope == scope), default=0)
            for scope in SlotScope
        }
        self.used: set[int] = set()

    def event_type(self, name: str) -> int:
        """Returns the id, from 1."""
        return self._event_types.of(name) + 1

    def attribute(self, name: str) -> int:
        """Returns the position among attributes, from 0."""
        return self._attributes.of(name)

    def trait(self, name: str) -> int:
        """Returns the position among traits."""
        return self._traits.of(name)

    def trigger(self, name: str) -> int:
        """Returns the trigger's number."""
        return self._triggers.of(name)

    def timer(self, name: str) -> int:
        """Returns the timer's id.

        Errors: Fault when the tenant has used up all ids
        """
        if name not in self._timers.index and len(self._timers.names) >= TIMERS_MAX:
            raise Fault(
                Reason.LIMIT_EXCEEDED,
                f"a tenant has at most {TIMERS_MAX} delays of triggers in its life; "
                "they are never reused",
            )
        return self._timers.of(name)

    @property
    def timer_count(self) -> int:
        """Timer ids given out so far."""
        return len(self._timers.names)

    def purpose(self, name: str) -> int:
        """Returns the consent bit.

        Errors: Fault when the tenant has used up all bits
        """
        if name not in self._purposes.index and len(self._purposes.names) >= CONSENT_PURPOSES_MAX:
            raise Fault(
                Reason.LIMIT_EXCEEDED,
                f"a tenant has at most {CONSENT_PURPOSES_MAX} purposes in its life; "
                "they are never reused",
            )
        return self._purposes.of(name)

    def slot(self, text: str, kind: SlotKind, scope: SlotScope, size: int) -> int:
        """Returns the id of the slot with this meaning: the live one,
        else a new one at the end of its region.

        A retired slot is not taken up again: its value was not kept up while no plan read it.

        Errors: Fault when the region is full
        """
        number = self._live.get((text, kind))
        if number is None:
            offset, limit = (
                self._sizes[scope],
                SLOT_BYTES_MAX if scope == SlotScope.SUBJECT else SESSION_SLOT_BYTES_MAX,
            )
            if offset + size > limit:
                raise Fault(
                    Reason.LIMIT_EXCEEDED,
                    f"{text} takes {size} bytes, and {limit - offset} of the {limit} bytes for "
                    f"{'features' if scope == SlotScope.SUBJECT else 'session features'} are left "
                    "(places are never reused)",
                )
            number = len(self._slots)
            self._slots.append(SlotEntry(text, kind, scope, offset, size))
            self._live[text, kind] = number
            self._sizes[scope] = offset + size
        self.used.add(number)
        return number

    def registry(self) -> Registry:
        """Returns the registry after this plan; slots that it does not use are retired."""
        slots = tuple(
            entry if i in self.used or not entry.live else replace(entry, live=False)
            for i, entry in enumerate(self._slots)
        )
        return Registry(
            tuple(self._event_types.names), tuple(self._attributes.names),
            tuple(self._traits.names), tuple(self._purposes.names), tuple(self._triggers.names),
            tuple(self._timers.names), slots,
        )  # fmt: skip
