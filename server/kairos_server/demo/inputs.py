"""What the demo can send: for each input its tenant, pack, rows,
and what is read back and asked for afterwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kairos_server.demo.datasets import RETAIL_FILE, retail_rows, serenade_rows
from kairos_server.demo.events import Row
from kairos_server.demo.generator import SEED, generated_rows

DEVICES = ("mobile", "desktop", "tablet")


@dataclass(frozen=True, slots=True)
class DemoInput:
    """One input and the tenant of its own that it goes to."""

    name: str
    """Also the name of the tenant."""
    tenant_number: int
    """Fixed, so that a data folder that is used again holds the same tenants."""
    pack: str
    source: str
    """Where the events come from, for people."""
    rows: Callable[[], Iterator[Row]]
    features: tuple[str, ...]
    """Whole-number features that stand in a subject's line, after events,
    sessions and late events.
    """
    totals: dict[str, str]
    """Name in the report -> feature that is summed over all subjects."""
    placements: tuple[str, ...]


def inputs_of(data: Path | None) -> list[DemoInput]:
    """Returns the data sets of a folder, or the generator when there is none.

    Errors: FileNotFoundError with a sentence when the folder lacks a file.
    """
    if data is None:
        return [_generated()]
    for name in ("serenade/train.txt", "serenade/valid.txt", RETAIL_FILE):
        if not (data / name).is_file():
            raise FileNotFoundError(
                f"{data / name} does not exist; DATA must be the folder that holds serenade/ and "
                f"{RETAIL_FILE}"
            )
    return [_serenade(data), _retail(data)]


def _generated() -> DemoInput:
    return DemoInput(
        name="generated",
        tenant_number=1,
        pack="demo",
        source=f"the demo's own generator, seed {SEED} (no DATA was given)",
        rows=generated_rows,
        features=('count("page_view")', 'count("purchase")', 'sum("purchase", "value_minor")'),
        totals={"revenue_minor": 'sum("purchase", "value_minor")'},
        placements=("exit_overlay", "homepage_hero"),
    )


def _serenade(data: Path) -> DemoInput:
    return DemoInput(
        name="serenade",
        tenant_number=2,
        pack="serenade",
        source=f"{data}/serenade/train.txt, valid.txt, in the order of (time, file, row)",
        rows=lambda: serenade_rows(data),
        features=('count("click")',),
        totals={},
        placements=("recommendations",),
    )


def _retail(data: Path) -> DemoInput:
    return DemoInput(
        name="retail",
        tenant_number=3,
        pack="retail",
        source=f"{data}/{RETAIL_FILE}, in the order of (time, row); dates read as UTC, "
        "quantity x price rounded half up (away from zero) to pence",
        rows=lambda: retail_rows(data),
        features=(
            'count("purchase")',
            'sum("purchase", "value_minor")',
            'count("cancellation")',
            'sum("cancellation", "value_minor")',
        ),
        totals={
            "revenue_minor": 'sum("purchase", "value_minor")',
            "cancelled_minor": 'sum("cancellation", "value_minor")',
        },
        placements=("account_banner",),
    )


def device_of(subject_id: str) -> str:
    """Returns the device for which the demo asks a subject's decision:
    by the last digit of its id.
    """
    return DEVICES[int(subject_id[-1]) % len(DEVICES)]
