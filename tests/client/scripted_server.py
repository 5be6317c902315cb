"""A gRPC server that answers as a test's script says, and notes what it was asked."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
from kairos_server.errors import Refused

CODES = {code.value[0]: code for code in grpc.StatusCode}
STREAMING = ("IngestStream", "Watch")


@dataclass
class Asked:
    """One call as it came."""

    method: str
    request: bytes
    metadata: dict[str, str]
    remaining_s: float | None


@dataclass
class Script:
    """Answers in order: bytes, a Refused, a bare status code, or an event to wait for; `only` names
    the method that they are for, others are answered with an empty message.
    """

    answers: list = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    address: str = ""
    only: str = ""

    def answer(self, method, request, context):
        self.asked.append(
            Asked(
                method,
                request,
                dict(context.invocation_metadata()),
                context.time_remaining(),
            )
        )
        meant = method.endswith(self.only)
        answer = self.answers.pop(0) if self.answers and meant else b""
        if isinstance(answer, threading.Event):
            answer.wait(30)
            return b""
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "scripted")
        if isinstance(answer, Refused):
            context.set_trailing_metadata((("grpc-status-details-bin", answer.status_bytes()),))
            context.abort(CODES[int(answer.code)], answer.message)
        return answer


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, script):
        self._script = script

    def service(self, details):
        method = details.method

        def unary(request, context):
            return self._script.answer(method, request, context)

        def stream(requests, context):
            for request in requests:
                yield self._script.answer(method, request, context)

        if method.endswith(STREAMING):
            return grpc.stream_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)


@contextlib.contextmanager
def scripted(*answers, only=""):
    """Serves on a free port of this machine."""
    script = Script(list(answers), only=only)
    server = grpc.server(ThreadPoolExecutor(4), [_Handler(script)])
    script.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield script
    finally:
        server.stop(0).wait()
