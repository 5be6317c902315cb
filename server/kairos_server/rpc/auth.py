"""Who calls: API keys, of which the server knows only hashes."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from kairos_server.errors import Refused

KEY_PREFIX: Final = "kairos_"
KEY_SIZE: Final = 32
KEY_TEXT_SIZE_MAX: Final = 256


def key_new() -> str:
    """Returns a new API key: 256 random bits behind a prefix that secret scanners can find."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_SIZE)


def key_hash(key: str) -> bytes:
    """Returns SHA-256 of a key.

    A slow, salted hash protects secrets that people choose, because those can be guessed. A key of
    256 random bits cannot be guessed at any speed, so one fast hash is enough, and it keeps the
    check far below the cost of a call.
    """
    return hashlib.sha256(key.encode()).digest()


def key_id(metadata: Mapping[str, str | bytes]) -> str:
    """Returns what the audit calls a key: the first 16 hexadecimal digits of its hash.

    Errors: Refused(CREDENTIAL_MISSING, CREDENTIAL_INVALID).
    """
    return key_hash(_key_of(metadata)).hex()[:16]


class KeyRing:
    """The hashes of all keys -> the number of their tenant."""

    def __init__(self, hashes: Iterable[tuple[bytes, int]]) -> None:
        self._tenants: dict[bytes, tuple[bytes, int]] = {
            digest: (digest, tenant) for digest, tenant in hashes
        }

    def tenant_of(self, metadata: Mapping[str, str | bytes]) -> int:
        """Returns the tenant that the call's key belongs to.

        Cost: one SHA-256. The look-up goes by hash, whose bits a caller cannot steer towards a
        stored one, and the final comparison takes constant time; so answering times tell nothing
        about stored keys.
        Errors: Refused(CREDENTIAL_MISSING, CREDENTIAL_INVALID).
        """
        key = _key_of(metadata)
        digest = key_hash(key)
        stored, tenant = self._tenants.get(digest, (b"", 0))
        if not hmac.compare_digest(stored, digest):
            raise Refused("CREDENTIAL_INVALID")
        return tenant


def _key_of(metadata: Mapping[str, str | bytes]) -> str:
    bearer = metadata.get("authorization")
    if isinstance(bearer, str):
        scheme, _, key = bearer.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer":
            raise Refused("CREDENTIAL_MISSING")
    else:
        other = metadata.get("x-api-key")
        key = other.strip() if isinstance(other, str) else ""
    if not key:
        raise Refused("CREDENTIAL_MISSING")
    if len(key) > KEY_TEXT_SIZE_MAX:
        raise Refused("CREDENTIAL_INVALID")
    return key
