"""All documents of a tenant and its registry -> a plan model and the registry after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import limits
from .cel import Parser, literal_text
from .conditions import Conditions
from .contents import compile_placements
from .documents import Body, canonical_json
from .encode import action_blobs, trigger_blob
from .identity import identity_masks
from .intake import field_flags, intake_of
from .lower import ALWAYS, NEVER, Conjunctions, both
from .model import (
    Derived,
    DerivedKind,
    Field,
    FieldType,
    LeafOp,
    PlanModel,
    Rule,
    Slot,
    SlotKind,
    SlotScope,
    Source,
    SourceKind,
    Term,
    Time,
)
from .names import Reader, Tables
from .policies import read_policies
from .registry import Numbering, Registry
from .schema import CONTEXT_FIELDS, EVENT_FIELDS, PROFILE_FIELDS, Schema
from .schema_document import read_schema
from .shapes import (
    READERS,
    FeatureDocument,
    Schedule,
    ScoreDocument,
    TriggerDocument,
)
from .timers import Timers
from .violations import DocumentsRefused, Place, Reason


@dataclass(frozen=True, slots=True)
class Compiled:
    """`texts`: document -> the canonical CEL of its condition."""

    model: PlanModel
    registry: Registry
    warnings: tuple[str, ...]
    texts: Mapping[str, str]


def compile_documents(
    tenant: int, bodies: Mapping[str, Body], registry: Registry, parser: Parser
) -> Compiled:
    """Returns the plan of the documents (`kind/id` -> body). The same input gives the same plan.

    Errors: DocumentsRefused with every fault of every document
    """
    try:
        result = Compiler(tenant, bodies, registry, parser).compiled()
    except DocumentsRefused:
        parser.forget_new()
        raise
    parser.forget_unused()
    return result


class Compiler:
    def __init__(
        self, tenant: int, bodies: Mapping[str, Body], registry: Registry, parser: Parser
    ) -> None:
        self._tenant = tenant
        # The list of the memo: the places of documents that were read before hold it too.
        self._violations = parser.memo.violations
        self._violations.clear()
        self._warnings: list[str] = []
        self._texts: dict[str, str] = {}
        self._policies: dict[str, Any] = {}
        self._documents: dict[str, list[Any]] = {kind: [] for kind in READERS}
        schema = Schema()
        for name in sorted(bodies):
            kind, _, _ = name.partition("/")
            place = Place(self._violations, name)
            if kind == "schema":
                schema = read_schema(bodies[name], place)
            else:
                read = parser.memo.reading(name, bodies[name], READERS[kind], place)
                self._documents[kind].append(read)
        self._numbering = Numbering(registry)
        self._tables = Tables(schema, self._numbering)
        self._conditions = Conditions(self._tables, parser)
        self._timers = Timers(self._conditions, self._texts)
        self._number_schema(Place(self._violations, "schema/main"))

    def compiled(self) -> Compiled:
        self._name_features()
        self._policies = read_policies(self._documents["policy"])
        derived = self._derived()
        rules = [
            rule for document in self._documents["trigger"] for rule in self._trigger(document)
        ]
        rules.sort(key=lambda rule: (-rule.priority, rule.number, rule.role))
        effects_max = self._check_fired(rules)
        decide = compile_placements(
            self._documents["placement"],
            self._documents["content"],
            self._conditions,
            self._warnings,
            self._texts,
        )
        self._check_columns("triggers", rules)
        self._check_columns("contents", decide.rules)
        self._check_columns("timers", self._timers.rules)
        if self._violations:
            raise DocumentsRefused(self._violations)
        registry = self._with_event_types([*rules, *decide.rules])
        link_types, unique_types = identity_masks(self._policies)
        model = replace(
            self._model(registry, derived, rules, decide.rules, decide.placements),
            timer_rules=tuple(self._timers.rules), timers=self._timers.all(),
            event_effects_max=effects_max,
            identity_link_types=link_types, identity_unique_types=unique_types,
        )  # fmt: skip
        return Compiled(model, registry, tuple(self._warnings), self._texts)

    def _number_schema(self, place: Place) -> None:
        schema = self._tables.schema
        for name in sorted(schema.attributes):
            self._numbering.attribute(name)
        for name in sorted(schema.traits):
            self._numbering.trait(name)
        for index, name in enumerate(schema.purposes):
            with place.at("purposes").item(index).catch():
                self._numbering.purpose(name)

    def _name_features(self) -> None:
        tables = self._tables
        documents: list[FeatureDocument] = sorted(
            self._documents["feature"], key=lambda document: document.id
        )
        for document in documents:
            taken = (
                "is always there"
                if document.id in PROFILE_FIELDS
                else "is also a trait"
                if document.id in tables.schema.traits
                else "is also another feature, in another spelling"
                if document.id in tables.named
                else ""
            )
            if taken:
                document.place.at("id").fault(Reason.NAME_TAKEN, f"profile.{document.id} {taken}")
                continue
            with document.place.at("expression").catch():
                value = self._conditions.call(document.expression)
                self._conditions.check(value.text)
                tables.named[document.id] = value
                self._texts[document.place.document] = value.text

    def _derived(self) -> tuple[Derived, ...]:
        documents: list[ScoreDocument] = sorted(
            self._documents["score"], key=lambda document: document.id
        )
        for document in documents:
            taken = (
                "is always there"
                if document.id in PROFILE_FIELDS
                else "is also a trait"
                if document.id in self._tables.schema.traits
                else "is also a feature"
                if document.id in self._tables.named
                else ""
            )
            if document.id in self._tables.scores:
                taken = "is also another score, in another spelling"
            if taken:
                document.place.at("id").fault(Reason.NAME_TAKEN, f"profile.{document.id} {taken}")
            self._tables.scores.setdefault(document.id, len(self._tables.scores))
        return tuple(self._score(document) for document in documents)

    def _score(self, document: ScoreDocument) -> Derived:
        terms: list[Term] = []
        for index, term in enumerate(document.terms):
            with document.place.at("terms").item(index).at("feature").catch():
                terms.append(
                    Term(term.weight, self._conditions.feature(term.feature, Reader.SCORE))
                )
        kind = DerivedKind.LOGISTIC if document.logistic else DerivedKind.ENGAGEMENT
        return Derived(document.id, kind, document.bias, tuple(terms))

    def _trigger(self, document: TriggerDocument) -> list[Rule]:
        number = self._numbering.trigger(document.id)
        blobs: list[bytes] = []
        conjunctions, found = NEVER, len(self._violations)
        with document.place.at(document.condition_key).catch():
            text, conjunctions = self._conditions.compile(document.condition, Reader.TRIGGER)
            for extra in self._extras(document):
                more, extra_conjunctions = self._conditions.compile(extra, Reader.TRIGGER)
                text, conjunctions = f"({text}) && {more}", both(conjunctions, extra_conjunctions)
            self._conditions.check(text)
            self._texts[f"trigger/{document.id}"] = text
        with document.place.at("actions").catch():
            blobs = action_blobs(document.actions)
        if len(self._violations) > found:
            return []
        if conjunctions in (NEVER, ALWAYS):
            what = "can never fire" if conjunctions == NEVER else "fires on every event"
            self._warnings.append(f"trigger/{document.id}: its condition {what}.")
        answered = (
            blob for blob, way in zip(blobs, document.deliveries, strict=True) if not way.outbox
        )
        rule = Rule(
            number,
            document.priority,
            conjunctions if document.schedule.active else NEVER,
            trigger_blob(document.id, answered, document.urgency),
        )
        bounds = " && ".join(schedule_texts(document.schedule))
        return self._timers.rules_of(document, rule, blobs, bounds)

    def _extras(self, document: TriggerDocument) -> list[str]:
        texts = schedule_texts(document.schedule)
        schema = self._tables.schema
        for name, wanted, place in document.personalization:
            if wanted == "all":
                continue
            source = (
                "profile.persona"
                if name == "persona" and "persona" in schema.traits
                else f"event.{name}"
            )
            if name == "traffic_source" and name not in schema.attributes:
                place.fault(
                    Reason.UNSUPPORTED,
                    "traffic_source other than all needs an attribute traffic_source in the schema",
                )
                continue
            with place.catch():
                text = f"{source} == {literal_text(wanted)}"
                self._conditions.compile(text, Reader.TRIGGER)
                texts.append(text)
        return texts

    def _check_fired(self, rules: Sequence[Rule]) -> int:
        """One event has one type: it fires at most the rules of that type and those
        that ask for none. Returns how many effects and timers it causes at most.
        """
        counts: dict[str, int] = {}
        types = {index: _event_types(rule.conjunctions) for index, rule in enumerate(rules)}
        for names in types.values():
            for name in names:
                counts[name] = counts.get(name, 0) + 1
        most = counts.get("*", 0) + max(
            (count for name, count in counts.items() if name != "*"), default=0
        )
        if most > limits.TRIGGERS_FIRED_MAX:
            Place(self._violations, "trigger").fault(
                Reason.LIMIT_EXCEEDED,
                f"one event might fire {most} triggers; at most {limits.TRIGGERS_FIRED_MAX}. "
                "Narrow them by event.type",
            )
        return self._timers.check(rules, types, Place(self._violations, "trigger"))

    def _check_columns(self, what: str, rules: Sequence[Rule]) -> None:
        count = len(
            {
                leaf.source
                for rule in rules
                for conjunction in rule.conjunctions
                for leaf in conjunction
            }
        )
        if count > limits.COLUMNS_MAX:
            Place(self._violations, what).fault(
                Reason.LIMIT_EXCEEDED,
                f"conditions read {count} different values; at most {limits.COLUMNS_MAX}",
            )

    def _with_event_types(self, rules: Sequence[Rule]) -> Registry:
        """Gives ids to the event types of features first, then to those that conditions name."""
        for number in sorted(self._tables.features):
            name = self._tables.features[number].event_type
            if name != "*":
                self._numbering.event_type(name)
        for name in sorted(self._tables.schema.events):
            self._numbering.event_type(name)
        for name in sorted(
            {name for rule in rules for name in _event_types(rule.conjunctions)} - {"*"}
        ):
            if len(name.encode()) <= limits.EVENT_TYPE_SIZE_MAX:
                self._numbering.event_type(name)
        return self._numbering.registry()

    def _model(
        self,
        registry: Registry,
        derived: tuple[Derived, ...],
        rules: list[Rule],
        decide_rules: Sequence[Rule],
        placements: Any,
    ) -> PlanModel:
        schema = self._tables.schema
        fixed = [Field(name, kind) for name, kind in EVENT_FIELDS.items()]
        # A name that the schema gave up keeps its place, and takes any value.
        attributes = [
            Field(name, schema.attributes.get(name, FieldType.DYN), flags)
            for name, flags in zip(
                registry.attributes, field_flags(schema, registry.attributes), strict=True
            )
        ]
        context = [Field(name, kind) for name, kind in CONTEXT_FIELDS.items()] + [
            Field(n, schema.context[n]) for n in sorted(schema.context)
        ]
        sizes = {
            scope: max((s.offset + s.size for s in registry.slots if s.scope == scope), default=0)
            for scope in SlotScope
        }
        return PlanModel(
            tenant=self._tenant,
            event_types=registry.event_types,
            event_fields=tuple(fixed + attributes),
            context_fields=tuple(context),
            traits=tuple(
                Field(name, schema.traits.get(name, FieldType.DYN)) for name in registry.traits
            ),
            purposes=registry.purposes,
            slots=tuple(self._slot(registry, number) for number in range(len(registry.slots))),
            slot_size=sizes[SlotScope.SUBJECT],
            session_slot_size=sizes[SlotScope.SESSION],
            derived=derived,
            trigger_rules=tuple(rules),
            decide_rules=tuple(decide_rules),
            placements=tuple(placements),
            trigger_names=registry.triggers,
            intake=intake_of(schema, registry),
            meta=self._meta(registry),
        )

    def _slot(self, registry: Registry, number: int) -> Slot:
        entry, feature = registry.slots[number], self._tables.features.get(number)
        if feature is None:
            return Slot(SlotKind.RETIRED, entry.scope, entry.offset, entry.size, text=entry.text)
        index = {name: i for i, name in enumerate([*EVENT_FIELDS, *registry.attributes])}
        return Slot(
            kind=feature.kind, scope=feature.scope, offset=entry.offset, size=entry.size,
            event_type=0 if feature.event_type == "*"
            else registry.event_types.index(feature.event_type) + 1,
            filter=tuple((index[name], value) for name, value in feature.filter),
            value_field=None if feature.attribute is None else index[feature.attribute],
            window_us=feature.window_us, bucket_us=feature.bucket_us,
            bucket_count=feature.bucket_count, decay_per_us=feature.decay_per_us, text=feature.text,
        )  # fmt: skip

    def _meta(self, registry: Registry) -> bytes:
        return canonical_json(
            {
                "conditions": self._texts,
                "features": [s.text if s.live else None for s in registry.slots],
                "named_features": {n: v.source.id for n, v in sorted(self._tables.named.items())},
                "policies": self._policies,
                "schema": self._schema_meta(),
            }
        )

    def _schema_meta(self) -> dict[str, Any]:
        """What the server needs of the schema: for privacy-compliant events."""
        schema = self._tables.schema
        return {
            "personal": sorted(schema.personal),
            "personal_traits": sorted(schema.personal_traits),
            "purposes": list(schema.purposes),
        }


def schedule_texts(schedule: Schedule) -> list[str]:
    """Returns the bounds of a schedule as conditions on `now`."""
    texts = []
    if schedule.start_us is not None:
        texts.append(f"now >= {literal_text(Time(schedule.start_us))}")
    if schedule.end_us is not None:
        texts.append(f"now < {literal_text(Time(schedule.end_us))}")
    return texts


def _event_types(conjunctions: Conjunctions) -> set[str]:
    """Returns the event types on which a rule can fire; "*" where a conjunction asks for none."""
    result: set[str] = set()
    for conjunction in conjunctions:
        named: set[str] = {"*"}
        for leaf in conjunction:
            if leaf.source == Source(SourceKind.EVENT, 0) and leaf.op in (LeafOp.EQ, LeafOp.IN):
                named = {operand for operand in leaf.operands if isinstance(operand, str)}
        result |= named
    return result
