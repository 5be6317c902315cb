"""EffectService on a desk: handlers, delivery and engine, without a transport. Time stands still
until a test moves it.
"""

import contextlib
import json
from types import SimpleNamespace

import pytest
from contract.desk import KEY, START_US, Desk, desk
from kairos.v1 import document_pb2, event_pb2
from kairos.v1 import effect_service_pb2 as pb
from kairos_server.delivery import Delivery, delivery_policy_read
from kairos_server.errors import Code, Refused
from kairos_server.rpc.call import Call, MethodTable
from kairos_server.rpc.effect_service import EffectService
from unit.server_fakes import limits

SECOND = 1_000_000
DONE, LOST, NOT_FOUND = 1, 2, 3
POLICY = {
    "kind": "policy", "id": "delivery", "attempts_max": 3, "backoff_s_min": 10,
    "backoff_s_max": 10, "lease_s": 5,
}  # fmt: skip


class Outbox:
    """EffectService on a desk."""

    def __init__(self, server: Desk, folder, **bounds: int) -> None:
        self.server = server
        self.folder = folder
        self.now_us = START_US
        self.delivery = self.start(**bounds)

    def start(
        self, window_max: int = 1000, horizon_us: int = 60 * SECOND, quiet: tuple[int, ...] = ()
    ) -> Delivery:
        """Delivery without what the one before it knew."""
        plans = self.server.plans

        async def submit(pending):
            await plans.submit(pending)
            delivery.committed()

        delivery = Delivery(
            self.server.engine, submit, lambda: self.now_us,
            lambda tenant: delivery_policy_read(plans.policy(tenant, "delivery")),
            window_max=window_max, horizon_us=horizon_us, quiet=quiet,
        )  # fmt: skip
        service = EffectService(
            self.server.engine, SimpleNamespace(submit=submit), delivery, plans, limits()
        )
        self.table = MethodTable(*service.methods())
        self.delivery = delivery
        return delivery

    def request(self, name: str, **fields: object) -> Call:
        return Call(
            f"/kairos.v1.EffectService/{name}", {"x-api-key": KEY}, None, "192.0.2.1:1", self.now_us
        )

    async def call(self, name: str, **fields: object):
        method = self.table[f"/kairos.v1.EffectService/{name}"]
        request = getattr(pb, f"{name}Request")(**fields)
        answer = await self.server.gate.unary(
            method, request.SerializeToString(), self.request(name)
        )
        return getattr(pb, f"{name}Response").FromString(answer)

    async def refusal(self, name: str, **fields: object) -> tuple[str, str, Code]:
        with pytest.raises(Refused) as error:
            await self.call(name, **fields)
        return error.value.reason, error.value.field, error.value.code

    async def enqueue(self, *effects: pb.NewEffect) -> list[str]:
        answer = await self.call("EnqueueEffects", effects=effects)
        return [effect.effect_id for effect in answer.effects]

    async def lease(self, count: int = 100, **fields: object) -> list[pb.Effect]:
        answer = await self.call("LeaseEffects", effect_count_max=count, **fields)
        return list(answer.effects)

    async def ack(self, *effects: pb.Effect) -> list[int]:
        return list((await self.call("AckEffects", leases=map(lease_of, effects))).results)

    async def fail(self, *effects: pb.Effect, **fields: object) -> list[int]:
        failures = [pb.FailedEffect(lease=lease_of(effect), **fields) for effect in effects]
        return list((await self.call("FailEffects", failures=failures)).results)

    async def stats(self) -> pb.GetEffectStatsResponse:
        return await self.call("GetEffectStats")


def lease_of(effect: pb.Effect) -> pb.EffectLease:
    return pb.EffectLease(effect_id=effect.effect_id, lease_token=effect.lease_token)


def new(key: str, subject: str = "ann", **fields: object) -> pb.NewEffect:
    action = event_pb2.Action(type=fields.pop("type", "mail"))
    fields = {"action": action, "channel": event_pb2.CHANNEL_EMAIL, **fields}
    return pb.NewEffect(idempotency_key=key, subject_id=subject, **fields)


@contextlib.asynccontextmanager
async def outbox(folder, *, policy: dict | None = None, **bounds: int):
    async with desk(folder) as server:
        body = json.dumps(POLICY if policy is None else policy)
        await server.put(document_pb2.Document(body=body))
        box = Outbox(server, folder, **bounds)
        yield box
        box.delivery.close()


def keys(effects) -> list[str]:
    return [effect.subject_id for effect in effects]
