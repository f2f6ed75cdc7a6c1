"""tools/adapt.py as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.adaptation import batch_norms
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.models.checkpoint import save_weights
from dsmnet.synthetic import SyntheticStereo

RunTool = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of tiny networks and an ETH3D tree of three pairs, the last without ground truth."""
    folder = tmp_path_factory.mktemp("adapt")
    for norm in ("batch", "domain"):
        torch.manual_seed(0)
        net = build_model("tiny", norm=norm)
        save_weights(folder / f"{norm}.safetensors", net.net, net.config)
    scenes = SyntheticStereo(size=(64, 96), largest_disparity=32)
    samples = [scenes[index] for index in range(3)]
    del samples[2]["disparity"], samples[2]["noc"]
    Eth3d.write_fake(folder / "data" / "ETH3D", samples)
    return folder


@pytest.fixture
def adapt(run_tool: RunTool, place: Path) -> RunTool:
    data = f"paths.data={place / 'data'}"
    checkpoint = f"checkpoint={place / 'batch.safetensors'}"
    return partial(run_tool, "adapt", data, checkpoint, "device=cpu", "max_disparity=32")


def test_adapts_to_all_pairs_and_scores_those_with_ground_truth(adapt: RunTool, place: Path) -> None:
    done = adapt("dataset=eth3d")
    record = json.loads((done.output / "adapt.json").read_text())
    assert (record["model"], record["norm"], record["dataset"]) == ("tiny", "batch", "eth3d")
    assert record["adaptation"]["items"] == 3
    assert record["before"]["images"] == record["after"]["images"] == 2
    assert record["before"]["epe"] != record["after"]["epe"]
    net = load_model(done.output / "adapted.ckpt", device="cpu")
    names = [layer["name"] for layer in record["adaptation"]["layers"]]
    assert set(names) == set(batch_norms(net))
    assert net.config["adapted"]["dataset"] == "eth3d"
    # What was saved is what was scored.
    sample = Eth3d(place / "data" / "ETH3D")[0]
    error = np.abs(net.predict(sample["left"], sample["right"], 32) - sample["disparity"])
    assert error[sample["noc"]].mean() == pytest.approx(record["after"]["per_image"][0]["epe"], abs=1e-4)


def test_a_target_without_any_ground_truth(adapt: RunTool, place: Path) -> None:
    folder = place / "unlabelled" / "ETH3D"
    sample = SyntheticStereo(size=(64, 96), largest_disparity=32)[0]
    del sample["disparity"], sample["noc"]
    Eth3d.write_fake(folder, [sample])
    done = adapt("dataset=eth3d", f"paths.data={folder.parent}")
    record = json.loads((done.output / "adapt.json").read_text())
    assert record["before"] is record["after"] is None
    assert "no pair has ground truth, so there is no error before and after" in done.log


def test_the_generator_as_target(adapt: RunTool, place: Path) -> None:
    small = ["dataset.size=[64,128]", "dataset.largest_disparity=32", "images=2", "evaluate=false"]
    done = adapt("dataset=synthetic", *small)
    assert json.loads((done.output / "adapt.json").read_text())["adaptation"]["items"] == 2


def test_without_batch_norms(adapt: RunTool, place: Path) -> None:
    reason = "domain.safetensors: norm=domain, norm3d=none keep no batch statistics"
    done = adapt("dataset=eth3d", f"checkpoint={place / 'domain.safetensors'}", refused=reason)
    assert not (done.output / "adapted.ckpt").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("paths.data=nowhere", "nowhere/ETH3D"),
        ("prior=-1", "prior=-1"),
        ("mode=twice", "mode=twice"),
        ("images=-2", "images=-2"),
    ],
)
def test_mistakes_are_named(adapt: RunTool, override: str, message: str) -> None:
    done = adapt("dataset=eth3d", override, refused=message)
    assert not (done.output / "adapted.ckpt").exists()
