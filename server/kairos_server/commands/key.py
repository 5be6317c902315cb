"""`kairos key`: API keys."""

import argparse
import sys

from kairos_server.commands.arguments import action_add, actions_add
from kairos_server.commands.output import Output, output_add
from kairos_server.exits import Exit
from kairos_server.rpc.auth import key_hash, key_new


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    new = action_add(
        actions_add(parser),
        "new",
        "print a new key and the hash for the tenants file",
        run,
        ("kairos key new", "kairos key new --json"),
    )
    output_add(new)


def run(parsed: argparse.Namespace) -> int:
    """Prints the key; it is stored nowhere."""
    key = key_new()
    Output(parsed).record({"key": key, "keySha256": key_hash(key).hex()})
    if not parsed.json:
        # Also with --quiet: a key that nobody sees is of no use.
        sys.stdout.write(f"key        {key}\nkey_sha256 {key_hash(key).hex()}\n")
    return Exit.OK
