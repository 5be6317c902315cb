"""The gRPC contract of the server as any client sees it, over the engine that is always there."""

import asyncio
import threading

import grpc
import pytest
from contract.transport import BATCH, DECIDE, EVALUATE, INGEST, PROFILE, failure_of, run, served
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from kairos_server.config import Address
from kairos_server.rpc import PortBusy, port_probe
from unit.server_fakes import FakeEngine

HEALTH = "/grpc.health.v1.Health"


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return failure_of(error.value)


def test_bytes_in_bytes_out():
    async def test():
        async with served() as server:
            assert await server.call(INGEST, b"one") == b"answer:one"
            assert await server.call(BATCH, b"many") == b"answer:many"
            assert await server.call(DECIDE, b"x") == b"decided:7:x"
            assert await server.call(EVALUATE, b"x") == b"evaluated:x"
            assert server.telemetry.calls[INGEST, "OK"] == 1

    run(test())


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "CREDENTIAL_MISSING"),
        ((("authorization", "Basic abc"),), "CREDENTIAL_MISSING"),
        ((("authorization", "Bearer "),), "CREDENTIAL_MISSING"),
        ((("authorization", "Bearer wrong"),), "CREDENTIAL_INVALID"),
        ((("x-api-key", "wrong"),), "CREDENTIAL_INVALID"),
        ((("x-api-key", "k" * 300),), "CREDENTIAL_INVALID"),
    ],
)
def test_calls_without_the_right_key_are_refused(metadata, reason):
    async def test():
        async with served() as server:
            code, seen, _ = await refused(server.call(INGEST, b"one", metadata=metadata))
            assert (code, seen) == (grpc.StatusCode.UNAUTHENTICATED, reason)
            assert server.engine.commits == []

    run(test())


def test_key_may_come_in_either_header():
    async def test():
        async with served() as server:
            for metadata in (
                (("x-api-key", server.key),),
                (("authorization", f"bearer {server.key}"),),
            ):
                assert await server.call(INGEST, b"1", metadata=metadata) == b"answer:1"

    run(test())


def test_refusals_carry_field_rule_and_reason():
    async def test():
        async with served() as server:
            code, reason, details = await refused(server.call(INGEST, b"bad"))
            assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "SUBJECT_MISSING")
            assert details["BadRequest"].field_violations[0].field == "event.subject_id"
            assert details["ErrorInfo"].domain == "kairos"
            code, reason, _ = await refused(server.call(PROFILE, b"\x0a\x01a"))
            assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "SUBJECT_NOT_FOUND")
            code, reason, _ = await refused(server.call(PROFILE, b"\x0a\xff"))
            assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "WIRE_MALFORMED")
            code, reason, _ = await refused(server.call(PROFILE, b"\x0a\x01a\x12\x05other"))
            assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_MISMATCH")

    run(test())


def test_message_of_more_than_four_mebibytes_is_refused_with_its_rule():
    async def test():
        async with served() as server:
            code, reason, _ = await refused(server.call(INGEST, b"x" * ((4 << 20) + 1)))
            assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")
            code, _, _ = await refused(server.call(INGEST, b"x" * (9 << 20)))
            assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert len(await server.call(INGEST, b"x" * (4 << 20))) == (4 << 20) + 7

    run(test())


def test_unknown_method_is_told_so_in_every_shape():
    async def test():
        async with served() as server:
            name = "/kairos.v1.IngestService/Nothing"
            code, reason, _ = await refused(server.call(name, b"x"))
            assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
            # One request, sent together with the call: a client that still writes may see its
            # own write fail first.
            stream = server.channel.unary_stream(name)(b"a")
            code, reason, _ = await refused(stream.read())
            assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")

    run(test())


def test_fault_of_the_server_is_internal_and_says_nothing():
    async def test():
        async with served() as server:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await server.call(DECIDE, b"boom")
            assert error.value.code() == grpc.StatusCode.INTERNAL
            assert "ZeroDivision" not in error.value.details()
            assert await server.call(DECIDE, b"x") == b"decided:7:x"

    run(test())


