"""The authors' RAFT-Stereo files and iterative networks through the tools, as a user calls them."""

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
from dsmnet.models.official.raft_stereo import RAFTStereoNames
from tests.tools.conftest import write_scenes

RunTool = Callable[..., Any]
NARROW = ["model.widths=[8,8,8]", "model.matched=16", "model.hidden=8", "model.levels=2"]
NARROW += ["model.iterations=2", "model.train_iterations=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fast form in the authors' form, a narrow network of ours, and five pairs as images and as ETH3D."""
    folder = tmp_path_factory.mktemp("iterative")
    torch.manual_seed(0)
    state = build_model("raft_stereo_realtime", None).net.state_dict()
    names = RAFTStereoNames(shared=True)
    tensors = {f"module.{names.official_name(name)}": tensor for name, tensor in state.items()}
    tensors["module.update_block.gru32.convz.weight"] = torch.zeros(128, 256, 3, 3)  # declared all the same
    torch.save(tensors, folder / "raftstereo-realtime.pth")
    net = build_model("raft_stereo", "batch", NARROW)
    save_weights(folder / "narrow.safetensors", net.net, net.config)
    scenes = write_scenes(folder, 5)
    Eth3d.write_fake(folder / "data" / "ETH3D", [scenes[0]])
    return folder


def views(place: Path) -> list[str]:
    return [f"{view}={place / view / '0.png'}" for view in ("left", "right")]


def test_evaluate_gives_the_table_of_the_authors_file(
    run_tool: RunTool, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = place / "raftstereo-realtime.pth"
    options = [f"paths.data={place / 'data'}", "device=cpu", "iterations=2", "confidence=true"]
    done = run_tool("evaluate", f"checkpoint={weights}", *options)
    results = json.loads((done.output / "results.json").read_text())
    assert (results["model"], results["norm"], results["parameters"]) == (
        *("raft_stereo_realtime", "batch"),
        8_077_152,
    )
    assert results["sets"]["eth3d"]["images"] == 1
    assert "eth3d" in capsys.readouterr().out


def test_predict_takes_the_authors_file_and_steps_of_ones_own(run_tool: RunTool, place: Path) -> None:
    weights = f"checkpoint={place / 'raftstereo-realtime.pth'}"
    found = []
    for steps in ("iterations=1", "iterations=2", "iterations=null"):
        done = run_tool("predict", weights, *views(place), steps, "device=cpu", "max_disparity=4")
        found.append(read_pfm(done.output / "0.pfm"))
        assert "search range" not in done.log  # it bounds nothing, so nothing lies at its end
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])


def test_negative_disparities_are_kept(run_tool: RunTool, tmp_path: Path, place: Path) -> None:
    net = build_model("raft_stereo", None, NARROW)
    with torch.no_grad():
        net.net.flow_head[2].bias += 10
    save_weights(tmp_path / "left.safetensors", net.net, net.config)
    done = run_tool("predict", *views(place), f"checkpoint={tmp_path / 'left.safetensors'}", "device=cpu")
    assert read_pfm(done.output / "0.pfm").max() < 0


def test_adabn_fits_the_context_encoder_whose_statistics_training_leaves_alone(
    run_tool: RunTool, place: Path
) -> None:
    target = ["dataset=folder", f"dataset.left={place / 'left'}", f"dataset.right={place / 'right'}"]
    options = [f"checkpoint={place / 'narrow.safetensors'}", "device=cpu", "evaluate=false", "images=2"]
    done = run_tool("adapt", *options, *target)
    layers = json.loads((done.output / "adapt.json").read_text())["adaptation"]["layers"]
    changed = {layer["name"].removeprefix("net.").partition(".")[0] for layer in layers if layer["mean"] > 0}
    assert changed == {"backbone", "context_trunk", "context"}


def test_self_training_trains_every_step_of_it(run_tool: RunTool, place: Path) -> None:
    target = ["dataset=folder", f"dataset.left={place / 'left'}", f"dataset.right={place / 'right'}"]
    short = ["self_training.steps=2", "self_training.rounds=1", "self_training.source_pairs=2"]
    options = [f"checkpoint={place / 'narrow.safetensors'}", "method=self_training", "teacher=sgbm"]
    done = run_tool("adapt", *options, "device=cpu", "max_disparity=32", "iterations=1", *short, *target)
    record = json.loads((done.output / "adapt.json").read_text())
    assert len(record["adaptation"]["rounds"][0]["guard"]) == 4
    assert (done.output / "round1" / "weights.safetensors").is_file()


def test_analysis_sees_both_kinds_of_block(run_tool: RunTool, place: Path) -> None:
    checkpoint, data = f"checkpoint=[{place / 'narrow.safetensors'}]", f"paths.data={place / 'data'}"
    crop = "sampling.crop=[64,128]"
    done = run_tool("analyze", checkpoint, data, "domains=[eth3d,synthetic]", "sampling.images=1", crop)
    text = (done.output / "analysis.json").read_text()
    assert "trunk.stem" in text
    assert "trunk.stages.2.1" in text


def test_network_without_steps_refuses_a_number_of_them(run_tool: RunTool, place: Path) -> None:
    run_tool("predict", *views(place), "iterations=3", refused="iterations=3: model=dsmnet_lite does not")
    narrow = f"checkpoint={place / 'narrow.safetensors'}"
    for steps in ("0", "1.5", "many"):
        run_tool("predict", *views(place), narrow, f"iterations={steps}", refused=f"iterations={steps}: exp")
