"""Who was scored: the first matcher, those compared with it and the baselines, as results.json has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def networks(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the entries that say checkpoint, model, norm and parameters, by label; the first is the file."""
    first = results.get("label", results["model"])
    return {first: results, **results.get("compared", {})}


def methods(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the sets' entries by label: the networks first, then the baselines, each under its own name."""
    found = {label: entry["sets"] for label, entry in networks(results).items()}
    for name, entry in results.get("baselines", {}).items():
        found[f"{name} (baseline)" if name in found else name] = entry["sets"]
    return found


def worst_epe(results: Mapping[str, Any], set_name: str) -> dict[str, float]:
    """Return the largest EPE of any network per image of a set, pixels, the worst image first.

    Baselines do not count: they are there to be compared with, not to be looked into.
    """
    worst: dict[str, float] = {}
    for network in networks(results).values():
        for image in network["sets"][set_name]["per_image"]:
            epe = math.inf if image["epe"] is None else image["epe"]  # null: an answer was not finite
            worst[image["name"]] = max(epe, worst.get(image["name"], 0.0))
    return dict(sorted(worst.items(), key=lambda item: -item[1]))
