"""Placement and content documents -> placements, candidates and their eligibility rules."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import limits
from .conditions import Conditions
from .encode import decision_blob
from .lower import ALWAYS, NEVER
from .model import Candidate, Placement, Rule, Source
from .names import Reader
from .shapes import ContentDocument, PlacementDocument
from .simplify import leaf_key
from .violations import Fault, Reason, nearest


@dataclass(frozen=True, slots=True)
class Decide:
    rules: tuple[Rule, ...]
    placements: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    document: ContentDocument
    candidate: Candidate
    weights: dict[Source, float]


def compile_placements(
    placements: Sequence[PlacementDocument], contents: Sequence[ContentDocument],
    conditions: Conditions, warnings: list[str], texts: dict[str, str],
) -> Decide:  # fmt: skip
    """Returns the placements with their candidates by (-priority, id).

    Faults go to the documents' places.
    """
    return _Compiler(placements, contents, conditions, warnings, texts).decide()


class _Compiler:
    def __init__(
        self, placements: Sequence[PlacementDocument], contents: Sequence[ContentDocument],
        conditions: Conditions, warnings: list[str], texts: dict[str, str],
    ) -> None:  # fmt: skip
        self._placements, self._documents, self._conditions = placements, contents, conditions
        self._warnings, self._texts = warnings, texts
        self._rules: dict[object, Rule] = {}
        self._contents: dict[str, _Content] = {}

    def decide(self) -> Decide:
        names = [placement.id for placement in self._placements]
        for document in self._documents:
            self._check_placements(document, names)
            content = self._content(document)
            if content is not None:
                self._contents[document.id] = content
        placements = tuple(self._placement(document) for document in self._placements)
        return Decide(tuple(self._rules.values()), placements)

    def _check_placements(self, document: ContentDocument, names: list[str]) -> None:
        for index, name in enumerate(document.placements):
            if name not in names:
                place = document.place.at("placements").item(index)
                place.fault(
                    Reason.REFERENCE_UNKNOWN, f"there is no placement {name}.{nearest(name, names)}"
                )
        if not document.placements and all(
            document.id != placement.fallback for placement in self._placements
        ):
            self._warnings.append(f"content/{document.id}: no placement shows it.")

    def _content(self, document: ContentDocument) -> _Content | None:
        found = len(document.place.violations)
        rule = self._eligibility(document)
        mask, weights, blob = self._purposes(document), self._weights(document), b""
        with document.place.at("payload").catch():
            blob = decision_blob(
                document.id,
                document.variant,
                document.priority,
                document.ttl_s,
                document.payload,
                offer=document.offer,
            )
        with document.place.at("score.bias").catch():
            _check_float32(document.bias)
        if len(document.place.violations) > found:
            return None
        candidate = Candidate(
            rule, document.priority, mask, document.schedule.start_us, document.schedule.end_us,
            document.ttl_s, document.bias, document.logistic, (), blob,
        )  # fmt: skip
        return _Content(document, candidate, weights)

    def _eligibility(self, document: ContentDocument) -> int | None:
        conjunctions = NEVER
        with document.place.at("eligibility").catch():
            text, conjunctions = self._conditions.compile(document.eligibility, Reader.CONTENT)
            self._conditions.check(text)
            self._texts[f"content/{document.id}"] = text
            if conjunctions == NEVER:
                self._warnings.append(f"content/{document.id}: its eligibility can never hold.")
        if conjunctions == ALWAYS:
            return None
        key = tuple(tuple(map(leaf_key, conjunction)) for conjunction in conjunctions)
        return self._rules.setdefault(key, Rule(len(self._rules), 0, conjunctions)).number

    def _purposes(self, document: ContentDocument) -> int:
        tables, mask = self._conditions.tables, 0
        for index, name in enumerate(document.purposes):
            with document.place.at("purposes").item(index).catch():
                if name not in tables.schema.purposes:
                    raise Fault(
                        Reason.NAME_UNKNOWN,
                        f"the schema has no purpose {name}.{nearest(name, tables.schema.purposes)}",
                    )
                mask |= 1 << tables.numbering.purpose(name)
        return mask

    def _weights(self, document: ContentDocument) -> dict[Source, float]:
        weights: dict[Source, float] = {}
        for index, term in enumerate(document.terms):
            place = document.place.at("score").at("terms").item(index)
            with place.at("feature").catch():
                source = self._conditions.feature(term.feature, Reader.CONTENT)
                weights[source] = weights.get(source, 0.0) + term.weight
            with place.at("weight").catch():
                _check_float32(term.weight)
        return weights

    def _placement(self, document: PlacementDocument) -> Placement:
        listed = [
            c
            for c in self._contents.values()
            if document.id in c.document.placements and c.document.schedule.active
        ]
        listed.sort(key=lambda content: (-content.document.priority, content.document.id))
        sources = tuple(dict.fromkeys(source for content in listed for source in content.weights))
        if len(listed) > limits.PLACEMENT_CANDIDATES_MAX:
            document.place.fault(
                Reason.LIMIT_EXCEEDED,
                f"{len(listed)} contents; at most {limits.PLACEMENT_CANDIDATES_MAX}",
            )
        if len(sources) > limits.SCORE_FEATURES_MAX:
            document.place.fault(
                Reason.LIMIT_EXCEEDED,
                f"its contents read {len(sources)} features; at most {limits.SCORE_FEATURES_MAX}",
            )
        candidates = tuple(
            replace(c.candidate, weights=tuple(c.weights.get(source, 0.0) for source in sources))
            for c in listed
        )
        fallback = self._fallback(document, len(sources))
        if not candidates and fallback is None:
            self._warnings.append(
                f"placement/{document.id}: it has neither contents nor a fallback."
            )
        return Placement(document.id, sources, candidates, fallback)

    def _fallback(self, document: PlacementDocument, source_count: int) -> Candidate | None:
        """The fallback is shown unconditionally; what would make it conditional is
        refused or left out.
        """
        if document.fallback is None:
            return None
        place = document.place.at("fallback")
        known = {content.id: content for content in self._documents}
        if document.fallback not in known:
            place.fault(
                Reason.REFERENCE_UNKNOWN,
                f"there is no content {document.fallback}.{nearest(document.fallback, known)}",
            )
            return None
        if known[document.fallback].purposes:
            place.fault(
                Reason.CONSENT_REQUIRED,
                f"content {document.fallback} has purposes; a fallback is shown whatever consent "
                "says, so it may have none",
            )
        content = self._contents.get(document.fallback)
        if content is None:
            return None
        return replace(
            content.candidate,
            rule=None,
            consent_mask=0,
            start_us=None,
            end_us=None,
            weights=(0.0,) * source_count,
        )


def _check_float32(value: float) -> None:
    try:
        struct.pack("<f", value)
    except OverflowError:
        raise Fault(
            Reason.VALUE_INVALID, f"{value} does not fit 32 bits of floating point"
        ) from None
