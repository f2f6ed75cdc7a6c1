"""Numbers for JSON, which has no nan and no infinity."""

from __future__ import annotations

import math


def json_number(value: float) -> float | None:
    """Round to six decimals; what is not finite becomes null."""
    return round(value, 6) if math.isfinite(value) else None
