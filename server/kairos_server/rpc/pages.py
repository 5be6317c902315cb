"""Page tokens (AIP-158): opaque to callers, bound to the method that gave them out."""

import base64
import binascii

from kairos_server.errors import Refused
from kairos_server.limits import Limits

Order = tuple[int, str]
"""Position in a list: a time and, among equals, an id."""
_TOKEN_SIZE_MAX = 512


def page_token(scope: str, order: Order) -> str:
    """Returns the token that continues after `order`."""
    return base64.urlsafe_b64encode(f"{scope}|{order[0]}|{order[1]}".encode()).decode().rstrip("=")


def page_read(scope: str, size: int, token: str, limits: Limits) -> tuple[int, Order | None]:
    """Returns the page size that holds and the position to continue after.

    Errors: Refused(PAGE_INVALID) for a negative size, or a token that this scope did not give out.
    """
    if size < 0:
        raise Refused("PAGE_INVALID", "page_size", str(size))
    size = min(size or limits.page_size_default, limits.page_size_max)
    if not token:
        return size, None
    try:
        if len(token) > _TOKEN_SIZE_MAX:
            raise ValueError(token)
        text = base64.b64decode(
            token + "=" * (-len(token) % 4), altchars=b"-_", validate=True
        ).decode()
        given, time_us, name = text.split("|")
        if given != scope or not (time_us.isascii() and time_us.isdigit()):
            raise ValueError(text)
        return size, (int(time_us), name)
    except (ValueError, binascii.Error):
        raise Refused("PAGE_INVALID", "page_token", token) from None
