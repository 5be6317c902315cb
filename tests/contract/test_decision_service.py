"""GetDecision of a real server: the record is what was asked and answered, and decides again to the
same bytes; methods that are not served yet say so.
"""

import signal
import time

import grpc
import pytest
from contract.observed import TIMEOUT, Observed, event_of, server
from kairos.v1 import personalization_service_pb2 as contract


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions") / "data"
    with server(folder) as running, running.channel() as channel:
        yield Observed(running, channel)


def recorded(observed, decision_id, **fields):
    """The decision, once it is in the log."""
    request = contract.GetDecisionRequest(decision_id=decision_id, **fields)
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            return observed.call(observed.personalization.GetDecision, request)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND or time.monotonic() > end:
                raise


def test_a_decision_is_found_as_it_was_made(observed):
    event = event_of("ada")
    event.traits.add(name="persona", string_value="TechEarlyAdopter")
    sequence = observed.ingest(event).sequence
    request, answer = observed.decide("ada")
    found = recorded(observed, answer.decision_id.upper(), replay=True)
    decision = found.decision
    assert (decision.request, decision.response) == (request, answer)
    assert (decision.decision_id, decision.plan_id) == (answer.decision_id, answer.plan_id)
    assert decision.applied_sequence == answer.applied_sequence >= sequence
    assert decision.sequence > decision.applied_sequence
    assert abs(decision.receive_time_us - time.time() * 1e6) < 60e6
    assert "TechEarlyAdopter" in [value.string_value for value in decision.values]
    assert [value.column for value in decision.values] == list(range(len(decision.values)))
    assert found.replay == contract.DecisionReplay(equal=True)
    assert not recorded(observed, answer.decision_id).HasField("replay")


def test_an_old_decision_is_found_in_the_log(tmp_path):
    with server(tmp_path / "data") as running, running.channel() as channel:
        observed = Observed(running, channel)
        kept = [observed.decide(f"subject-{number}") for number in range(30)]
        recorded(observed, kept[-1][1].decision_id)
        assert running.stop(signal.SIGTERM) == 0
    with server(tmp_path / "data") as running, running.channel() as channel:
        observed = Observed(running, channel)
        _, newest = observed.decide("subject-0")
        recorded(observed, newest.decision_id)
        for request, answer in kept:
            found = recorded(observed, answer.decision_id, replay=True)
            assert (found.decision.request, found.decision.response) == (request, answer)
            assert found.replay.equal


@pytest.mark.parametrize(
    ("decision_id", "code", "reason"),
    [
        ("", grpc.StatusCode.INVALID_ARGUMENT, "FIELD_REQUIRED"),
        ("xyz", grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"),
        ("0" * 31, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"),
        ("0" * 33, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"),
        ("0" * 32, grpc.StatusCode.NOT_FOUND, "DECISION_NOT_FOUND"),
    ],
)
def test_wrong_ids_are_refused(observed, decision_id, code, reason):
    request = contract.GetDecisionRequest(decision_id=decision_id)
    found = observed.refused(observed.personalization.GetDecision, request)
    assert found[:2] == (code, reason)


@pytest.mark.parametrize("name", ["BatchDecide", "Explain", "RecordOutcome"])
def test_methods_that_are_not_served_yet_say_so(observed, name):
    request = getattr(contract, f"{name}Request")()
    code, reason, details = observed.refused(getattr(observed.personalization, name), request)
    assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
    assert details["ErrorInfo"].metadata["seen"].endswith(name)
