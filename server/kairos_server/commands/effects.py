"""`kairos effects`: the outbox, as an operator and as a worker see it."""

import argparse
import re
import socket
from collections.abc import Iterator
from typing import Any, Final

from kairos.v1 import effect_service_pb2, event_pb2
from kairos.v1.effect_service_pb2_grpc import EffectServiceStub

from kairos_server.commands.arguments import (
    CHANNELS,
    action_add,
    actions_add,
    count_read,
    time_us_read,
)
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, attributes_text, output_add, time_text
from kairos_server.exits import CommandFailed, Exit

PAGE_SIZE: Final = 100
LIMIT: Final = 20
SECOND_US: Final = 1_000_000
WAIT_MARGIN_S: Final = 5.0
_DURATION: Final = re.compile(r"(\d+)(s|m|h|d)\Z")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
COLUMNS: Final = (
    Column("effect", lambda row: row.effect_id),
    Column("subject", lambda row: row.subject_id),
    Column("channel", lambda row: channel_text(row.channel)),
    Column("attempts", lambda row: row.attempt),
    Column("due", lambda row: time_text(row.due_time_us)),
    Column("leased until", lambda row: time_text(row.lease_expire_time_us)),
    Column("trigger", lambda row: row.trigger_id or None),
    Column(
        "action", lambda row: f"{row.action.type} {attributes_text(row.action.parameters)}".rstrip()
    ),
)
DEAD: Final = (*COLUMNS[:4], COLUMNS[6], Column("reason", lambda row: row.failure_reason))
LEASED: Final = (*COLUMNS[:4], Column("token", lambda row: row.lease_token), COLUMNS[7])


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    shown = action_add(
        actions, "list", "list effects that wait for a worker or an attempt, oldest first",
        run_list, ("kairos effects list", "kairos effects list --subject alice --json"),
    )  # fmt: skip
    dead = action_add(
        actions, "dead", "list effects that were given up, oldest first", run_dead,
        ("kairos effects dead", "kairos effects dead --type send_email --limit 100"),
    )  # fmt: skip
    replay = action_add(
        actions, "replay", "make dead effects pending again", run_replay,
        ("kairos effects replay 1042-0", "kairos effects replay --all --type send_email --dry-run"),
    )  # fmt: skip
    discard = action_add(
        actions, "discard", "remove dead effects for ever", run_discard,
        ("kairos effects discard 1042-0 --note 'wrong text'",),
    )  # fmt: skip
    stats = action_add(
        actions, "stats", "count effects by what they wait for", run_stats,
        ("kairos effects stats",),
    )  # fmt: skip
    for child in (shown, dead):
        child.add_argument(
            "--limit", type=count_read, default=LIMIT, metavar="N", help="default 20"
        )
    for child in (replay, discard):
        child.add_argument("effect", nargs="*", metavar="EFFECT", help="ids")
        child.add_argument("--all", action="store_true", help="all that the filter fits")
        child.add_argument("--note", default="", help="why")
        child.add_argument("--dry-run", action="store_true", help="only count")
    for child in (shown, dead, replay, discard):
        _filter_add(child)
    workers = _workers_add(actions)
    for child in (shown, dead, replay, discard, stats, *workers):
        output_add(child)
        connection_add(child)


def run_list(parsed: argparse.Namespace) -> int:
    """Lists pending effects. Errors: CommandFailed."""
    with Server(parsed) as server:
        method = server.stub(EffectServiceStub).ListEffects
        request = effect_service_pb2.ListEffectsRequest(filter=_filter_of(parsed))
        rows = list(_walk(server, method, request, parsed.limit))
    Output(parsed).table(rows, COLUMNS, "nothing is pending")
    return Exit.OK


def run_dead(parsed: argparse.Namespace) -> int:
    """Lists dead effects. Errors: CommandFailed."""
    with Server(parsed) as server:
        method = server.stub(EffectServiceStub).ListDeadEffects
        request = effect_service_pb2.ListDeadEffectsRequest(filter=_filter_of(parsed))
        rows = list(_walk(server, method, request, parsed.limit))
    Output(parsed).table(rows, DEAD, "nothing was given up")
    return Exit.OK


