"""The keys of triggers that say when actions are due: read, refused, numbered."""

import pytest
from kairos.v1 import event_pb2
from kairos_server.catalog import Catalog, DocumentsRefused
from kairos_server.catalog.model import RuleRole, TimerKind, TimerPolicy
from reference.tenants import START, document

SECOND = 1_000_000
HOUR = 3600 * SECOND
ACT = [{"type": "act"}]


def applied(*documents, catalog: Catalog | None = None, removed=()):
    catalog = catalog or Catalog.from_documents(1, {})
    return catalog.apply(list(documents), list(removed), "a", "n", START)


def model_of(**fields):
    fields = {"condition": 'event.type == "cart"', "actions": ACT, **fields}
    return applied(document("trigger", "one", **fields)).model


def faults(**fields) -> list[tuple[str, str]]:
    with pytest.raises(DocumentsRefused) as refused:
        model_of(**fields)
    return [(violation.path, violation.reason) for violation in refused.value.violations]


@pytest.mark.parametrize(
    ("timing", "kind", "steps"),
    [
        ({"after": "2h"}, TimerKind.AFTER, [(2 * HOUR, 0)]),
        ({"after": ["2h", "1w"]}, TimerKind.AFTER, [(2 * HOUR, 0), (168 * HOUR, 0)]),
        ({"after": "2m-5m"}, TimerKind.AFTER, [(120 * SECOND, 180 * SECOND)]),
        ({"inactivity": ["7d", "30d"]}, TimerKind.INACTIVITY, [(168 * HOUR, 0), (720 * HOUR, 0)]),
        ({"at": "next_session"}, TimerKind.NEXT_SESSION, [(0, 0)]),
        ("next_session", TimerKind.NEXT_SESSION, [(0, 0)]),
        ("delayed_3s", TimerKind.AFTER, [(3 * SECOND, 0)]),
        ("delayed_5min", TimerKind.AFTER, [(300 * SECOND, 0)]),
    ],
)
def test_every_spelling_of_a_timing(timing, kind, steps) -> None:
    model = model_of(timing=timing)
    assert [timer.kind for timer in model.timers] == [kind] * len(steps)
    assert [(timer.delay_us, timer.spread_us) for timer in model.timers] == steps
    assert [timer.step for timer in model.timers] == list(range(1, len(steps) + 1))
    assert {timer.policy for timer in model.timers} == {TimerPolicy.RESTART}
    (rule,) = model.trigger_rules
    assert (rule.role, rule.timers, rule.blob) == (RuleRole.ARM, tuple(range(len(steps))), b"")


def test_immediate_is_no_timing() -> None:
    assert model_of(timing="immediate") == model_of()
    (rule,) = model_of().trigger_rules
    assert (rule.role, rule.timers, rule.effects) == (RuleRole.FIRE, (), ())


def test_action_of_the_outbox_is_not_answered() -> None:
    model = model_of(
        urgency="high",
        actions=[
            {"type": "show"},
            {"type": "mail", "deliver": "outbox", "channel": "email"},
            {"type": "call", "delay": "2h", "channel": "phone"},
            {"type": "log", "delay": "0s"},
        ],
    )
    (rule,) = model.trigger_rules
    told = event_pb2.FiredTrigger.FromString(rule.blob)
    assert [action.type for action in told.actions] == ["show", "log"]
    (mail,) = rule.effects
    assert event_pb2.Action.FromString(mail.blob).type == "mail"
    assert (mail.action_index, mail.urgency, mail.channel) == (
        1, event_pb2.URGENCY_HIGH, event_pb2.CHANNEL_EMAIL
    )  # fmt: skip
    (timer,) = model.timers
    assert (timer.delay_us, timer.policy, timer.step) == (2 * HOUR, TimerPolicy.EACH, 1)
    assert [effect.action_index for effect in timer.effects] == [2]
    assert model.event_effects_max == 1 + 2


