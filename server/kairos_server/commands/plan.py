"""`kairos plan`: the plans that documents were compiled into."""

import argparse
from collections.abc import Iterator

from kairos.v1 import plan_service_pb2
from kairos.v1.plan_service_pb2_grpc import PlanServiceStub

from kairos_server.commands.arguments import action_add, actions_add, count_read
from kairos_server.commands.connection import Server, connection_add
from kairos_server.commands.output import Column, Output, output_add, time_text
from kairos_server.exits import CommandFailed, Exit

PAGE_SIZE = 100
PLAN_ID_SIZE = 64
SHORT_ID_SIZE = 12
COLUMNS = (
    Column("plan", lambda plan: plan.plan_id[:SHORT_ID_SIZE]),
    Column("active", lambda plan: plan.active),
    Column("created", lambda plan: time_text(plan.create_time_us)),
    Column("activated", lambda plan: time_text(plan.activate_time_us)),
    Column("triggers", lambda plan: plan.trigger_count),
    Column("contents", lambda plan: plan.content_count),
    Column("features", lambda plan: plan.feature_count),
    Column("author", lambda plan: plan.author or None),
    Column("note", lambda plan: plan.note or None),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    actions = actions_add(parser)
    shown = action_add(
        actions, "list", "list plans, newest first", plans_list,
        ("kairos plan list", "kairos plan list --limit 100 --json"),
    )  # fmt: skip
    shown.add_argument("--limit", type=count_read, default=20, metavar="N", help="default 20")
    show = action_add(
        actions, "show", "show one plan", plan_show, ("kairos plan show", "kairos plan show 3f9c")
    )
    show.add_argument(
        "plan", nargs="?", default="active", metavar="PLAN",
        help="plan id or its beginning (default: the active plan)",
    )  # fmt: skip
    activate = action_add(
        actions, "activate", "make a plan the one that decides", plan_activate,
        ("kairos plan activate 3f9c --note 'summer rules'",),
    )  # fmt: skip
    activate.add_argument("plan", metavar="PLAN", help="plan id or its beginning")
    back = action_add(
        actions, "roll-back", "activate the plan that was active before", plan_roll_back,
        ("kairos plan roll-back --note 'too many mails'",),
    )  # fmt: skip
    for child in (activate, back):
        child.add_argument("--note", default="", help="why")
    for child in (shown, show, activate, back):
        output_add(child)
        connection_add(child)


def plans_list(parsed: argparse.Namespace) -> int:
    """Lists plans. Errors: CommandFailed."""
    with Server(parsed) as server:
        plans = list(plans_walk(server, parsed.limit))
    Output(parsed).table(plans, COLUMNS, "no plan yet; `kairos documents apply` makes one")
    return Exit.OK


def plan_show(parsed: argparse.Namespace) -> int:
    """Shows one plan. Errors: CommandFailed."""
    with Server(parsed) as server:
        plan = plan_find(server, parsed.plan)
    plan_print(Output(parsed), plan)
    return Exit.OK


def plan_activate(parsed: argparse.Namespace) -> int:
    """Activates a plan. Errors: CommandFailed."""
    with Server(parsed) as server:
        plan_id = parsed.plan
        if len(plan_id) != PLAN_ID_SIZE:
            plan_id = plan_find(server, plan_id).plan_id
        request = plan_service_pb2.ActivatePlanRequest(plan_id=plan_id, note=parsed.note)
        answer = server.call(server.stub(PlanServiceStub).ActivatePlan, request)
    plan_print(Output(parsed), answer.plan)
    return Exit.OK


def plan_roll_back(parsed: argparse.Namespace) -> int:
    """Activates the plan before. Errors: CommandFailed."""
    with Server(parsed) as server:
        request = plan_service_pb2.RollBackPlanRequest(note=parsed.note)
        answer = server.call(server.stub(PlanServiceStub).RollBackPlan, request)
    plan_print(Output(parsed), answer.plan)
    return Exit.OK


def plan_find(server: Server, text: str) -> plan_service_pb2.Plan:
    """Returns the plan whose id begins with a text, or the active one.

    Errors: CommandFailed when there is none, or more than one.
    """
    plans = [
        plan
        for plan in plans_walk(server)
        if (plan.active if text == "active" else plan.plan_id.startswith(text.lower()))
    ]
    if len(plans) == 1:
        return plans[0]
    if plans:
        raise CommandFailed(
            Exit.REFUSED, f"{len(plans)} plans begin with `{text}`; write more of the id."
        )
    raise CommandFailed(Exit.REFUSED, f"there is no plan `{text}`; see `kairos plan list`.")


def plans_walk(server: Server, count_max: int | None = None) -> Iterator[plan_service_pb2.Plan]:
    """Yields plans, newest first, page by page. Errors: CommandFailed."""
    stub = server.stub(PlanServiceStub)
    request = plan_service_pb2.ListPlansRequest(page_size=PAGE_SIZE)
    count = 0
    while True:
        page = server.call(stub.ListPlans, request)
        for plan in page.plans:
            if count == count_max:
                return
            count += 1
            yield plan
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def plan_print(output: Output, plan: plan_service_pb2.Plan) -> None:
    """Writes one plan."""
    output.message(plan)
    output.fields(
        (
            ("plan", plan.plan_id),
            ("active", plan.active),
            ("created", time_text(plan.create_time_us)),
            ("activated", time_text(plan.activate_time_us)),
            ("author", plan.author or None),
            ("note", plan.note or None),
            ("triggers", plan.trigger_count),
            ("contents", plan.content_count),
            ("features", plan.feature_count),
            ("image bytes", plan.image_bytes),
        )
    )