def run_replay(parsed: argparse.Namespace) -> int:
    """Replays dead effects. Errors: CommandFailed."""
    return _change(
        parsed, "ReplayEffects", effect_service_pb2.ReplayEffectsRequest, "pending again"
    )


def run_discard(parsed: argparse.Namespace) -> int:
    """Discards effects. Errors: CommandFailed."""
    return _change(parsed, "DiscardEffects", effect_service_pb2.DiscardEffectsRequest, "discarded")


def run_stats(parsed: argparse.Namespace) -> int:
    """Shows counts. Errors: CommandFailed."""
    with Server(parsed) as server:
        request = effect_service_pb2.GetEffectStatsRequest()
        found = server.call(server.stub(EffectServiceStub).GetEffectStats, request)
    output = Output(parsed)
    output.message(found)
    output.fields(
        (
            ("pending", found.pending_count),
            ("  ready", found.ready_count),
            ("  leased", found.leased_count),
            ("  behind an earlier one", found.blocked_count),
            ("  not due", found.waiting_count),
            ("dead", found.dead_count),
            ("oldest pending", time_text(found.oldest_create_time_us)),
            ("waiting workers", found.worker_count),
        )
    )
    return Exit.OK


def run_lease(parsed: argparse.Namespace) -> int:
    """Leases effects; REFUSED when there were none. Errors: CommandFailed."""
    request = effect_service_pb2.LeaseEffectsRequest(
        worker_id=parsed.worker or f"kairos@{socket.gethostname()}",
        effect_count_max=parsed.n,
        wait_us=int(parsed.wait * SECOND_US),
        lease_us=parsed.lease or 0,
        channels=[f"CHANNEL_{name.upper()}" for name in parsed.channel],
        action_types=parsed.type,
        include_event=parsed.event,
    )
    parsed.timeout = max(parsed.timeout, parsed.wait + WAIT_MARGIN_S)
    with Server(parsed) as server:
        answer = server.call(server.stub(EffectServiceStub).LeaseEffects, request)
    Output(parsed).table(answer.effects, LEASED, "nothing is due")
    return Exit.OK if answer.effects else Exit.REFUSED


def run_ack(parsed: argparse.Namespace) -> int:
    """Acknowledges an effect. Errors: CommandFailed."""
    request = effect_service_pb2.AckEffectsRequest(leases=[_lease_of(parsed)])
    with Server(parsed) as server:
        answer = server.call(server.stub(EffectServiceStub).AckEffects, request)
    return _result(parsed, answer, "done")


def run_fail(parsed: argparse.Namespace) -> int:
    """Says that an attempt failed. Errors: CommandFailed."""
    failed = effect_service_pb2.FailedEffect(
        lease=_lease_of(parsed),
        reason=parsed.reason,
        permanent=parsed.permanent,
        retry_delay_us=parsed.retry_after or 0,
    )
    request = effect_service_pb2.FailEffectsRequest(failures=[failed])
    with Server(parsed) as server:
        answer = server.call(server.stub(EffectServiceStub).FailEffects, request)
    return _result(parsed, answer, "counted as failed")


def duration_us_read(text: str) -> int:
    """Returns microseconds of `30s`, `5m`, `2h` or `1d`. Errors: ArgumentTypeError."""
    found = _DURATION.match(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"`{text}` is not a length of time such as 30s, 5m or 2h")
    return int(found[1]) * _UNITS[found[2]] * SECOND_US


def channel_text(channel: int) -> str | None:
    """Returns a channel as its lower-case name; None where it is not stated."""
    name = event_pb2.Channel.Name(channel)  # type: ignore[arg-type, unused-ignore]
    return name.removeprefix("CHANNEL_").lower() if channel else None


