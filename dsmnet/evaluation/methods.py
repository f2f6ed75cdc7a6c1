"""Who was scored: the first matcher, those compared with it and the baselines, as results.json has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def networks(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the entries that say checkpoint, model, norm and parameters, by label; the first is the file."""
    first = results.get("label", results["model"])
    return {first: results, **results.get("compared", {})}


def methods(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the sets' entries by label: of the networks first, then of the baselines."""
    scored = {**networks(results), **results.get("baselines", {})}
    return {label: entry["sets"] for label, entry in scored.items()}
