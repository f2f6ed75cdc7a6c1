"""tools/export.py: the file, its check against torch, and the way back through predict and evaluate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet import build_model
from dsmnet.io import read_pfm, write_image
from dsmnet.models.checkpoint import save_weights

RunTool = Callable[..., Any]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    net = build_model("tiny", overrides=["model.max_disparity=32", "model/aggregation=semi_global"])
    save_weights(path, net.net, net.config)
    return path


def views(folder: Path) -> list[str]:
    left = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    for name, image in (("left", left), ("right", np.roll(left, -4, axis=1))):
        write_image(folder / f"{name}.png", image)
    return [f"{name}={folder / name}.png" for name in ("left", "right")]


@pytest.fixture(scope="module")
def kept() -> dict[str, Path]:
    """The file that the first test exports."""
    return {}


def test_export_then_predict(
    run_tool: RunTool,
    checkpoint: Path,
    tmp_path: Path,
    kept: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for package in ("onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    options = ["max_disparity=32", "parity.sizes=[[64,96],[50,70]]"]
    run = run_tool("export", f"checkpoint={checkpoint}", "format=onnx", *options)
    record = json.loads((run.output / "parity.json").read_text())
    assert record["file"] == "mine.onnx"
    assert [entry["size"] for entry in record["sizes"]] == [[64, 96], [50, 70]]
    assert all(entry["mean"] < 1e-3 for entry in record["sizes"])

    found = []
    for weights in (run.output / "mine.onnx", checkpoint):
        options = [*views(tmp_path), f"checkpoint={weights}", "max_disparity=32"]
        predicted = run_tool("predict", *options)
        found.append(read_pfm(predicted.output / "left.pfm"))
    assert np.abs(found[0] - found[1]).mean() < 1e-3
    run_tool(
        "predict",
        *views(tmp_path),
        f"checkpoint={run.output / 'mine.onnx'}",
        refused="exported with max_disparity=32, asked for 192; export it again",
    )
    kept["file"] = shutil.copy(run.output / "mine.onnx", tmp_path_factory.mktemp("kept") / "mine.onnx")


def test_a_difference_is_an_error(run_tool: RunTool, checkpoint: Path, kept: dict[str, Path]) -> None:
    if "file" not in kept:
        pytest.skip("nothing was exported")
    options = ["max_disparity=32", "parity.sizes=[[64,96]]", "parity.tolerance=-1"]
    run = run_tool(
        "export",
        f"checkpoint={checkpoint}",
        *options,
        export=lambda *_: Path(kept["file"]),
        refused="differs from torch by more than parity.tolerance=-1 px, do not use it",
    )
    assert json.loads((run.output / "parity.json").read_text())["sizes"][0]["within"] is False


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("format=caffe", "format=caffe: expected onnx, openvino or torch_export"),
        ("checkpoint=nothing.ckpt", "checkpoint=nothing.ckpt: no such file"),
        ("max_disparity=-3", "max_disparity=-3: expected auto or a positive whole number"),
    ],
)
def test_mistakes(run_tool: RunTool, checkpoint: Path, option: str, message: str) -> None:
    run = run_tool("export", f"checkpoint={checkpoint}", option, refused=message)
    assert not list(run.output.glob("mine*"))
