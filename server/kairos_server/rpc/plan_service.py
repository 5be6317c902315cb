"""kairos.v1.PlanService: documents in, plans listed, activated, rolled back."""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from kairos.v1 import plan_service_pb2 as plans

from kairos_server.catalog import DocumentInput, DocumentsRefused
from kairos_server.errors import Refused, Violation
from kairos_server.limits import Limits
from kairos_server.plans import PlanRow, Plans
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.guard import refusals
from kairos_server.rpc.pages import page_read, page_token

SERVICE = "kairos.v1.PlanService"
_M = TypeVar("_M", bound=Message)


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
        message = _parsed(plans.ApplyDocumentsRequest, request)
        self._check(message)
        inputs = [
            DocumentInput(body=document.body, kind=document.kind, document_id=document.document_id)
            for document in message.documents
        ]
        try:
            with refusals():
                applied = await self._plans.apply(
                    call.tenant, inputs, list(message.removed_names), author=message.author,
                    note=message.note, validate_only=message.validate_only,
                    activate=message.activate, now_us=call.received_us,
                )  # fmt: skip
        except DocumentsRefused as refused:
            faults = [
                Violation(
                    f"{fault.document}: {fault.path}" if fault.path else fault.document,
                    f"{fault.reason}: {fault.description}",
                )
                for fault in refused.violations
            ]
            raise Refused("DOCUMENT_INVALID", violations=faults) from None
        response = plans.ApplyDocumentsResponse(plan=_plan(applied.row), warnings=applied.warnings)
        return response.SerializeToString()

    async def _activate(self, request: bytes, call: Call) -> bytes:
        message = _parsed(plans.ActivatePlanRequest, request)
        self._size_check("note", message.note, self._limits.note_size_max)
        try:
            plan_id = bytes.fromhex(message.plan_id)
        except ValueError:
            plan_id = b""
        if len(plan_id) != 32 or message.plan_id != plan_id.hex():
            raise Refused("PLAN_UNKNOWN", "plan_id", message.plan_id)
        with refusals():
            row = await self._plans.activate(call.tenant, plan_id, call.received_us)
        return plans.ActivatePlanResponse(plan=_plan(row)).SerializeToString()

    async def _roll_back(self, request: bytes, call: Call) -> bytes:
        message = _parsed(plans.RollBackPlanRequest, request)
        self._size_check("note", message.note, self._limits.note_size_max)
        with refusals():
            row = await self._plans.roll_back(call.tenant, call.received_us)
        return plans.RollBackPlanResponse(plan=_plan(row)).SerializeToString()

    async def _list(self, request: bytes, call: Call) -> bytes:
        message = _parsed(plans.ListPlansRequest, request)
        size, after = page_read(SERVICE, message.page_size, message.page_token, self._limits)
        rows = sorted(self._plans.rows(call.tenant), key=lambda row: row.order, reverse=True)
        rest = [row for row in rows if after is None or row.order < after]
        page = rest[:size]
        token = page_token(SERVICE, page[-1].order) if len(rest) > size else ""
        return plans.ListPlansResponse(
            plans=[_plan(row) for row in page], next_page_token=token
        ).SerializeToString()

    async def _dictionary(self, request: bytes, call: Call) -> bytes:
        _parsed(plans.GetDictionaryRequest, request)
        names = await self._plans.dictionary(call.tenant)
        return plans.GetDictionaryResponse(
            entries=[plans.DictionaryEntry(name_id=number, name=name) for number, name in names]
        ).SerializeToString()

    def _check(self, message: plans.ApplyDocumentsRequest) -> None:
        limits = self._limits
        self._size_check("author", message.author, limits.author_size_max)
        self._size_check("note", message.note, limits.note_size_max)
        if len(message.documents) + len(message.removed_names) > limits.documents_max:
            raise _invalid(
                "documents", f"one call may change {limits.documents_max} documents; split the call"
            )
        for index, document in enumerate(message.documents):
            self._size_check(f"documents[{index}].body", document.body, limits.document_size_max)

    def _size_check(self, field: str, text: str, size_max: int) -> None:
        if len(text.encode()) > size_max:
            raise _invalid(field, f"it may have at most {size_max} bytes; shorten it")


def _invalid(field: str, description: str) -> Refused:
    return Refused("DOCUMENT_INVALID", violations=[Violation(field, description)])


def _parsed(kind: type[_M], request: bytes) -> _M:
    message = kind()
    try:
        message.ParseFromString(request)
    except DecodeError as error:
        raise Refused("WIRE_MALFORMED") from error
    return message


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