def _workers_add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> list[argparse.ArgumentParser]:
    lease = action_add(
        actions, "lease", "take due effects under a lease, as a worker does", run_lease,
        ("kairos effects lease -n 10 --wait 30 --json",),
    )  # fmt: skip
    lease.add_argument("-n", type=count_read, default=1, metavar="N", help="at most N (default 1)")
    lease.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="for the first one (default 0)"
    )
    lease.add_argument(
        "--lease", type=duration_us_read, metavar="TIME", help="length, for example 30s"
    )
    lease.add_argument("--worker", default="", help="who takes them (default kairos@HOST)")
    lease.add_argument(
        "--channel", choices=CHANNELS, action="append", default=[], help="may be repeated"
    )
    lease.add_argument("--type", action="append", default=[], help="only this type of action")
    lease.add_argument("--event", action="store_true", help="with the event that caused each")
    ack = action_add(
        actions, "ack", "say that an effect is done", run_ack, ("kairos effects ack 1042-0 TOKEN",)
    )
    fail = action_add(
        actions, "fail", "say that an attempt failed", run_fail,
        ("kairos effects fail 1042-0 TOKEN --reason 'mailbox full' --retry-after 1h",),
    )  # fmt: skip
    fail.add_argument("--reason", default="", help="why; no personal data")
    fail.add_argument("--permanent", action="store_true", help="no further attempt makes sense")
    fail.add_argument("--retry-after", type=duration_us_read, metavar="TIME", help="as 30s or 1h")
    for child in (ack, fail):
        child.add_argument("effect", metavar="EFFECT", help="id")
        child.add_argument("token", metavar="TOKEN", help="of the lease")
    return [lease, ack, fail]


def _filter_add(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("filter")
    group.add_argument(
        "--channel", choices=CHANNELS, action="append", default=[], help="may be repeated"
    )
    group.add_argument("--type", action="append", default=[], help="type of action")
    group.add_argument("--subject", default="", help="of this subject")
    group.add_argument(
        "--before", type=time_us_read, default=0, metavar="TIME", help="that came about until then"
    )


def _filter_of(parsed: argparse.Namespace) -> effect_service_pb2.EffectFilter:
    return effect_service_pb2.EffectFilter(
        channels=[f"CHANNEL_{name.upper()}" for name in parsed.channel],
        action_types=parsed.type,
        subject_id=parsed.subject,
        create_time_us_max=parsed.before,
    )


def _walk(server: Server, method: Any, request: Any, count_max: int) -> Iterator[Any]:
    count = 0
    request.page_size = min(count_max, PAGE_SIZE)
    while True:
        page = server.call(method, request)
        for effect in page.effects:
            if count == count_max:
                return
            count += 1
            yield effect
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _change(parsed: argparse.Namespace, name: str, kind: Any, done: str) -> int:
    if bool(parsed.effect) == parsed.all:
        raise CommandFailed(Exit.USAGE, "name effects by id, or say --all and perhaps a filter.")
    request = kind(note=parsed.note, validate_only=parsed.dry_run)
    if parsed.all:
        request.filter.CopyFrom(_filter_of(parsed))
    else:
        request.effect_ids.extend(parsed.effect)
    count = 0
    missing: list[str] = []
    with Server(parsed) as server:
        method = getattr(server.stub(EffectServiceStub), name)
        while True:
            answer = server.call(method, request)
            count += answer.effect_count
            missing += answer.missing_ids
            # A dry run would count the same effects for ever.
            if not answer.more or parsed.dry_run:
                break
    output = Output(parsed)
    output.record({"effectCount": count, "missingIds": missing})
    more = " or more" if answer.more else ""
    output.line(f"{count:,}{more} {'would be ' if parsed.dry_run else ''}{done}")
    output.lines(f"not found: {effect_id}" for effect_id in missing)
    return Exit.REFUSED if missing else Exit.OK


def _lease_of(parsed: argparse.Namespace) -> effect_service_pb2.EffectLease:
    return effect_service_pb2.EffectLease(effect_id=parsed.effect, lease_token=parsed.token)


def _result(parsed: argparse.Namespace, answer: Any, done: str) -> int:
    output = Output(parsed)
    output.message(answer)
    result = answer.results[0]
    if result == effect_service_pb2.EFFECT_RESULT_DONE:
        output.line(f"{parsed.effect} is {done}")
        return Exit.OK
    text = {
        effect_service_pb2.EFFECT_RESULT_LEASE_LOST: "is held by somebody else, or was counted "
        "already; nothing was changed",
        effect_service_pb2.EFFECT_RESULT_NOT_FOUND: "does not exist; perhaps it was done before",
    }.get(result, "was not changed")
    raise CommandFailed(Exit.REFUSED, f"{parsed.effect} {text}.")