def test_own_delay_is_added_to_each_step() -> None:
    actions = [{"type": "a"}, {"type": "b", "delay": "1h"}]
    model = model_of(timing={"after": ["2h", "24h"]}, actions=actions)
    found = [(t.delay_us // HOUR, t.step, t.effects[0].action_index) for t in model.timers]
    assert found == [(2, 1, 0), (3, 1, 1), (24, 2, 0), (25, 2, 1)]


def test_unless_and_still_become_rules_of_their_own() -> None:
    timing = {"after": "2h", "unless": 'event.type == "buy"', "still": "profile.event_count < 5"}
    model = model_of(timing=timing, schedule={"end_date": "2030-01-01"})
    assert [(rule.role, rule.timers) for rule in model.trigger_rules] == [
        (RuleRole.ARM, (0,)), (RuleRole.CANCEL, (0,))
    ]  # fmt: skip
    (still,) = model.timer_rules
    assert still.role is RuleRole.STILL
    # What must hold, and the end of the schedule.
    assert len(still.conjunctions[0]) == 2
    assert model.timers[0].still == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"timing": {"after": "2"}}, [("timing.after", "VALUE_INVALID")]),
        ({"timing": {"after": "0s"}}, [("timing.after", "VALUE_INVALID")]),
        ({"timing": {"after": ["2h", 3]}}, [("timing.after[1]", "TYPE_WRONG")]),
        ({"timing": {"after": ["2h", "2h"]}}, [("timing.after[1]", "KEY_DUPLICATE")]),
        ({"timing": {"after": "5m-2m"}}, [("timing.after", "VALUE_INVALID")]),
        ({"timing": {"after": []}}, [("timing.after", "LIMIT_EXCEEDED")]),
        ({"timing": {"after": [f"{i}s" for i in range(1, 34)]}},
         [("timing.after", "LIMIT_EXCEEDED")]),
        ({"timing": {"after": "4000d"}}, [("timing.after", "LIMIT_EXCEEDED")]),
        ({"timing": {"after": "2h", "at": "next_session"}},
         [("timing", "KEY_DUPLICATE"), ("timing.at", "KEY_UNKNOWN")]),
        ({"timing": {"at": "noon"}}, [("timing.at", "VALUE_INVALID")]),
        ({"timing": "delayed_3h"}, [("timing", "VALUE_INVALID")]),
        ({"timing": "delayed_0s"}, [("timing", "VALUE_INVALID")]),
        ({"timing": {"after": "2h", "repeat": "often"}}, [("timing.repeat", "VALUE_INVALID")]),
        ({"timing": {"inactivity": "7d", "repeat": "each"}}, [("timing.repeat", "UNSUPPORTED")]),
        ({"timing": {"after": "2h", "until": "x"}}, [("timing.until", "KEY_UNKNOWN")]),
        ({"timing": {"unless": 'event.type == "buy"'}}, [("timing", "VALUE_INVALID")]),
        ({"timing": {"after": "2h", "still": 'event.type == "buy"'}},
         [("timing.still", "NAME_UNKNOWN")]),
        ({"timing": {"after": "2h", "unless": "event.nothing == 1"}},
         [("timing.unless", "NAME_UNKNOWN")]),
        ({"timing": {"after": "2h"}, "actions": [{"type": "a", "deliver": "answer"}]},
         [("actions[0].deliver", "VALUE_INVALID")]),
        ({"actions": [{"type": "a", "delay": "soon"}]}, [("actions[0].delay", "VALUE_INVALID")]),
        ({"actions": [{"type": "a", "channel": "pigeon"}]},
         [("actions[0].channel", "VALUE_INVALID")]),
        ({"timing": "next_session", "actions": [{"type": "a", "delay": "1h"}]},
         [("actions[0].delay", "UNSUPPORTED")]),
        ({"actions": [{"type": "a", "deliver": "outbox",
                       "parameters": {f"p{i}": "x" * 8000 for i in range(3)}}]},
         [("actions[0]", "LIMIT_EXCEEDED")]),
    ],
)  # fmt: skip
def test_what_is_refused(fields, expected) -> None:
    assert faults(**fields) == expected


def test_ids_of_timers_are_never_reused() -> None:
    first = applied(
        document("trigger", "a", condition="true", actions=ACT, timing={"after": ["1h", "2h"]}),
        document("trigger", "b", condition="true", actions=ACT, timing={"after": "1h"}),
    )
    assert first.catalog.registry.timers == ("a/after/1", "a/after/2", "b/after/1")
    second = applied(
        document("trigger", "b", condition="true", actions=ACT, timing={"after": "9h"}),
        document("trigger", "c", condition="true", actions=ACT, timing={"inactivity": "1h"}),
        catalog=first.catalog,
        removed=["trigger/a"],
    )
    kinds = [timer.kind for timer in second.model.timers]
    assert kinds == [TimerKind.RETIRED] * 2 + [TimerKind.AFTER, TimerKind.INACTIVITY]
    assert second.model.timers[2].delay_us == 9 * HOUR
    third = applied(
        document("trigger", "a", condition="true", actions=ACT, timing={"after": "3h"}),
        catalog=second.catalog,
    )
    assert third.model.timers[0].delay_us == 3 * HOUR
    assert third.model.timers[1].kind is TimerKind.RETIRED
    stored = {**dict(first.entries), **dict(second.entries), **dict(third.entries)}
    again = Catalog.from_documents(1, {key: value for key, value in stored.items() if value})
    assert again.registry == third.catalog.registry


def test_inactive_trigger_has_no_timers() -> None:
    model = model_of(timing={"after": "2h"}, schedule={"active": False})
    assert model.timers == ()
    assert model.trigger_rules[0].conjunctions == ()


def test_plan_whose_event_might_cause_too_much_is_refused() -> None:
    actions = [{"type": f"a{i}", "delay": "1h"} for i in range(17)]
    timing = {"after": [f"{i}h" for i in range(1, 32)]}
    documents = [
        document("trigger", name, condition='event.type == "x"', actions=actions, timing=timing)
        for name in "ab"
    ]
    with pytest.raises(DocumentsRefused) as refused:
        applied(*documents)
    (violation,) = refused.value.violations
    assert violation.reason == "LIMIT_EXCEEDED"
    assert "might cause 2170 effects and timers; at most 1024" in violation.description
    # Events have one type: triggers of different types do not add up.
    other = document("trigger", "b", condition='event.type == "y"', actions=ACT, timing=timing)
    one = document("trigger", "a", condition='event.type == "x"', actions=ACT, timing=timing)
    assert applied(one, other).model.event_effects_max == 62


def test_registry_of_before_there_were_timers_is_read() -> None:
    stored = dict(applied(document("trigger", "one", condition="true")).entries)
    stored["registry"] = stored["registry"].replace(b'"timers":[],', b"")
    assert Catalog.from_documents(1, stored).registry.timers == ()
