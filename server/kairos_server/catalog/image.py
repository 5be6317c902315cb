"""Writes a plan model as the image that the core reads in place (docs/adr/0002-plan-image.md)."""

from collections.abc import Iterable, Sequence

import numpy as np

from kairos_server.catalog import image_tables as tables
from kairos_server.catalog.image_bytes import assemble
from kairos_server.catalog.image_columns import Column
from kairos_server.catalog.image_index import NOT_DENSE, BuiltIndex, build_index
from kairos_server.catalog.image_tables import NONE_U32, DictionaryTable, OperandTable, StringTable
from kairos_server.catalog.intake import intake_arrays
from kairos_server.catalog.model import (
    Candidate,
    EffectTemplate,
    Field,
    LeafOp,
    PlanModel,
    Rule,
    SlotKind,
    Source,
    SourceKind,
)

CANDIDATE_FLAG_LOGISTIC, CANDIDATE_FLAG_FALLBACK = 1, 2


def build_image(model: PlanModel) -> bytes:
    """Returns the image of the model; the same model gives the same bytes.

    Cost:   O(leaves + bytes of the rows); about a second for 100,000 rules
    Errors: ValueError for a model that no image can hold
    """
    return _Writer(model).image()


class _Writer:
    """Collects the sections of one image.

    Owns: the arrays of all sections, by name.
    """

    def __init__(self, model: PlanModel) -> None:
        self._model = model
        self._strings = StringTable()
        self._operands = OperandTable(self._strings)
        self._dictionary = DictionaryTable(self._strings)
        self._arrays: dict[str, np.ndarray] = {}
        self._leaves: list[np.ndarray] = []
        self._leaf_count = 0
        self._blobs = bytearray()
        self._previous_used = False
        self._effects: list[tuple[int, ...]] = []
        self._timer_list: list[int] = []

    def image(self) -> bytes:
        self._names()
        self._slots()
        self._derived()
        self._indexes()
        self._timers()
        self._placements()
        self._arrays.update(intake_arrays(self._model.intake, self._strings))
        self._arrays["leaves"] = _joined(self._leaves, tables.LEAF)
        self._arrays["operands"] = self._operands.data()
        self._arrays["blobs"] = np.frombuffer(bytes(self._blobs), dtype=np.uint8)
        self._arrays["meta"] = np.frombuffer(self._model.meta, dtype=np.uint8)
        # Last: the dictionary and everything before it add strings.
        self._arrays["dictionary"] = self._dictionary.data()
        self._arrays["strings"] = self._strings.data()
        return assemble(self._model, self._arrays, previous_used=self._previous_used)

    def _names(self) -> None:
        model = self._model
        named: tuple[tuple[int, Iterable[str], int], ...] = (
            (tables.SPACE_EVENT_TYPE, model.event_types, 1),
            (tables.SPACE_EVENT_FIELD, (f.name for f in model.event_fields), 0),
            (tables.SPACE_CONTEXT_FIELD, (f.name for f in model.context_fields), 0),
            (tables.SPACE_TRAIT, (f.name for f in model.traits), 0),
            (tables.SPACE_PURPOSE, model.purposes, 0),
            (tables.SPACE_PLACEMENT, (p.name for p in model.placements), 0),
            (tables.SPACE_TRIGGER, model.trigger_names, 0),
        )
        for space, names, first in named:
            for number, name in enumerate(names, first):
                self._dictionary.add(space, name, number)
        self._arrays["event_fields"] = self._fields(model.event_fields)
        self._arrays["context_fields"] = self._fields(model.context_fields)
        self._arrays["traits"] = self._fields(model.traits)
        self._arrays["trigger_names"] = np.array(
            [self._strings.add(n) for n in model.trigger_names], dtype=tables.TEXT
        )

    def _fields(self, fields: Sequence[Field]) -> np.ndarray:
        return np.array(
            [(self._strings.add(f.name), int(f.type), f.flags) for f in fields], dtype=tables.FIELD
        )

    def _source(self, source: Source) -> tuple[int, int, int, int]:
        self._previous_used |= source.kind in (
            SourceKind.SLOT_PREVIOUS,
            SourceKind.DERIVED_PREVIOUS,
        )
        return source.id, int(source.part), int(source.kind), 0

    def _add_leaves(self, leaves: np.ndarray) -> int:
        """Returns the index of the first one."""
        first = self._leaf_count
        self._leaves.append(leaves)
        self._leaf_count += len(leaves)
        return first

    def _slots(self) -> None:
        rows = []
        for slot in self._model.slots:
            filters = []
            for field_index, constant in slot.filter:
                first = self._operands.add((tables.encode_constant(constant),))
                filters.append((field_index, first, 1, int(LeafOp.EQ), b""))
            first = self._add_leaves(np.array(filters, dtype=tables.LEAF)) if filters else 0
            value_field = NONE_U32 if slot.value_field is None else slot.value_field
            rows.append(
                (
                    slot.window_us,
                    slot.bucket_us,
                    slot.decay_per_us,
                    slot.weight,
                    slot.offset,
                    slot.size,
                    slot.event_type,
                    first,
                    len(filters),
                    value_field,
                    slot.bucket_count,
                    int(slot.kind),
                    int(slot.scope),
                    b"",
                )
            )
        self._arrays["slots"] = np.array(rows, dtype=tables.SLOT)
        self._type_slots()

    def _type_slots(self) -> None:
        """Lists, for every event type, the slots that its events update; type 0 stands for every
        unknown type.
        """
        live = [
            (i, s.event_type)
            for i, s in enumerate(self._model.slots)
            if s.kind is not SlotKind.RETIRED
        ]
        ranges: list[tuple[int, int]] = []
        listed: list[int] = []
        for event_type in range(len(self._model.event_types) + 1):
            chosen = [i for i, wanted in live if wanted in (0, event_type)]
            ranges.append((len(listed), len(chosen)))
            listed += chosen
        self._arrays["type_slots"] = np.array(ranges, dtype=tables.RANGE)
        self._arrays["slot_list"] = np.array(listed, dtype=np.uint32)

    def _derived(self) -> None:
        rows: list[tuple[object, ...]] = []
        terms: list[tuple[float, tuple[int, int, int, int]]] = []
        for derived in self._model.derived:
            first = len(terms)
            terms += [(term.weight, self._source(term.source)) for term in derived.terms]
            name = self._strings.add(derived.name)
            rows.append((derived.bias, first, len(terms) - first, name, int(derived.kind), 0))
        self._arrays["derived"] = np.array(rows, dtype=tables.DERIVED)
        self._arrays["terms"] = np.array(terms, dtype=tables.TERM)

    def _blob(self, blob: bytes) -> tuple[int, int]:
        offset = len(self._blobs)
        self._blobs += blob
        return offset, len(blob)

    def _indexes(self) -> None:
        """INDEX_TRIGGERS, INDEX_DECIDE, INDEX_TIMERS; columns, rows, conjunctions and rules follow
        each other.
        """
        indexes: list[tuple[int, ...]] = []
        columns: list[tuple[object, ...]] = []
        thresholds: list[tuple[int, int, int]] = []
        rows: list[np.ndarray] = []
        conjunctions: list[np.ndarray] = []
        rules: list[tuple[int, ...]] = []
        access: list[tuple[int, int]] = []
        row_word = conjunction_count = 0
        model = self._model
        for model_rules in (model.trigger_rules, model.decide_rules, model.timer_rules):
            built = build_index(model_rules)
            indexes.append(
                (
                    row_word,
                    len(columns),
                    len(built.columns),
                    conjunction_count,
                    len(built.conjunction_rule),
                    len(rules),
                    len(model_rules),
                    built.word_count,
                    int(built.clustered),
                    built.gated_first,
                    len(built.residual_conjunction),
                )
            )
            conjunctions.append(self._conjunctions(built, len(rules)))
            conjunction_count += len(built.conjunction_rule)
            access += built.access
            for column in built.columns:
                columns.append(self._column(column, len(columns), row_word, thresholds))
                if column.rows is not None:
                    rows.append(column.rows.reshape(-1).view("<u8"))
                    row_word += rows[-1].size
            rules += [self._rule(rule) for rule in model_rules]
        self._arrays["indexes"] = np.array(indexes, dtype=tables.INDEX)
        self._arrays["access"] = np.array(access, dtype=tables.RANGE)
        self._arrays["columns"] = np.array(columns, dtype=tables.COLUMN)
        self._arrays["thresholds"] = np.array(thresholds, dtype=tables.NUMBER)
        self._arrays["rows"] = _joined(rows, np.dtype("<u8"))
        self._arrays["conjunctions"] = _joined(conjunctions, tables.CONJUNCTION)
        self._arrays["rules"] = np.array(rules, dtype=tables.RULE)

    def _rule(self, rule: Rule) -> tuple[int, ...]:
        timer_first = len(self._timer_list)
        self._timer_list += rule.timers
        return (
            rule.number,
            rule.priority,
            *self._blob(rule.blob),
            timer_first,
            len(rule.timers),
            self._add_effects(rule.effects),
            len(rule.effects),
            int(rule.role),
            0,
        )

    def _add_effects(self, effects: Sequence[EffectTemplate]) -> int:
        """Returns the index of the first one."""
        first = len(self._effects)
        self._effects += [
            (*self._blob(e.blob), e.trigger, e.action_index, e.urgency, e.channel) for e in effects
        ]
        return first

    def _timers(self) -> None:
        still_first = len(self._model.trigger_rules) + len(self._model.decide_rules)
        rows = [
            (
                timer.delay_us,
                timer.spread_us,
                timer.trigger,
                NONE_U32 if timer.still is None else still_first + timer.still,
                self._add_effects(timer.effects),
                len(timer.effects),
                int(timer.kind),
                int(timer.policy),
                timer.step,
                b"",
            )
            for timer in self._model.timers
        ]
        self._arrays["timers"] = np.array(rows, dtype=tables.TIMER)
        self._arrays["effects"] = np.array(self._effects, dtype=tables.EFFECT_TEMPLATE)
        self._arrays["timer_list"] = np.array(self._timer_list, dtype=np.uint32)

    def _column(
        self, column: Column, number: int, row_word: int, thresholds: list[tuple[int, int, int]]
    ) -> tuple[object, ...]:
        first = len(thresholds)
        for threshold in column.thresholds:
            kind, bits = tables.encode_constant(threshold)
            assert isinstance(bits, int)
            thresholds.append((bits, kind, 0))
        for text, bucket in column.string_bucket.items():
            self._dictionary.add(tables.SPACE_VALUE + number, text, bucket)
        return (
            row_word if column.dense else NOT_DENSE,
            self._source(column.source),
            first,
            len(column.thresholds),
            column.string_count,
            int(column.value_class),
        )

    def _conjunctions(self, built: BuiltIndex, rule_first: int) -> np.ndarray:
        """Writes the residual leaves; returns the conjunctions."""
        starts = np.cumsum([0] + [len(column.predicates) for column in built.columns])
        chosen = starts[built.residual_column] + built.residual_predicate
        predicates = np.zeros(int(starts[-1]), dtype=tables.LEAF)
        # In the order of first use, so that the operands of one conjunction share cache lines.
        uses = np.sort(np.unique(chosen, return_index=True)[1])
        places = zip(
            chosen[uses].tolist(),
            built.residual_column[uses].tolist(),
            built.residual_predicate[uses].tolist(),
            strict=True,
        )
        for place, number, i in places:
            predicate = built.columns[number].predicates[i]
            operands = self._operands.add(predicate.operands)
            open_bucket = built.columns[number].open_bucket[i].to_bytes(3, "little")
            predicates[place] = (
                number,
                operands,
                len(predicate.operands),
                int(predicate.op),
                open_bucket,
            )
        first = self._add_leaves(predicates[chosen])
        count = len(built.conjunction_rule)
        sizes = np.bincount(built.residual_conjunction, minlength=count)[:count]
        result = np.zeros(count, dtype=tables.CONJUNCTION)
        result["rule"] = built.conjunction_rule + rule_first
        result["residual_count"] = sizes
        result["residual_first"] = np.where(sizes > 0, first + np.cumsum(sizes) - sizes, 0)
        return result

    def _placements(self) -> None:
        candidates: list[tuple[object, ...]] = []
        sources: list[tuple[int, ...]] = []
        weights: list[np.ndarray] = []
        rows: list[list[object]] = []
        weight_count = 0
        for placement in self._model.placements:
            count, source_count = len(placement.candidates), len(placement.sources)
            stride = (count + 15) // 16 * 16
            matrix = np.zeros((source_count, stride), dtype="<f4")
            for i, candidate in enumerate(placement.candidates):
                if len(candidate.weights) != source_count:
                    raise ValueError(
                        f"placement {placement.name}: a candidate without {source_count} weights"
                    )
                matrix[:, i] = candidate.weights
            rows.append(
                [
                    len(candidates),
                    count,
                    len(sources),
                    source_count,
                    weight_count,
                    stride,
                    NONE_U32,
                    self._strings.add(placement.name),
                ]
            )
            candidates += [self._candidate(candidate, 0) for candidate in placement.candidates]
            sources += [self._source(source) for source in placement.sources]
            weights.append(matrix.reshape(-1))
            weight_count += matrix.size
        for row, placement in zip(rows, self._model.placements, strict=True):
            if placement.fallback is not None:
                row[6] = len(candidates)
                candidates.append(self._candidate(placement.fallback, CANDIDATE_FLAG_FALLBACK))
        self._arrays["placements"] = np.array([tuple(row) for row in rows], dtype=tables.PLACEMENT)
        self._arrays["candidates"] = np.array(candidates, dtype=tables.CANDIDATE)
        self._arrays["score_sources"] = np.array(sources, dtype=tables.SOURCE)
        self._arrays["score_weights"] = _joined(weights, np.dtype("<f4"))

    def _candidate(self, candidate: Candidate, flags: int) -> tuple[object, ...]:
        rule = (
            NONE_U32 if candidate.rule is None else len(self._model.trigger_rules) + candidate.rule
        )
        start_us = -(1 << 63) if candidate.start_us is None else candidate.start_us
        end_us = (1 << 63) - 1 if candidate.end_us is None else candidate.end_us
        flags |= CANDIDATE_FLAG_LOGISTIC if candidate.logistic else 0
        return (
            candidate.consent_mask,
            start_us,
            end_us,
            rule,
            candidate.priority,
            candidate.bias,
            candidate.ttl_s,
            *self._blob(candidate.blob),
            flags,
            0,
        )


def _joined(arrays: Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.zeros(0, dtype=dtype)
