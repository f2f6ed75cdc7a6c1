"""An exported file against the network it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsmnet.errors import UserError
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.synthetic import SyntheticStereo


def check_parity(
    network: StereoPredictor,
    exported: StereoPredictor,
    sizes: Sequence[Sequence[int]],
    max_disparity: int,
    tolerance: float,
) -> list[dict[str, Any]]:
    """Predict a procedural pair of each size [height, width] with a network and its exported file.

    Returns:
        One entry per size: ``size``, ``mean`` and ``largest`` difference in pixels, ``within`` (the mean is
        at most `tolerance`).
    """
    if not sizes:
        raise UserError("parity.sizes=[]: expected at least one [height, width]")
    found = []
    for index, size in enumerate(sizes):
        pair = SyntheticStereo(size=size, largest_disparity=min(96, max_disparity, size[1] // 2))[index]
        first, second = (p.predict(pair["left"], pair["right"], max_disparity) for p in (network, exported))
        difference = np.abs(first - second)
        mean = float(difference.mean())  # nan compares as too large
        within = bool(mean <= tolerance)
        found.append({"size": list(size), "mean": mean, "largest": float(difference.max()), "within": within})
    return found


def write_parity(path: Path, file: Path, tolerance: float, found: list[dict[str, Any]]) -> None:
    """Write parity.json; then a `UserError` where a difference is too large."""
    record = {"file": file.name, "tolerance": tolerance, "sizes": found}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    wrong = [f"{entry['size']}: {entry['mean']:.3g} px" for entry in found if not entry["within"]]
    if wrong:
        raise UserError(
            f"{file}: differs from torch by more than parity.tolerance={tolerance} px, do not use it: "
            f"{', '.join(wrong)} (see {path})"
        )
