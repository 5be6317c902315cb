"""Field masks (AIP-157, AIP-134): which fields of a message a caller reads or changes."""

from typing import Final, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from kairos_server.errors import Refused

PATHS_MAX: Final = 100
_M = TypeVar("_M", bound=Message)


def mask_check(mask: FieldMask, message: type[Message], field: str) -> None:
    """Refuses a mask that names what the message does not have.

    Errors: Refused(FIELD_MASK_INVALID)
    """
    for index, path in enumerate(mask.paths):
        known = FieldMask(paths=[path]).IsValidForDescriptor(message.DESCRIPTOR)  # type: ignore[arg-type]
        if index == PATHS_MAX or not (known or path == "*"):
            raise Refused("FIELD_MASK_INVALID", field, path)


def masked(message: _M, mask: FieldMask) -> _M:
    """Returns the fields of the message that a checked mask names; all of an empty mask or `*`."""
    if not mask.paths or "*" in mask.paths:
        return message
    result = type(message)()
    mask.MergeMessage(message, result)
    return result
