"""The policy `privacy`: what consent levels of privacy-compliant events mean for the tenant."""

from collections.abc import Mapping
from typing import Any, Final

from .schema import canonical_name
from .shapes import Fields
from .violations import Reason

RETENTION_DAYS_MAX: Final = 3_650
RETENTION_DAYS_DEFAULT: Final = 30
LEVELS: Final = ("necessary", "analytics_only", "marketing", "full")


def privacy_policy(fields: Fields) -> Mapping[str, Any]:
    """Returns {levels, essential_attributes, retention_days}.

    `levels`: name of a consent level -> purposes that it grants, of those stated; a level that is
    left out grants what docs/guides/ingest.md says.
    """
    stated = Fields(fields.raw("levels", {}), fields.at("levels"))
    levels = {name: [canonical_name(p) for p in stated.names(name)] for name in LEVELS
              if stated.has(name)}  # fmt: skip
    for name in LEVELS:
        stated.raw(name)
    stated.close()
    days = fields.whole("retention_days", RETENTION_DAYS_DEFAULT)
    if not 1 <= days <= RETENTION_DAYS_MAX:
        fields.at("retention_days").fault(
            Reason.VALUE_INVALID, f"{days} is not 1 to {RETENTION_DAYS_MAX}"
        )
    essential = sorted({canonical_name(name) for name in fields.names("essential_attributes")})
    return {"levels": levels, "essential_attributes": essential, "retention_days": days}
