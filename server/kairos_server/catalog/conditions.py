"""Conditions in any spelling -> canonical CEL and conjunctions."""

from typing import Any

from .cel import Call, Parser, Select, cel_text
from .lower import Conjunctions, lower
from .model import Part, Source, SourceKind
from .names import Names, Reader, Tables, Value
from .schema import ValueType, type_text
from .spellings import Translator
from .violations import Fault, Reason


class Conditions:
    """Compiles the conditions of one tenant's documents against their tables."""

    def __init__(self, tables: Tables, parser: Parser) -> None:
        self.tables, self._parser = tables, parser

    def compile(self, spelled: Any, reader: Reader) -> tuple[str, Conjunctions]:
        """Returns (canonical CEL, conjunctions).

        Errors: Fault
        """
        names = Names(self.tables, reader)
        text = Translator(self._parser, names).cel(spelled)
        tree = self._parser.parse(text)
        names = names.within(text)
        conjunctions = lower(tree, names, text)
        return cel_text(tree, names.text_of), conjunctions

    def check(self, text: str) -> None:
        """Has Google's checker accept a canonical text; one that was accepted before
        is not asked again.

        Errors: Fault
        """
        self._parser.check(text)

    def call(self, text: str) -> Value:
        """Returns what a feature call reads, of any type; a name is no call,
        so that features cannot form a cycle.

        Errors: Fault
        """
        tree = self._parser.parse(text)
        value = Names(self.tables, Reader.SCORE, text).value(tree)
        if value is None or not isinstance(tree, Call | Select):
            raise Fault(Reason.VALUE_INVALID, f"{text} is no feature call")
        if value.source.kind is not SourceKind.SLOT or value.source.part is Part.AGE:
            raise Fault(Reason.UNSUPPORTED, f"{text}: only a feature call itself can be named")
        return value

    def feature(self, text: str, reader: Reader) -> Source:
        """Returns the source of a number or truth value that a score reads.

        Errors: Fault
        """
        value = Names(self.tables, reader, text).value(self._parser.parse(text))
        if value is None:
            raise Fault(Reason.VALUE_INVALID, f"{text} is neither a name nor a feature call")
        if value.type not in (ValueType.BOOL, ValueType.INT, ValueType.DOUBLE, ValueType.DYN):
            raise Fault(
                Reason.TYPE_WRONG,
                f"{value.text} is {type_text(value.type)}; a score reads numbers and truth values",
            )
        return value.source
