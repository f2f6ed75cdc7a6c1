"""One picture per evaluated image: views, prediction, ground truth and error."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsmnet.atomic import atomic_write
from dsmnet.evaluation.evaluator import OnImage
from dsmnet.io import write_image
from dsmnet.types import DisparityMap, Mask, StereoSample
from dsmnet.viz.panel import panel


def drawable(prediction: DisparityMap) -> DisparityMap:
    """Return a prediction with 0, which is drawn as unknown, where it is not finite."""
    return np.where(np.isfinite(prediction), prediction, 0).astype(np.float32)


def panel_writer(folder: Path) -> OnImage:
    """Return a callback for `evaluate` that writes ``<folder>/<set>_<image>.png``."""

    def write(set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        picture = panel(
            sample["left"],
            drawable(prediction),
            target=sample["disparity"],
            valid=scored,
            right=sample["right"],
            title=f"{set_name} {sample['name']}",
        )
        path = folder / f"{set_name}_{sample['name']}.png"
        with atomic_write(path) as part:
            write_image(part, picture)

    return write
