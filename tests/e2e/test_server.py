"""The server as a user starts it: a process, its ports, its folder, its signals."""

import json
import shlex
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import grpc
import pytest
from contract.transport import failure_of
from e2e.server_process import refused_start, server
from google.protobuf.json_format import MessageToDict
from kairos.v1 import (
    document_pb2,
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    plan_service_pb2,
    profile_service_pb2,
)
from kairos.v1 import ingest_service_pb2_grpc as ingest_stubs
from kairos.v1 import personalization_service_pb2_grpc as personalization_stubs
from kairos.v1 import plan_service_pb2_grpc as plan_stubs
from kairos.v1 import profile_service_pb2_grpc as profile_stubs
from kairos_server.rpc import key_hash, key_new

TIMEOUT = 30


class Client:
    """Stubs with key and deadline filled in."""

    def __init__(self, running, channel, key=""):
        self._metadata = running.metadata(key)
        self.ingest_stub = ingest_stubs.IngestServiceStub(channel)
        self.plans_stub = plan_stubs.PlanServiceStub(channel)
        self.decide_stub = personalization_stubs.PersonalizationServiceStub(channel)
        self.profiles_stub = profile_stubs.ProfileServiceStub(channel)

    def call(self, method, request):
        return method(request, metadata=self._metadata, timeout=TIMEOUT)

    def ingest(self, number=1, subject="ada"):
        event = event_pb2.Event(event_id=f"e{number}", event_type="page_view", subject_id=subject)
        return self.call(self.ingest_stub.Ingest, ingest_service_pb2.IngestRequest(event=event))

    def profile(self, subject="ada"):
        request = profile_service_pb2.GetProfileRequest(subject_id=subject)
        return self.call(self.profiles_stub.GetProfile, request).profile

    def decide(self, subject="ada", placement="homepage_hero"):
        request = personalization_service_pb2.DecideRequest(
            subject=personalization_service_pb2.Subject(id=subject),
            context=personalization_service_pb2.Context(placement=placement),
        )
        return self.call(self.decide_stub.Decide, request)

    def apply(self, *bodies, **fields):
        documents = [document_pb2.Document(body=body) for body in bodies]
        request = plan_service_pb2.ApplyDocumentsRequest(documents=documents, **fields)
        return self.call(self.plans_stub.ApplyDocuments, request)

    def plans(self, **fields):
        return self.call(self.plans_stub.ListPlans, plan_service_pb2.ListPlansRequest(**fields))


def refused(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **fields)
    return failure_of(error.value)


def test_events_are_answered_once_and_survive_a_kill(tmp_path):
    folder = tmp_path / "data"
    with server(folder) as running, running.channel() as channel:
        client = Client(running, channel)
        first = client.ingest(1)
        assert (first.processed, first.duplicate) == (True, False)
        assert client.ingest(1).duplicate
        assert client.ingest(2).sequence > first.sequence
        assert client.profile().event_count == 2
        decided = client.decide()
        assert decided.decisions
        before = MessageToDict(client.profile())
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    with server(folder) as running, running.channel() as channel:
        client = Client(running, channel)
        after = MessageToDict(client.profile())
        for moving in ("atTimeUs", "features", "storedBytes"):
            before.pop(moving, None)
            after.pop(moving, None)
        assert after == before
        assert client.ingest(2).duplicate
        assert client.decide().plan_id == decided.plan_id
        assert running.stop() == 0


def test_stop_drains_and_leaves_nothing_to_replay(tmp_path):
    folder = tmp_path / "data"
    with server(folder) as running, running.channel() as channel:
        Client(running, channel).ingest(1)
        with urllib.request.urlopen(f"http://{running.http}/readyz", timeout=TIMEOUT) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://{running.http}/metrics", timeout=TIMEOUT) as answer:
            text = answer.read().decode()
        assert (
            'kairos_calls_total{method="/kairos.v1.IngestService/Ingest",outcome="OK"} 1.0' in text
        )
        assert "kairos_applied_sequence" in text
        assert running.stop(signal.SIGINT) == 0
        lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["ready", "draining", "stopped"]
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600


def test_plans_are_applied_activated_rolled_back_and_listed(tmp_path):
    trigger = (
        "kind: trigger\nid: new_one\ncondition: event.type == 'page_view'\n"
        "actions: [{type: greet}]\n"
    )
    with server(tmp_path / "data") as running, running.channel() as channel:
        client = Client(running, channel)
        demo = client.plans().plans[0]
        assert demo.active
        checked = client.apply(trigger, validate_only=True)
        assert [plan.plan_id for plan in client.plans().plans] == [demo.plan_id]
        applied = client.apply(trigger, author="ada", note="try")
        assert applied.plan.plan_id == checked.plan.plan_id
        assert (applied.plan.active, applied.plan.author) == (False, "ada")
        assert applied.plan.trigger_count == demo.trigger_count + 1
        assert client.apply(trigger).plan.create_time_us == applied.plan.create_time_us
        activate = plan_service_pb2.ActivatePlanRequest(plan_id=applied.plan.plan_id)
        assert client.call(client.plans_stub.ActivatePlan, activate).plan.active
        assert "new_one" in [fired.trigger_id for fired in client.ingest(1).triggers]
        back = client.call(client.plans_stub.RollBackPlan, plan_service_pb2.RollBackPlanRequest())
        assert (back.plan.plan_id, back.plan.active) == (demo.plan_id, True)
        assert "new_one" not in [fired.trigger_id for fired in client.ingest(2).triggers]
        first = client.plans(page_size=1)
        second = client.plans(page_size=1, page_token=first.next_page_token)
        assert [first.plans[0].plan_id, second.plans[0].plan_id] == [
            applied.plan.plan_id,
            demo.plan_id,
        ]
        assert second.next_page_token == ""
        assert running.stop() == 0


