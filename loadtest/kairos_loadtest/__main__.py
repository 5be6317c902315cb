"""`python -m kairos_loadtest`: runs scenarios against a server,
its own unless an address is given.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
from kairos_server.demo.client import Client
from kairos_server.demo.server_process import ServerFailed, server_prepare

from kairos_loadtest import cpu
from kairos_loadtest.generator import Load
from kairos_loadtest.report import Run, run_report, run_text, verdict_rows
from kairos_loadtest.scenarios import SCENARIOS, requests_of
from kairos_loadtest.schedule import arrivals_s
from kairos_loadtest.thresholds import thresholds_read, verdicts_of

# Calls per second, small enough for two shared cores; a batch holds 100 events.
RATES = {"ingest": 300.0, "ingest_batch": 40.0, "decide": 300.0, "mixed": 300.0}
SUBJECT_COUNT = 10_000
# More than one connection, because one HTTP/2 connection carries at most 100 streams at a time.
CHANNEL_COUNT = 4
THRESHOLDS = Path(__file__).parent / "thresholds.toml"


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test. `pid` 0: not known, its CPU is not reported."""

    address: str
    key: str
    pid: int


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, 1 when an enforced budget was missed or the server failed,
    2 for wrong arguments.
    """
    options = _options(arguments)
    try:
        thresholds = thresholds_read(options.thresholds)
        with target_of(options) as target:
            runs = [asyncio.run(scenario_run(target, name, options)) for name in options.scenarios]
    except (OSError, ValueError, ServerFailed, grpc.RpcError) as error:
        print(f"kairos loadtest: {error}", file=sys.stderr)
        return 1
    missed = 0
    for run in runs:
        run["verdicts"] = verdict_rows(verdicts_of(thresholds, run["kinds"]))
        missed += sum(verdict["enforced"] and not verdict["kept"] for verdict in run["verdicts"])
        print(run_text(run))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"runs": runs}, indent=2) + "\n")
    if missed:
        print(f"kairos loadtest: {missed} enforced budgets missed", file=sys.stderr)
    return 1 if missed else 0


@contextlib.contextmanager
def target_of(options: argparse.Namespace) -> Iterator[Target]:
    """Yields the server to test: the one named, or one of our own with a live tenant
    and the demo pack.
    """
    if options.address:
        yield Target(options.address, options.key, options.pid)
        return
    with tempfile.TemporaryDirectory(prefix="kairos-loadtest-") as folder:
        server = server_prepare(Path(folder), {"loadtest": 1}, time_mode="live")
        server.start()
        try:
            with grpc.insecure_channel(server.address) as channel:
                Client(channel, server.keys["loadtest"]).apply_pack("demo", author="loadtest")
            yield Target(server.address, server.keys["loadtest"], server.pid)
        finally:
            server.stop()


async def scenario_run(target: Target, scenario: str, options: argparse.Namespace) -> Run:
    """Runs one scenario and returns its report."""
    rate = options.rate or RATES[scenario]
    times_s = arrivals_s(rate, options.seconds, options.seed)
    requests = requests_of(
        scenario, len(times_s), SUBJECT_COUNT, secrets.token_hex(8), options.seed
    )
    # A pool of its own per channel, or all channels would share one connection.
    settings = (("grpc.use_local_subchannel_pool", 1),)
    channels = [
        grpc.aio.insecure_channel(target.address, options=settings) for _ in range(CHANNEL_COUNT)
    ]
    try:
        # A connection that is still being made would count as latency of the first calls.
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        load = Load(channels, target.key, options.timeout)
        cpu_before_s = cpu.cpu_s(target.pid) if target.pid else 0.0
        elapsed_s = await load.run(requests, times_s)
        summaries = {kind: samples.summary() for kind, samples in sorted(load.samples.items())}
        run = run_report(scenario, rate, len(requests), elapsed_s, summaries)
        run["in_flight_max"] = load.in_flight_max
        if target.pid:
            used_s = cpu.cpu_s(target.pid) - cpu_before_s
            run["server"] = {
                "cpu_percent": round(100 * used_s / elapsed_s, 1),
                "memory_bytes": cpu.memory_bytes(target.pid),
            }
        return run
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kairos_loadtest", description=__doc__)
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help=f"of {', '.join(SCENARIOS)} (default: mixed)",
    )
    parser.add_argument("--address", help="host:port of a running server (default: start one)")
    parser.add_argument("--key", default="", help="API key for --address")
    parser.add_argument(
        "--pid", type=int, default=0, help="process of --address, to report its CPU"
    )
    parser.add_argument(
        "--rate", type=float, default=0.0, help="calls per second (default: by scenario)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of each scenario (default 10)"
    )
    parser.add_argument(
        "--timeout", type=float, default=5.0, help="deadline of each call, seconds (default 5)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of schedule and requests (default 1)"
    )
    parser.add_argument(
        "--thresholds",
        type=Path,
        default=THRESHOLDS,
        help="budgets (default: thresholds.toml beside this)",
    )
    parser.add_argument("--json", type=Path, help="write the report here too")
    options = parser.parse_args(arguments)
    options.scenarios = options.scenarios or ["mixed"]
    unknown = sorted(set(options.scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"there is no scenario {unknown[0]}; choose of {', '.join(SCENARIOS)}")
    if options.address and not options.key:
        parser.error("--address needs --key")
    return options


if __name__ == "__main__":
    sys.exit(main())
