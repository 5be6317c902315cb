"""Who belongs together, in plain Python: links are a list, each question finds its group anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reference.hash import siphash128

USER, ACCOUNT = 1, 2
MEMBERS_MAX, LINKS_MAX = 64, 256
LINK_TYPES = frozenset({6, 7})
UNIQUE_TYPES = frozenset({USER})
Key = bytes | tuple[int, bytes]
"""A user's identifier, or another type and its value."""


def key_of(kind: int, value: bytes) -> Key:
    return value if kind in (0, USER) else (kind, value)


def type_of(key: Key) -> int:
    return key[0] if isinstance(key, tuple) else USER


def hash_of(hash_key: bytes, key: Key) -> bytes:
    text = b"\xff" + bytes([key[0]]) + key[1] if isinstance(key, tuple) else key
    return siphash128(hash_key, text)


@dataclass
class Identities:
    hash_key: bytes
    link_types: frozenset[int] = LINK_TYPES
    unique_types: frozenset[int] = UNIQUE_TYPES
    links: dict[int, tuple[Key, Key]] = field(default_factory=dict)
    apart: set[frozenset[Key]] = field(default_factory=set)

    def group(self, key: Key) -> list[Key]:
        """All that links connect with the key, itself too, in ascending order of ids."""
        found = {key}
        while True:
            more = {
                end for ends in self.links.values() if not found.isdisjoint(ends) for end in ends
            }
            if more <= found:
                return sorted(found, key=lambda member: hash_of(self.hash_key, member))
            found |= more

    def link(self, left: Key, right: Key, link_id: int, *, automatic: bool) -> int | None:
        """The id of the link that is there then; None: refused."""
        group, other = self.group(left), self.group(right)
        if left == right:
            return None
        if right in group:
            for known, ends in self.links.items():
                if set(ends) == {left, right}:
                    return known
            if automatic:
                return 0
            if len(self.within(group)) == LINKS_MAX:
                return None
        else:
            types = [{type_of(key) for key in side} & self.unique_types for side in (group, other)]
            links = len(self.within(group)) + len(self.within(other))
            if len(group) + len(other) > MEMBERS_MAX or links >= LINKS_MAX or types[0] & types[1]:
                return None
            pair = frozenset((left, right))
            if automatic and pair in self.apart:
                return None
            self.apart.discard(pair)
        self.links[link_id] = left, right
        return link_id

    def within(self, group: list[Key]) -> list[int]:
        return [link_id for link_id, ends in self.links.items() if ends[0] in group]

    def unlink(self, link_id: int) -> bool:
        ends = self.links.pop(link_id, None)
        if ends is None:
            return False
        self.apart.add(frozenset(ends))
        return True

    def of_event(self, own: Key, identifiers: list[tuple[int, bytes]], sequence: int) -> None:
        """The links that an event makes."""
        for ordinal, (kind, value) in enumerate(identifiers):
            key = key_of(kind, value)
            if key != own and self._pair(type_of(own), kind) and key not in self.group(own):
                self.link(own, key, sequence * 16 + ordinal, automatic=True)

    def _pair(self, left: int, right: int) -> bool:
        if ACCOUNT in (left, right):
            return False
        if left == right == USER:
            return USER in self.link_types
        return all(kind == USER or kind in self.link_types for kind in (left, right))

    def groups(self) -> Iterator[list[Key]]:
        seen: set[Key] = set()
        for ends in list(self.links.values()):
            if ends[0] not in seen:
                group = self.group(ends[0])
                seen.update(group)
                yield group
