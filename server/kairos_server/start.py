"""What a start does before the first call: secrets, tenants, the demo pack, and lines for the
person at the terminal.
"""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from kairos_native.engine import Engine, Pending

from kairos_server.catalog import DocumentInput
from kairos_server.config import Address, Config
from kairos_server.demo.pack import read_pack
from kairos_server.exits import Exit, StartError
from kairos_server.plans import SERVER_PREFIX, Plans
from kairos_server.rpc import key_hash, key_new
from kairos_server.secrets_file import Secrets, SecretsError, secrets_read
from kairos_server.tenants import TIME_MODES, Tenant

DEMO_NUMBER: Final = 1
DEMO_NAME: Final = "demo"
SETTINGS_KEY: Final = SERVER_PREFIX + "tenant"

Submit = Callable[[Pending], Awaitable[None]]


def tenants_prepare(config: Config) -> tuple[Secrets, tuple[Tenant, ...]]:
    """Returns the data folder's secrets and the tenants to serve; makes hash keys, and the demo
    tenant in local mode.

    The secrets are durable before this returns, because the log depends on them from
    the first record on.
    Errors: StartError.
    """
    try:
        secrets = secrets_read(config.data)
        tenants = config.tenants
        if config.local:
            secrets.demo_key = secrets.demo_key or key_new()
            tenants = (Tenant(DEMO_NUMBER, DEMO_NAME, "live", (key_hash(secrets.demo_key),)),)
        for tenant in tenants:
            secrets.hash_key(str(tenant.number))
        secrets.save()
    except SecretsError as error:
        raise StartError(Exit.DATA, str(error)) from error
    except OSError as error:
        raise StartError(
            Exit.CANNOT_CREATE,
            f"{config.data} cannot be written: {error.strerror}. "
            "Choose another folder with --data.",
        ) from error
    return secrets, tenants


async def tenants_commit(
    engine: Engine,
    submit: Submit,
    tenants: tuple[Tenant, ...],
    secrets: Secrets,
    clock_us: Callable[[], int],
) -> None:
    """Logs the settings of every tenant that is new or changed; writes nothing otherwise.

    The settings last logged stand beside the tenant's documents, so that they come back with the
    log like everything else.
    Errors: StartError when `time_mode` changed: stored events keep the meaning that they had.
    """
    for tenant in tenants:
        settings = _settings_text(tenant)
        known = engine.documents_of(tenant.number, SETTINGS_KEY).get(SETTINGS_KEY)
        if known == settings:
            continue
        if known is not None and json.loads(known)["time_mode"] != tenant.time_mode:
            raise StartError(
                Exit.CONFIG,
                f"tenant {tenant.name}: time_mode cannot change from "
                f"{json.loads(known)['time_mode']} to {tenant.time_mode}; "
                "use a new tenant number.",
            )
        hash_key = secrets.hash_key(str(tenant.number))
        await submit(
            engine.tenant_settings(
                tenant.number, tenant.name, hash_key, TIME_MODES[tenant.time_mode], clock_us(),
                ahead_us_max=tenant.ahead_us_max, behind_us_max=tenant.behind_us_max,
                lateness_us_max=tenant.lateness_us_max, session_gap_us=tenant.session_gap_us,
            )
        )  # fmt: skip
        await submit(engine.documents(tenant.number, [(SETTINGS_KEY, settings)], clock_us()))


async def demo_load(engine: Engine, plans: Plans, clock_us: Callable[[], int]) -> None:
    """Applies and activates the demo pack when the demo tenant has no active plan."""
    if engine.active_plan(DEMO_NUMBER) is not None:
        return
    inputs = [
        DocumentInput(body=row.body, kind=row.kind, document_id=row.document_id)
        for row in read_pack(DEMO_NAME)
    ]
    await plans.apply(
        DEMO_NUMBER,
        inputs,
        [],
        author="kairos",
        note="demo pack",
        validate_only=False,
        activate=True,
        now_us=clock_us(),
    )


def banner(
    config: Config, grpc_port: int, http_port: int, secrets: Secrets, start_s: float
) -> None:
    """Prints where the server is and, in local mode, what to try next.

    Logs go to standard error, this to standard output.
    """
    grpc, http = (
        Address(a.host, port) for a, port in ((config.grpc, grpc_port), (config.http, http_port))
    )
    lines = [
        (
            f"Kairos is ready after {start_s:.2f} s.  gRPC {grpc}  "
            f"metrics and health http://{http}  data {config.data}"
        )
    ]
    if config.local:
        lines += [
            (
                f"Tenant demo, key {secrets.demo_key}  (kept in {secrets.path}, "
                "readable by its owner only)"
            ),
            "Try next, in another terminal:",
            f"  {sys.executable} -m kairos_server try --grpc {grpc} --key {secrets.demo_key}",
            "  make demo        # sends a whole event stream and prints what the server made of it",
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _settings_text(tenant: Tenant) -> bytes:
    fields = {name: getattr(tenant, name) for name in Tenant.__slots__ if name != "key_hashes"}
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
