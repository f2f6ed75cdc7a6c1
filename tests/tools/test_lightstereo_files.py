"""A file in the form of OpenStereo's LightStereo through the tools, as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsmnet import build_model
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.io import read_pfm
from dsmnet.models.official.lightstereo import LightStereoNames
from tests.tools.conftest import write_scenes

RunTool = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LightStereo-S as OpenStereo writes it, and pairs as images and as ETH3D."""
    folder = tmp_path_factory.mktemp("light")
    torch.manual_seed(0)
    state = build_model("lightstereo_s", None).net.state_dict()
    names = LightStereoNames(efficient=False)
    tensors = {names.official_name(name): tensor for name, tensor in state.items()}
    torch.save({"epoch": 89, "model_state": tensors, "optimizer_state": {}}, folder / "light.ckpt")
    scenes = write_scenes(folder, 4)
    Eth3d.write_fake(folder / "data" / "ETH3D", [scenes[0]])
    return folder


@pytest.fixture
def options(place: Path) -> list[str]:
    return [f"checkpoint={place / 'light.ckpt'}", "device=cpu"]


def test_evaluate_gives_the_table_of_the_authors_file(
    run_tool: RunTool, place: Path, options: list[str]
) -> None:
    done = run_tool("evaluate", *options, f"paths.data={place / 'data'}", "confidence=sharpness")
    results = json.loads((done.output / "results.json").read_text())
    found = (results["model"], results["norm"], results["parameters"], results["sets"]["eth3d"]["images"])
    assert found == ("lightstereo_s", "batch", 3_441_360, 1)


def test_predict_works_in_tiles_with_a_confidence(run_tool: RunTool, place: Path, options: list[str]) -> None:
    views = [f"{view}={place / view / '0.png'}" for view in ("left", "right")]
    maps = []
    for tile in ("null", "128"):
        done = run_tool("predict", *options, *views, f"tile={tile}", "overlap=32", "confidence=sharpness")
        assert "search range" not in done.log
        maps.append(read_pfm(done.output / "0.pfm"))
    assert np.isfinite(maps[1]).all()
    assert not np.array_equal(*maps)


def test_adabn_and_self_training_change_it(run_tool: RunTool, place: Path, options: list[str]) -> None:
    target = ["dataset=folder", f"dataset.left={place / 'left'}", f"dataset.right={place / 'right'}"]
    done = run_tool("adapt", *options, "evaluate=false", "images=1", *target)
    layers = json.loads((done.output / "adapt.json").read_text())["adaptation"]["layers"]
    changed = {layer["name"].removeprefix("net.").partition(".")[0] for layer in layers if layer["mean"] > 0}
    assert changed == {"backbone", "aggregation", "upsampling"}
    done.output.rename(place / "adabn")
    short = ["self_training.steps=2", "self_training.rounds=1", "self_training.source_pairs=2"]
    trained = ["method=self_training", "teacher=sgbm", "max_disparity=32", *short, *target]
    done = run_tool("adapt", *options, *trained)
    assert (done.output / "round1" / "weights.safetensors").is_file()
