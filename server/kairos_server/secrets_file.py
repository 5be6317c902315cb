"""The secrets that belong to a data folder: one hash key per tenant,
and the local demo tenant's API key.

The file is readable by its owner only. Whoever loses a hash key loses the way from identifiers to
subjects; it never changes.
"""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE_NAME: Final = "secrets.json"
HASH_KEY_SIZE: Final = 16


class SecretsError(Exception):
    """The file is damaged; `args[0]` says what to do."""


@dataclass(slots=True)
class Secrets:
    """Contents of the file; `save` after a change."""

    path: Path
    hash_keys: dict[str, str] = field(default_factory=dict)
    demo_key: str = ""

    def hash_key(self, tenant: str) -> bytes:
        """Returns the tenant's key of 16 random bytes, made at the first call."""
        text = self.hash_keys.setdefault(tenant, secrets.token_hex(HASH_KEY_SIZE))
        return bytes.fromhex(text)

    def save(self) -> None:
        """Writes the file whole and durably before anything that depends on it. Errors: OSError."""
        text = json.dumps(
            {"version": 1, "hash_keys": self.hash_keys, "demo_key": self.demo_key}, indent=1
        )
        draft = self.path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def secrets_read(folder: Path) -> Secrets:
    """Returns the secrets of a data folder; empty ones where there is no file yet.

    Errors: SecretsError when the file is there but cannot be used; OSError.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return Secrets(path)
    try:
        document = json.loads(path.read_text())
        if document["version"] != 1:
            raise ValueError(f"version {document['version']} is not known")
        keys = {str(name): str(text) for name, text in document["hash_keys"].items()}
        if any(len(bytes.fromhex(text)) != HASH_KEY_SIZE for text in keys.values()):
            raise ValueError("a hash key has the wrong size")
        return Secrets(path, keys, str(document["demo_key"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SecretsError(
            f"{path} is damaged ({error}); restore it from a backup, "
            "the data cannot be read without it."
        ) from error
