"""How a pair becomes one with exact ground truth: label, filled label, and the right view that it renders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dsmnet import load_model
from dsmnet.adaptation.pseudo_labels import LabelRules, make_label
from dsmnet.adaptation.view_synthesis import render_right
from dsmnet.config import compose, instantiate
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.viz.color import color_disparity, disparity_range
from dsmnet.viz.figures import save

SCENES = (9, 11)  # of the validation split
WIDER = 1.4  # factor of the baseline
TITLES = ("left view", "right view", "label", "filled", f"rendered, {WIDER} times the baseline")


def draw(path: Path) -> None:
    """Label the scenes, render their right views and write the figure."""
    net, split = load_model("dsmnet_lite"), instantiate(compose("train").dataset).split_validation()[1]
    figure = Figure(figsize=(13, 1.3 * len(SCENES) + 0.3), layout="constrained")
    grid = figure.subplots(len(SCENES), len(TITLES), squeeze=False)
    for row, index in zip(grid, SCENES, strict=True):
        scene = split[index]
        left, right = scene["left"], scene["right"]
        label = make_label(net, left, right, 192, LabelRules(), SGBM())
        limits = disparity_range(label.filled, np.ones_like(label.mask))
        pictures = (
            left,
            right,
            color_disparity(label.disparity, limits, label.mask),
            color_disparity(label.filled, limits),
            render_right(left, right, label.filled, WIDER)[0],
        )
        for axes, picture in zip(row, pictures, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
    for axes, title in zip(grid[0], TITLES, strict=True):
        axes.set_title(title, fontsize=9)
    save(figure, path)
