"""Documents that were read, and conditions that were compiled, before: so that a plan of 10,000
triggers of which one changed costs little more than that one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .documents import Body
    from .features import Feature
    from .lower import Conjunctions
    from .registry import Numbering
    from .violations import Place, Violation


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition's canonical text and conjunctions, and the slots whose ids stand in them.

    `parsed`: the CEL text that was parsed for it.
    """

    text: str
    conjunctions: "Conjunctions"
    slots: "Sequence[tuple[int, Feature]]"
    parsed: str

    def holds(self, numbering: "Numbering", features: "dict[int, Feature]") -> bool:
        """Asks for the condition's slots as compiling would; returns whether they have the ids
        that they had.
        """
        for number, feature in self.slots:
            if numbering.slot(feature.text, feature.kind, feature.scope, feature.size) != number:
                return False
            features[number] = feature
        return True


@dataclass(slots=True)
class ConditionMemo:
    """Key of a condition -> what it compiled to, while names mean the same.

    Numbers of attributes, traits and purposes only grow, so that they need no check. What `context`
    holds (schema, scores, named features) decides what a name means; a change of it forgets all.
    """

    context: object = None
    known: dict[tuple[str, str], CompiledCondition] = field(default_factory=dict)
    used: dict[tuple[str, str], CompiledCondition] = field(default_factory=dict)
    violations: "list[Violation]" = field(default_factory=list)
    """Faults of the present compilation."""
    read: dict[str, tuple["Body", Any]] = field(default_factory=dict)
    """Name -> content and what its reader made of it, without a fault."""
    read_used: dict[str, tuple["Body", Any]] = field(default_factory=dict)

    def reading(self, name: str, body: "Body", reader: Callable[..., Any], place: "Place") -> Any:
        """Returns what the reader makes of a document; what it made before, where the content is
        the very same object: contents of stored documents never change.
        """
        known = self.read.get(name)
        if known is None or known[0] is not body:
            found = len(self.violations)
            known = body, reader(name.partition("/")[2], body, place)
            if len(self.violations) > found:
                return known[1]
        # A policy is read through its open fields, which take note of who asked.
        if not name.startswith("policy/"):
            self.read_used[name] = known
        return known[1]

    def enter(self, context: object) -> None:
        """Names the context of what is asked from now on."""
        if context != self.context:
            self.context, self.known, self.used = context, {}, {}

    def find(self, key: tuple[str, str]) -> CompiledCondition | None:
        """Returns what a condition compiled to, if it is known."""
        return self.used.get(key) or self.known.get(key)

    def keep(self, key: tuple[str, str], compiled: CompiledCondition) -> None:
        """Remembers a condition that the present documents have."""
        self.used[key] = compiled

    def forget_unused(self) -> None:
        """Keeps what was asked for since the last call, and forgets the rest."""
        self.known, self.used = self.used, {}
        self.read, self.read_used = self.read_used, {}

    def forget_new(self) -> None:
        """Forgets what was asked for since the last call."""
        self.used = {}
        self.read_used = {}
