"""tools/average.py: the mean of several networks, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.inference import StereoPredictor
from dsmnet.models.checkpoint import save_weights

RunTool = Callable[..., Any]
SMALL = ["model.widths=[8,8,8]", "model.refine_blocks=[0,0]", "model.refine_radius=[1,1]"]


@pytest.fixture(scope="module")
def start() -> StereoPredictor:
    return build_model("tiny", "batch", SMALL)


def write(folder: Path, name: str, net: StereoPredictor, shift: float = 0.0) -> Path:
    """Save a network, each of its numbers shifted by so much of its own size."""
    path = folder / f"{name}.safetensors"
    save_weights(path, net.net, net.config)
    written = load_model(path)
    with torch.no_grad():
        for tensor in written.net.state_dict().values():
            tensor.mul_(1 + shift) if tensor.is_floating_point() else tensor.add_(3)
    save_weights(path, written.net, written.config)
    return path


@pytest.mark.parametrize(
    ("shares", "factor"), [("null", 1.05), ("[3,1]", 1.025), ("[0,2]", 1.1), ("[0.2,0.8]", 1.08)]
)
def test_mean(run_tool: RunTool, start: StereoPredictor, tmp_path: Path, shares: str, factor: float) -> None:
    files = write(tmp_path, "a", start), write(tmp_path, "b", start, 0.1)
    run = run_tool("average", f"checkpoint=[{files[0]},{files[1]}]", f"shares={shares}")
    mean = load_model(run.output / "weights.safetensors")
    assert mean.config == start.config
    for name, tensor in start.net.state_dict().items():
        found = mean.net.state_dict()[name]
        expected = tensor * factor if tensor.is_floating_point() else tensor + 3
        torch.testing.assert_close(found, expected)
    assert "statistics of batch norms are averaged too" in run.log
    assert "far from the mean" not in run.log


def test_a_training_checkpoint_counts_like_its_weights(
    run_tool: RunTool, start: StereoPredictor, tmp_path: Path
) -> None:
    save_weights(tmp_path / "a.ckpt", start.net, start.config)
    run = run_tool("average", f"checkpoint=[{tmp_path / 'a.ckpt'},{write(tmp_path, 'b', start)}]")
    mean = load_model(run.output / "weights.safetensors").net.state_dict()
    for name, tensor in start.net.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(mean[name], tensor)


def test_networks_that_began_apart_are_told(
    run_tool: RunTool, start: StereoPredictor, tmp_path: Path
) -> None:
    torch.default_generator.manual_seed(99)
    other = build_model("tiny", "batch", SMALL)
    files = write(tmp_path, "a", start), write(tmp_path, "b", other)
    assert "trained from a common start?" in run_tool("average", f"checkpoint=[{files[0]},{files[1]}]").log


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "checkpoint: has to be given"),
        (["checkpoint={a}"], "expected several checkpoints, as in [A,B]"),
        (["checkpoint=[{a},{b}]", "shares=[1]"], "shares=[1]: expected 2 numbers, one per checkpoint"),
        (["checkpoint=[{a},{b}]", "shares=[1,-1]"], "shares=-1: expected a number of at least 0"),
        (["checkpoint=[{a},{b}]", "shares=[0,0]"], "shares=[0, 0]: expected a number above 0 among them"),
        (["checkpoint=[{a},{b}]", "shares=half"], "shares=['half']: expected 2 numbers"),
        (["checkpoint=[{a},nowhere.ckpt]"], "checkpoint=nowhere.ckpt: no such file"),
        (["checkpoint=[{a},{wider}]"], "wider.safetensors is another network than"),
        (["checkpoint=[{a},{farther}]"], "farther.safetensors: differs from"),
        (["checkpoint=[{a},dsmnet_lite]"], "checkpoint=dsmnet_lite is another network than"),
    ],
)
def test_mistakes(
    run_tool: RunTool, start: StereoPredictor, tmp_path: Path, options: list[str], message: str
) -> None:
    changed = {"wider": "model.widths=[8,8,16]", "farther": "model.max_disparity=128"}
    files = {name: write(tmp_path, name, build_model("tiny", "batch", [*SMALL, option]))
             for name, option in changed.items()}  # fmt: skip
    files |= {name: write(tmp_path, name, start) for name in "ab"}
    run_tool("average", *(option.format(**files) for option in options), refused=message)
    assert not (tmp_path / "output" / "weights.safetensors").exists()


def test_exported_files_have_no_weights(run_tool: RunTool, start: StereoPredictor, tmp_path: Path) -> None:
    file = write(tmp_path, "a", start)
    options = ["format=torch_export", "max_disparity=32", "parity.sizes=[[64,96]]"]
    exported = run_tool("export", f"checkpoint={file}", *options).output / "a.pt2"
    refused = "a.pt2: an exported file has no weights to average"
    run_tool("average", f"checkpoint=[{file},{exported}]", refused=refused)


def test_the_sources_are_not_written_over(run_tool: RunTool, start: StereoPredictor, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    file = write(tmp_path / "output", "weights", start)
    before = file.read_bytes()
    run_tool("average", f"checkpoint=[{file},{write(tmp_path, 'b', start)}]", refused="weights.safetensors")
    assert file.read_bytes() == before
