"""Scenes of the generator in rows: left view, prediction, ground truth, error, with their scales."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.figure import Figure

from dsmnet.types import DisparityMap, Mask, StereoSample
from dsmnet.viz.color import COLOR_MAP, color_disparity, color_error, disparity_range, error_table
from dsmnet.viz.figures import save

TITLES = ("left view", "prediction", "ground truth", "error")
BOUNDS = [0, 3 / 16, 3 / 8, 3 / 4, 1.5, 3, 6, 12, 24, 48, 96]  # pixels, of the development kit's colors


def seen_by_both(scene: StereoSample) -> Mask:
    """Return the pixels with ground truth that both views see."""
    return scene["valid"] if scene.get("noc") is None else scene["valid"] & scene["noc"]


def errors(scene: StereoSample, found: DisparityMap) -> tuple[float, float]:
    """Return EPE in pixels and bad-3 in percent, of what both views see."""
    error = np.abs(found - scene["disparity"])[seen_by_both(scene)]
    return float(error.mean()), 100 * float((error > 3).mean())


def draw_rows(
    path: Path,
    title: str,
    scenes: Sequence[StereoSample],
    found: Sequence[DisparityMap],
    names: Sequence[str],
) -> None:
    """Write a row for each scene.

    Args:
        path: PNG file.
        title: Title of the picture.
        scenes: Scenes with ground truth.
        found: Predictions for them, pixels.
        names: Labels of the left views; "" where there is none.
    """
    rows = len(scenes)
    figure = Figure(figsize=(10, 1.3 * rows + 1), layout="constrained")
    spec = figure.add_gridspec(rows + 1, len(TITLES), height_ratios=[1] * rows + [0.06])
    grid = [[figure.add_subplot(spec[y, x]) for x in range(len(TITLES))] for y in range(rows)]
    for row, scene, prediction, name in zip(grid, scenes, found, names, strict=True):
        target, valid = scene["disparity"], scene["valid"]
        limits = disparity_range(target, valid)
        epe, bad3 = errors(scene, prediction)
        pictures = (
            scene["left"],
            color_disparity(prediction, limits),
            color_disparity(target, limits, valid),
            color_error(prediction, target, seen_by_both(scene)),
        )
        notes = (name, f"{limits[0]:.0f} to {limits[1]:.0f} px", "", f"EPE {epe:.2f} px, bad-3 {bad3:.1f} %")
        for axes, picture, note in zip(row, pictures, notes, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
            box = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 2}
            axes.text(4, picture.shape[0] - 6, note, color="white", fontsize=9, bbox=box if note else None)
    for axes, column in zip(grid[0], TITLES, strict=True):
        axes.set_title(column, fontsize=11)
    figure.suptitle(title, fontsize=12, x=0.005, ha="left")
    near = ScalarMappable(Normalize(0, 1), COLOR_MAP)
    bar = figure.colorbar(near, cax=figure.add_subplot(spec[-1, 1:3]), orientation="horizontal")
    bar.set_ticks([0, 1], labels=["far", "near"], fontsize=8)
    for label, side in zip(bar.ax.get_xticklabels(), ("left", "right"), strict=True):
        label.set_horizontalalignment(side)
    bar.set_label("disparity, over the range that each row states", fontsize=8)
    wrong = ScalarMappable(BoundaryNorm(BOUNDS, 10), ListedColormap(error_table() / 255))
    bar = figure.colorbar(wrong, cax=figure.add_subplot(spec[-1, 3]), orientation="horizontal")
    bar.set_ticks([0, 0.75, 3, 12, 96], labels=["0", "0.75", "3", "12", "96"], fontsize=8)
    bar.set_label("error px; black: not seen by both views", fontsize=8)
    save(figure, path)
