"""Four scenes of the generator's validation split: left view, prediction, ground truth, error."""

from __future__ import annotations

from pathlib import Path

from scene_rows import draw_rows

from dsmnet import load_model
from dsmnet.config import compose, instantiate

SCENES = (0, 5, 9, 14)  # of the validation split


def draw(path: Path) -> None:
    """Predict the scenes with dsmnet_lite and write the figure."""
    split = instantiate(compose("train").dataset).split_validation()[1]
    net, scenes = load_model("dsmnet_lite"), [split[index] for index in SCENES]
    found = [net.predict(scene["left"], scene["right"]) for scene in scenes]
    title = "dsmnet_lite on scenes of the generator that it was not trained on"
    draw_rows(path, title, scenes, found, [""] * len(scenes))
