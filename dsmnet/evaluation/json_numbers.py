"""Numbers for JSON, which has no nan and no infinity."""

from __future__ import annotations

import math
from typing import Any


def json_number(value: float) -> float | None:
    """Round to six decimals; what is not finite becomes null."""
    return round(value, 6) if math.isfinite(value) else None


def json_numbers(node: Any) -> Any:
    """Round all floats within dictionaries and lists."""
    if isinstance(node, dict):
        return {key: json_numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [json_numbers(value) for value in node]
    return json_number(node) if isinstance(node, float) else node