def test_wrong_requests_name_what_is_wrong(tmp_path):
    with server(tmp_path / "data") as running, running.channel() as channel:
        client = Client(running, channel)
        code, reason, details = refused(
            client.apply, "kind: trigger\nid: x\ncondition: event.nothing > 1\n"
        )
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "DOCUMENT_INVALID")
        assert "trigger/x" in details["BadRequest"].field_violations[0].field
        assert refused(client.plans, page_size=-1)[1] == "PAGE_INVALID"
        assert refused(client.plans, page_token="bm8=")[1] == "PAGE_INVALID"
        unknown = plan_service_pb2.ActivatePlanRequest(plan_id="ab" * 32)
        assert refused(client.call, client.plans_stub.ActivatePlan, unknown)[1] == "PLAN_UNKNOWN"
        back = plan_service_pb2.RollBackPlanRequest()
        assert refused(client.call, client.plans_stub.RollBackPlan, back)[1] == "PLAN_MISSING"
        assert refused(client.profile, "nobody")[1] == "SUBJECT_NOT_FOUND"
        assert refused(client.decide, placement="nowhere")[1] == "PLACEMENT_UNKNOWN"
        code, reason, details = refused(client.ingest, subject="")
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "SUBJECT_MISSING")
        assert "subject_id" in details["BadRequest"].field_violations[0].field
        assert running.stop() == 0


def test_tenants_of_a_file_see_only_their_own(tmp_path):
    keys = {"shop": key_new(), "news": key_new()}
    rows = [
        {"number": number, "name": name, "time_mode": "live", "key_sha256": key_hash(key).hex()}
        for number, (name, key) in enumerate(keys.items(), 1)
    ]
    file = tmp_path / "tenants.json"
    file.write_text(json.dumps({"tenants": rows}))
    with server(tmp_path / "data", "--tenants", str(file)) as running, running.channel() as channel:
        assert running.key == ""
        shop, news = (Client(running, channel, key) for key in keys.values())
        schema = "kind: schema\nid: main\nattributes: {}\n"
        shop.apply(schema, activate=True)
        news.apply(schema, activate=True)
        shop.ingest(1, "ada")
        assert shop.profile("ada").event_count == 1
        assert refused(news.profile, "ada")[1] == "SUBJECT_NOT_FOUND"
        assert refused(Client(running, channel, key_new()).profile)[1] == "CREDENTIAL_INVALID"
        assert running.stop() == 0
    rows[0]["time_mode"] = "event"
    file.write_text(json.dumps({"tenants": rows}))
    code, text = refused_start(tmp_path / "data", "--tenants", str(file))
    assert code == 78
    assert "time_mode cannot change" in text


def test_busy_port_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        code, text = refused_start(tmp_path / "data", "--grpc", f"127.0.0.1:{port}")
    assert code == 69
    assert text.count("\n") == 1
    assert f"127.0.0.1:{port} cannot be bound: Address already in use" in text
    assert not (tmp_path / "data").exists()


def test_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    code, text = refused_start(tmp_path / "file" / "data")
    assert code == 73
    assert text.count("\n") == 1
    assert "--data" in text


def test_folder_in_use_is_one_line(tmp_path):
    with server(tmp_path / "data"):
        code, text = refused_start(tmp_path / "data")
    assert code == 69
    assert "in use by another server" in text
    assert text.count("\n") == 1


def test_damaged_secrets_are_one_line(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.json").write_text("{")
    code, text = refused_start(tmp_path / "data")
    assert code == 65
    assert text.count("\n") == 1


def test_wrong_flag_is_one_line(tmp_path):
    code, text = refused_start(tmp_path / "data", "--log-level", "loud")
    assert code == 78
    assert text == "kairos: --log-level: `loud` is not one of debug, info, warning, error.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_reader_who_has_seen_enough_causes_no_complaint(tmp_path):
    with server(tmp_path / "data") as running:
        key = running.metadata()[0][1].removeprefix("Bearer ")
        command = [sys.executable, "-m", "kairos_server", "try", "--grpc", running.address]
        line = shlex.join([*command, "--key", key]) + " | head -n 1"
        found = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, timeout=60, check=False
        )
        assert (found.returncode, found.stderr) == (0, b"")
        assert found.stdout.startswith(b"--- IngestBatch")
