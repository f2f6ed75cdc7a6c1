"""What dsmnet_lite gets wrong: the worst of several scenes of the generator, for each of its hard cases."""

from __future__ import annotations

from pathlib import Path

from scene_rows import draw_rows, errors

from dsmnet import load_model
from dsmnet.config import compose, instantiate

OF_EACH = 12  # scenes of the validation split
STREET = "dataset.layouts={street:1,ground:0,indoor:0,still:0,random:0}"
INDOOR = "dataset.layouts={street:0,ground:0,indoor:1,still:0,random:0}"
HARD = {  # what stands in the picture -> options of the generator
    "dark bodies that mirror": ["dataset.hard_cases.shiny_cars=1", STREET],
    "burnt-out surfaces": ["dataset.glare=1"],
    "no texture": ["dataset.hard_cases.plain_walls=1", INDOOR],
    "thin things": ["dataset.hard_cases.thin=1"],
    "wet ground": ["dataset.hard_cases.wet_ground=1", STREET],
}


def draw(path: Path) -> None:
    """Predict the scenes, take the one with the largest bad-3 of each kind and write the figure."""
    net, rows = load_model("dsmnet_lite"), []
    for name, options in HARD.items():
        split = instantiate(compose("train", options).dataset).split_validation()[1]
        scenes = [split[index] for index in range(OF_EACH)]
        found = [net.predict(scene["left"], scene["right"]) for scene in scenes]
        worst = max(range(OF_EACH), key=lambda index: errors(scenes[index], found[index])[1])
        rows.append((scenes[worst], found[worst], name))
    title = f"Where dsmnet_lite fails: of {OF_EACH} scenes with each hard case of the generator, the worst"
    draw_rows(path, title, *zip(*rows, strict=True))
