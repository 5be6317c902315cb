"""Server reflection, in its version v1 and, for older tools, v1alpha.

Both have the same bytes under two names.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection, reflection_pb2
from kairos.v1 import (
    ingest_service_pb2,
    monitoring_service_pb2,
    personalization_service_pb2,
    plan_service_pb2,
    profile_service_pb2,
    subscribe_service_pb2,
    trigger_service_pb2,
)

from kairos_server.errors import Refused
from kairos_server.rpc.call import Call, Kind, Method

SERVICES: Final = (
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)

# Importing the generated files puts them into the pool; hot handlers alone would
# never import theirs.
FILES: Final = (
    ingest_service_pb2.DESCRIPTOR,
    monitoring_service_pb2.DESCRIPTOR,
    personalization_service_pb2.DESCRIPTOR,
    plan_service_pb2.DESCRIPTOR,
    profile_service_pb2.DESCRIPTOR,
    subscribe_service_pb2.DESCRIPTOR,
    trigger_service_pb2.DESCRIPTOR,
)


class Reflection:
    """Answers what services, messages and files there are."""

    def __init__(self, services: Iterable[str]) -> None:
        _v1_describe(descriptor_pool.Default())
        # The type stubs call its async generator a coroutine.
        self._servicer: Any = reflection.aio.ReflectionServicer([*services, *SERVICES])

    def methods(self) -> tuple[Method, ...]:
        """Returns the rows of the method table; needs no credential,
        because the contract is public.
        """
        return tuple(
            Method(
                f"/{service}/ServerReflectionInfo", Kind.BIDI_STREAM, stream=self._info, public=True
            )
            for service in SERVICES
        )

    async def _info(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for response in self._servicer.ServerReflectionInfo(_parsed(requests), None):
            yield response.SerializeToString()


async def _parsed(
    requests: AsyncIterator[bytes],
) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    async for request in requests:
        try:
            yield reflection_pb2.ServerReflectionRequest.FromString(request)
        except DecodeError as error:
            raise Refused("WIRE_MALFORMED") from error


def _v1_describe(pool: descriptor_pool.DescriptorPool) -> None:
    """Adds the file of v1 to the pool: that of v1alpha under its new package, so that tools can
    describe the service too.
    """
    proto = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(proto)
    _rename(proto)
    pool.AddSerializedFile(proto.SerializeToString())


def _rename(proto: descriptor_pb2.FileDescriptorProto) -> None:
    proto.name = proto.name.replace("v1alpha", "v1")
    proto.package = proto.package.replace("v1alpha", "v1")
    for message in proto.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for service in proto.service:
        for method in service.method:
            method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
            method.output_type = method.output_type.replace(".v1alpha.", ".v1.")
