"""Who was scored: the matcher and the baselines, as results.json has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def methods(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the sets' entries by method: the matcher first, then the baselines, each under its own name."""
    found = {results["model"]: results["sets"]}
    for name, entry in results.get("baselines", {}).items():
        found[f"{name} (baseline)" if name in found else name] = entry["sets"]
    return found
