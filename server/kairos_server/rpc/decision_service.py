"""The cold half of kairos.v1.PersonalizationService: recorded decisions, and what is not served
yet.
"""

import re
from typing import Final, Protocol

from kairos.v1 import personalization_service_pb2 as contract
from kairos_native.engine import EngineError

from kairos_server.decision_record import DecisionParts, ValueKind, record_read
from kairos_server.decisions import Decisions, Found
from kairos_server.errors import Refused
from kairos_server.rpc.call import Call, Kind, Method
from kairos_server.rpc.read_services import PERSONALIZATION_SERVICE as SERVICE
from kairos_server.rpc.requests import parsed

_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_FIELDS: Final = {
    ValueKind.STRING: "string_value",
    ValueKind.INT: "int_value",
    ValueKind.DOUBLE: "double_value",
    ValueKind.BOOL: "bool_value",
    ValueKind.TIME: "time_value_us",
    ValueKind.DURATION: "duration_value_us",
}


class ReplayEngine(Protocol):
    """What a replay needs of kairos_native.engine.Engine."""

    def replay_decision(self, record: bytes) -> bytes:
        """Decides again from a record; see engine.pyi."""
        ...


class DecisionService:
    """Looks up, parses and replays decision records."""

    def __init__(self, engine: ReplayEngine, decisions: Decisions) -> None:
        self._engine = engine
        self._decisions = decisions

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table."""
        later = ("BatchDecide", "Explain", "RecordOutcome")
        return (
            Method(f"/{SERVICE}/GetDecision", Kind.UNARY, unary=self._get),
            *(Method(f"/{SERVICE}/{name}", Kind.UNARY, unary=self._later) for name in later),
        )

    async def _get(self, request: bytes, call: Call) -> bytes:
        message = parsed(contract.GetDecisionRequest, request)
        if not message.decision_id:
            raise Refused("FIELD_REQUIRED", "decision_id")
        if _ID.fullmatch(message.decision_id) is None:
            raise Refused("FIELD_INVALID", "decision_id", message.decision_id)
        found = await self._decisions.find(bytes.fromhex(message.decision_id))
        parts = record_read(found.record)
        if parts.tenant != call.tenant:
            # As if there were none: an id says nothing about other tenants.
            raise Refused("DECISION_NOT_FOUND", "decision_id", message.decision_id.lower())
        replay = self._replayed(found.record, parts) if message.replay else None
        return contract.GetDecisionResponse(
            decision=decision_of(found, parts), replay=replay
        ).SerializeToString()

    async def _later(self, request: bytes, call: Call) -> bytes:
        raise Refused("NOT_IMPLEMENTED", "method", call.method)

    def _replayed(self, record: bytes, parts: DecisionParts) -> contract.DecisionReplay:
        try:
            response = self._engine.replay_decision(record)
        except EngineError as error:
            return contract.DecisionReplay(failure=str(error))
        if response == parts.response:
            return contract.DecisionReplay(equal=True)
        return contract.DecisionReplay(response=contract.DecideResponse.FromString(response))


def decision_of(found: Found, parts: DecisionParts) -> contract.DecisionRecord:
    """Returns the contract's form of a record."""
    values = []
    for column, read in enumerate(parts.values):
        value = contract.DecisionValue(column=column)
        if read.kind is ValueKind.NULL:
            value.null_value = True
        elif read.kind is not ValueKind.ABSENT:
            setattr(value, _FIELDS[read.kind], read.value)
        values.append(value)
    return contract.DecisionRecord(
        decision_id=parts.decision_id.hex(),
        request=contract.DecideRequest.FromString(parts.request),
        response=contract.DecideResponse.FromString(parts.response),
        plan_id=parts.plan_id.hex(),
        decide_time_us=parts.now_us,
        receive_time_us=found.received_us,
        sequence=found.sequence,
        applied_sequence=parts.applied_sequence,
        semantics_version=parts.semantics_version,
        values=values,
        score_features=parts.score_features,
        consent_bits=parts.consent_bits,
    )
