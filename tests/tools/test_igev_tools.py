"""The authors' IGEV-Stereo files and narrow networks through the tools, as a user calls them."""

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
from dsmnet.models.checkpoint import save_weights
from dsmnet.models.official.igev_stereo import IGEVStereoNames
from tests.models.test_networks import NETWORKS
from tests.tools.conftest import write_scenes

RunTool = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RT-IGEV in the authors' form, narrow networks of ours, and pairs as images and as ETH3D."""
    folder = tmp_path_factory.mktemp("igev")
    torch.manual_seed(0)
    names, net = IGEVStereoNames(realtime=True), build_model("rt_igev", None).net
    tensors = {f"module.{names.official_name(name)}": tensor for name, tensor in net.state_dict().items()}
    torch.save(tensors, folder / "sceneflow.pth")
    torch.save({name: tensors[name] for name in list(tensors)[:-9]}, folder / "partial.pth")
    for model in ("igev_stereo", "rt_igev"):
        narrow = build_model(model, "batch", NETWORKS[model])
        save_weights(folder / f"{model}.safetensors", narrow.net, narrow.config)
    scenes = write_scenes(folder, 5)
    Eth3d.write_fake(folder / "data" / "ETH3D", [scenes[0]])
    return folder


def views(place: Path) -> list[str]:
    return [f"{view}={place / view / '0.png'}" for view in ("left", "right")]


def test_evaluate_gives_the_table_of_the_authors_file(run_tool: RunTool, place: Path) -> None:
    options = [f"paths.data={place / 'data'}", "device=cpu", "iterations=2", "confidence=true"]
    done = run_tool("evaluate", f"checkpoint={place / 'sceneflow.pth'}", *options)
    results = json.loads((done.output / "results.json").read_text())
    assert (results["model"], results["norm"], results["parameters"]) == ("rt_igev", "batch", 4_165_146)
    assert results["sets"]["eth3d"]["images"] == 1


def test_partial_file_is_refused_in_one_line(run_tool: RunTool, place: Path) -> None:
    run_tool("predict", *views(place), f"checkpoint={place / 'partial.pth'}", refused="partial.pth is not")


@pytest.mark.parametrize("model", ["igev_stereo", "rt_igev"])
def test_predict_takes_steps_tiles_and_confidence(run_tool: RunTool, place: Path, model: str) -> None:
    weights = [f"checkpoint={place / f'{model}.safetensors'}", "device=cpu", "max_disparity=32"]
    found = []
    for options in (["iterations=1"], ["iterations=3", "confidence=true"], ["tile=128"]):
        done = run_tool("predict", *weights, *views(place), *options)
        found.append(read_pfm(done.output / "0.pfm"))
        assert found[-1].shape == (96, 192)
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("model", ["igev_stereo", "rt_igev"])
def test_adabn_fits_all_its_batch_norms(run_tool: RunTool, place: Path, model: str) -> None:
    target = ["dataset=folder", f"dataset.left={place / 'left'}", f"dataset.right={place / 'right'}"]
    options = [f"checkpoint={place / f'{model}.safetensors'}", "device=cpu", "evaluate=false", "images=2"]
    done = run_tool("adapt", *options, *target)
    layers = json.loads((done.output / "adapt.json").read_text())["adaptation"]["layers"]
    changed = {layer["name"].removeprefix("net.").partition(".")[0] for layer in layers if layer["mean"] > 0}
    trunk = {"context_trunk"} if model == "igev_stereo" else set()
    assert changed == {"backbone", "context", "aggregation", "step_mask", *trunk}


def test_self_training_trains_it(run_tool: RunTool, place: Path) -> None:
    target = ["dataset=folder", f"dataset.left={place / 'left'}", f"dataset.right={place / 'right'}"]
    short = ["self_training.steps=2", "self_training.rounds=1", "self_training.source_pairs=2"]
    options = [f"checkpoint={place / 'rt_igev.safetensors'}", "method=self_training", "teacher=sgbm"]
    done = run_tool("adapt", *options, "device=cpu", "max_disparity=32", "iterations=1", *short, *target)
    assert (done.output / "round1" / "weights.safetensors").is_file()


def test_analysis_sees_its_features(run_tool: RunTool, place: Path) -> None:
    checkpoint, data = f"checkpoint=[{place / 'rt_igev.safetensors'}]", f"paths.data={place / 'data'}"
    crop = "sampling.crop=[64,128]"
    done = run_tool("analyze", checkpoint, data, "domains=[eth3d,synthetic]", "sampling.images=1", crop)
    text = (done.output / "analysis.json").read_text()
    for block in ("trunk.stem", "trunk.stages.4.2.depthwise", "ups.2.mix", "at_quarter.1"):
        assert block in text
