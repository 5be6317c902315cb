"""Runs inside an environment that has the client's wheel and nothing of the tree: `python -I
ends.py ADDRESS KEY FOLDER`. One round trip of each kind, with the packages found there.
"""

import asyncio
import sys
from importlib.metadata import version

import kairos
from kairos.v1 import services  # noqa: F401  # every generated file must load


async def ask(address: str, key: str) -> int:
    """Event count of the subject, by the asynchronous client."""
    async with kairos.aio.Client(address, key) as client:
        return int((await client.profile("ends")).event_count)


def main(address: str, key: str, folder: str) -> None:
    """Sends, asks, and prints the versions used."""
    with kairos.Client(address, key) as client:
        client.ingest(kairos.event("page_view", "ends", {"timeOnPage": 1}))
        with kairos.Producer(client, folder) as producer:
            producer.send(kairos.event("page_view", "ends"))
            assert producer.flush(30)
        assert client.decide("ends", "homepage_hero").decisions
        reason = ""
        try:
            client.profile("nobody")
        except kairos.NotFound as error:
            reason = error.reason
        assert reason == "SUBJECT_NOT_FOUND"
    assert asyncio.run(ask(address, key)) == 2
    names = ("protobuf", "grpcio", "googleapis-common-protos")
    sys.stdout.write(" ".join(f"{name}={version(name)}" for name in names) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
