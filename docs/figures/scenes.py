"""Four scenes of the generator's validation split: left view, prediction, ground truth, error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.figure import Figure

from dsmnet import load_model
from dsmnet.config import compose, instantiate
from dsmnet.viz.color import COLOR_MAP, color_disparity, color_error, disparity_range, error_table
from dsmnet.viz.figures import save

SCENES = (0, 5, 9, 14)  # of the validation split
TITLES = ("left view", "prediction", "ground truth", "error")
BOUNDS = [0, 3 / 16, 3 / 8, 3 / 4, 1.5, 3, 6, 12, 24, 48, 96]  # pixels, of the development kit's colors


def draw(path: Path) -> None:
    """Predict the scenes with dsmnet_lite and write the figure."""
    scenes = instantiate(compose("train").dataset).split_validation()[1]
    net = load_model("dsmnet_lite")
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    spec = figure.add_gridspec(len(SCENES) + 1, len(TITLES), height_ratios=[1] * len(SCENES) + [0.06])
    grid = [[figure.add_subplot(spec[y, x]) for x in range(len(TITLES))] for y in range(len(SCENES))]
    for row, index in zip(grid, SCENES, strict=True):
        scene = scenes[index]
        target, valid = scene["disparity"], scene["valid"]
        seen = valid if scene.get("noc") is None else valid & scene["noc"]
        found = net.predict(scene["left"], scene["right"])
        limits = disparity_range(target, valid)
        error = np.abs(found - target)[seen].mean()
        pictures = (
            scene["left"],
            color_disparity(found, limits),
            color_disparity(target, limits, valid),
            color_error(found, target, seen),
        )
        notes = ("", f"{limits[0]:.0f} to {limits[1]:.0f} px", "", f"EPE {error:.2f} px")
        for axes, picture, note in zip(row, pictures, notes, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
            box = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 2}
            axes.text(4, picture.shape[0] - 6, note, color="white", fontsize=9, bbox=box if note else None)
    for axes, title in zip(grid[0], TITLES, strict=True):
        axes.set_title(title, fontsize=11)
    figure.suptitle(
        "dsmnet_lite on scenes of the generator that it was not trained on", fontsize=12, x=0.005, ha="left"
    )
    near = ScalarMappable(Normalize(0, 1), COLOR_MAP)
    bar = figure.colorbar(near, cax=figure.add_subplot(spec[-1, 1:3]), orientation="horizontal")
    bar.set_ticks([0, 1], labels=["far", "near"])
    wrong = ScalarMappable(BoundaryNorm(BOUNDS, 10), ListedColormap(error_table() / 255))
    bar = figure.colorbar(wrong, cax=figure.add_subplot(spec[-1, 3]), orientation="horizontal")
    bar.set_ticks([0, 0.75, 3, 12, 96], labels=["0", "0.75", "3", "12", "96"], fontsize=8)
    bar.set_label("error px; black: not seen by both views", fontsize=8)
    save(figure, path)
