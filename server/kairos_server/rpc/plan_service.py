"""kairos.v1.PlanService: documents in, plans listed, activated, rolled back."""

import asyncio
from dataclasses import replace

from kairos.v1 import plan_service_pb2 as plans

from kairos_server.administration import DocumentDiff, Edit, Outcome
from kairos_server.catalog import DocumentsRefused
from kairos_server.errors import Refused
from kairos_server.limits import Limits
from kairos_server.plans import PlanRow, Plans
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.document_comparison import stored_diff
from kairos_server.rpc.document_messages import diff_messages
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.pages import page_read, page_token
from kairos_server.rpc.requests import actor_of, documents_refused, inputs_of, parsed

SERVICE = "kairos.v1.PlanService"


class PlanService:
    """The cold half of the contract; ordinary generated messages."""

    def __init__(self, plans: Plans, limits: Limits) -> None:
        self._plans = plans
        self._limits = limits

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        return (
            Method(f"/{SERVICE}/ApplyDocuments", Kind.UNARY, unary=self._apply),
            Method(f"/{SERVICE}/ActivatePlan", Kind.UNARY, unary=self._activate),
            Method(f"/{SERVICE}/RollBackPlan", Kind.UNARY, unary=self._roll_back),
            Method(f"/{SERVICE}/ListPlans", Kind.UNARY, unary=self._list),
            Method(f"/{SERVICE}/GetDictionary", Kind.UNARY, unary=self._dictionary),
        )

    async def _apply(self, request: bytes, call: Call) -> bytes:
        message = parsed(plans.ApplyDocumentsRequest, request)
        inputs = inputs_of(message.documents, message.removed_names, self._limits)
        removed = list(message.removed_names)
        diffs: list[DocumentDiff] = []

        def respond(outcome: Outcome) -> bytes:
            assert outcome.row is not None
            row = self._plans.row_state(call.tenant, outcome.row)
            if message.activate and not (message.validate_only or row.active):
                # The kept answer is made before the record that activates is written.
                row = replace(row, active=True, activate_time_us=call.received_us)
            return plans.ApplyDocumentsResponse(
                plan=_plan(row), warnings=outcome.warnings, diffs=diff_messages(diffs)
            ).SerializeToString()

        edit = Edit(
            actor_of(
                call, self._limits, request, author=message.author, note=message.note,
                request_id=message.request_id,
            ),
            "documents.apply", inputs, removed, prune=message.prune,
            include_drafts=message.include_drafts, activate=message.activate,
            validate_only=message.validate_only, respond=respond,
        )  # fmt: skip

        async def act() -> bytes:
            if message.include_diffs:
                heads = (await self._plans.documents.state(call.tenant)).heads
                diffs.extend(
                    await asyncio.to_thread(
                        stored_diff, heads, inputs, removed, prune=message.prune
                    )
                )
            outcome = await self._plans.documents.run(call.tenant, edit)
            return edit.response or respond(outcome)

        try:
            with refusals():
                return await self._plans.documents.once(call.tenant, edit.actor, act)
        except DocumentsRefused as refused:
            raise documents_refused(refused) from None

    async def _activate(self, request: bytes, call: Call) -> bytes:
        message = parsed(plans.ActivatePlanRequest, request)
        actor = actor_of(call, self._limits, request, author=message.author, note=message.note)
        try:
            plan_id = bytes.fromhex(message.plan_id)
        except ValueError:
            plan_id = b""
        if len(plan_id) != 32 or message.plan_id != plan_id.hex():
            raise Refused("PLAN_UNKNOWN", "plan_id", message.plan_id)
        with refusals():
            row = await self._plans.activate(call.tenant, plan_id, actor)
        return plans.ActivatePlanResponse(plan=_plan(row)).SerializeToString()

    async def _roll_back(self, request: bytes, call: Call) -> bytes:
        message = parsed(plans.RollBackPlanRequest, request)
        actor = actor_of(call, self._limits, request, author=message.author, note=message.note)
        with refusals():
            row = await self._plans.roll_back(call.tenant, actor)
        return plans.RollBackPlanResponse(plan=_plan(row)).SerializeToString()

    async def _list(self, request: bytes, call: Call) -> bytes:
        message = parsed(plans.ListPlansRequest, request)
        size, after = page_read(SERVICE, message.page_size, message.page_token, self._limits)
        rows = sorted(self._plans.rows(call.tenant), key=lambda row: row.order, reverse=True)
        rest = [row for row in rows if after is None or row.order < after]
        page = rest[:size]
        token = page_token(SERVICE, page[-1].order) if len(rest) > size else ""
        return plans.ListPlansResponse(
            plans=[_plan(row) for row in page], next_page_token=token
        ).SerializeToString()

    async def _dictionary(self, request: bytes, call: Call) -> bytes:
        parsed(plans.GetDictionaryRequest, request)
        names = await self._plans.dictionary(call.tenant)
        return plans.GetDictionaryResponse(
            entries=[plans.DictionaryEntry(name_id=number, name=name) for number, name in names]
        ).SerializeToString()


def _plan(row: PlanRow) -> plans.Plan:
    return plans.Plan(
        plan_id=row.plan_id.hex(),
        create_time_us=row.create_time_us,
        activate_time_us=row.activate_time_us,
        active=row.active,
        author=row.author,
        note=row.note,
        trigger_count=row.trigger_count,
        content_count=row.content_count,
        feature_count=row.feature_count,
        image_bytes=row.image_size,
    )
