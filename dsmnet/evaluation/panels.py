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

    def write_panel(set_name: str, sample: StereoSample, prediction: DisparityMap, scored: Mask) -> None:
        name = f"{set_name} {sample['name']}"
        picture = panel(
            *(sample["left"], drawable(prediction), sample["disparity"], scored),
            right=sample["right"],
            title=name,
        )
        with atomic_write(folder / f"{set_name}_{sample['name']}.png") as part:
            write_image(part, picture)

    return write_panel