def test_deadline_that_is_too_short_is_refused_before_work():
    async def test():
        # A floor far above the timeout makes the case certain on any machine.
        async with served(deadline_us_min=40_000_000) as server:
            code, reason, _ = await refused(server.call(INGEST, b"1", timeout=30))
            assert (code, reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")
            assert server.engine.commits == []

    run(test())


def test_full_queue_answers_with_a_delay_and_recovers():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        async with served(engine, queue_size_max=4 << 20) as server:
            first = asyncio.create_task(server.call(INGEST, b"1"))
            assert await asyncio.to_thread(engine.entered.wait, 30)
            second = asyncio.create_task(server.call(INGEST, b"x" * (4 << 20)))
            while not server.writer.queue.record_count:
                await asyncio.sleep(0.001)
            code, reason, details = await refused(server.call(INGEST, b"3"))
            assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
            assert details["RetryInfo"].retry_delay.nanos == 50_000_000
            engine.hold.set()
            await asyncio.gather(first, second)
            assert await server.call(INGEST, b"4") == b"answer:4"

    run(test())


def test_admission_counts_running_calls():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        async with served(engine, calls_in_flight_max=2, streams_in_flight_max=1) as server:
            running = [
                asyncio.create_task(server.call(INGEST, b"%d" % index)) for index in range(2)
            ]
            while server.gate.calls_in_flight < 2:
                await asyncio.sleep(0.001)
            _, reason, _ = await refused(server.call(INGEST, b"3"))
            assert reason == "QUEUE_FULL"
            engine.hold.set()
            await asyncio.gather(*running)
            assert server.gate.calls_in_flight == 0

    run(test())


def test_client_that_cancels_leaves_nothing_behind():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        async with served(engine) as server:
            call = asyncio.create_task(server.call(INGEST, b"gone"))
            assert await asyncio.to_thread(engine.entered.wait, 30)
            call.cancel()
            while server.gate.calls_in_flight:
                await asyncio.sleep(0.001)
            engine.hold.set()
            assert await server.call(INGEST, b"next") == b"answer:next"
            assert [pending.payload for group in engine.commits for pending in group] == [
                b"gone",
                b"next",
            ]
            assert server.telemetry.calls[INGEST, "CANCELLED"] == 1

    run(test())


def test_draining_refuses_new_calls_and_finishes_running_ones():
    async def test():
        engine = FakeEngine(hold=threading.Event())
        async with served(engine) as server:
            running = asyncio.create_task(server.call(INGEST, b"1"))
            assert await asyncio.to_thread(engine.entered.wait, 30)
            server.gate.drain()
            code, reason, details = await refused(server.call(INGEST, b"2"))
            assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            assert details["RetryInfo"].retry_delay.seconds == 1
            answer = await server.call(f"{HEALTH}/Check", metadata=())
            assert health_pb2.HealthCheckResponse.FromString(answer).status == 2
            engine.hold.set()
            await server.gate.idle()
            assert await running == b"answer:1"

    run(test())


def test_health_checks_and_watches_each_service():
    async def test():
        async with served() as server:
            request = health_pb2.HealthCheckRequest(
                service="kairos.v1.IngestService"
            ).SerializeToString()
            watch = server.channel.unary_stream(f"{HEALTH}/Watch")(request)

            async def seen():
                return health_pb2.HealthCheckResponse.FromString(await watch.read()).status

            assert await seen() == health_pb2.HealthCheckResponse.NOT_SERVING
            server.health.set_all(serving=True)
            assert await seen() == health_pb2.HealthCheckResponse.SERVING
            answer = await server.call(f"{HEALTH}/Check", request, metadata=())
            assert (
                health_pb2.HealthCheckResponse.FromString(answer).status
                == health_pb2.HealthCheckResponse.SERVING
            )
            server.health.set_all(serving=False)
            server.health.close()
            assert await seen() == health_pb2.HealthCheckResponse.NOT_SERVING
            code, _, _ = await refused(watch.read())
            assert code == grpc.StatusCode.UNAVAILABLE

    run(test())


def test_health_of_unknown_services():
    async def test():
        async with served() as server:
            request = health_pb2.HealthCheckRequest(service="none").SerializeToString()
            code, _, _ = await refused(server.call(f"{HEALTH}/Check", request, metadata=()))
            assert code == grpc.StatusCode.NOT_FOUND
            watch = server.channel.unary_stream(f"{HEALTH}/Watch")(request)
            first = health_pb2.HealthCheckResponse.FromString(await watch.read())
            assert first.status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            watch.cancel()

    run(test())


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_and_describes(version):
    async def test():
        async with served() as server:
            method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            request = reflection_pb2.ServerReflectionRequest
            asked = [
                request(list_services=""),
                request(file_containing_symbol="kairos.v1.IngestService"),
                request(file_containing_symbol="grpc.reflection.v1.ServerReflection"),
                request(file_containing_symbol="kairos.v1.Nothing"),
            ]
            stream = server.channel.stream_stream(method)(
                iter([one.SerializeToString() for one in asked])
            )
            answers = [
                reflection_pb2.ServerReflectionResponse.FromString(await stream.read())
                for _ in asked
            ]
            names = {service.name for service in answers[0].list_services_response.service}
            assert {
                "kairos.v1.IngestService",
                f"grpc.reflection.{version}.ServerReflection",
            } <= names
            assert answers[1].file_descriptor_response.file_descriptor_proto
            assert answers[2].file_descriptor_response.file_descriptor_proto
            assert answers[3].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
            assert await stream.read() == grpc.aio.EOF

    run(test())


def test_busy_port_is_one_clear_sentence():
    async def test():
        async with served() as server:
            with pytest.raises(PortBusy, match=f"127.0.0.1:{server.port} cannot be bound"):
                port_probe(Address("127.0.0.1", server.port))

    run(test())


def test_a_client_with_more_calls_than_streams_waits_and_is_not_refused():
    async def test():
        async with served() as server:
            calls = [server.call(PROFILE, b"", timeout=60) for _ in range(400)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            refused = [
                answer.details()
                for answer in answers
                if isinstance(answer, grpc.aio.AioRpcError)
                and answer.code() is grpc.StatusCode.UNAVAILABLE
            ]
            assert refused == []

    run(test())
