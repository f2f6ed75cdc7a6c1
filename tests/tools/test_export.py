"""tools/export.py: the file, its check against torch, and the way back through predict and evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet import build_model, load_model
from dsmnet.io import read_pfm, write_image
from dsmnet.models.checkpoint import save_weights

RunTool = Callable[..., Any]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    options = ["model.widths=[8,8,8]", "model.refine_blocks=[0,0]", "model.refine_radius=[1,1]"]
    net = build_model("tiny", "batch", options)
    save_weights(path, net.net, net.config)
    return path


def views(folder: Path) -> list[str]:
    left = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    for name, image in (("left", left), ("right", np.roll(left, -4, axis=1))):
        write_image(folder / f"{name}.png", image)
    return [f"{name}={folder / name}.png" for name in ("left", "right")]


def test_export_then_predict(run_tool: RunTool, checkpoint: Path, tmp_path: Path) -> None:
    """In the quickest format; that the others give the same is the matter of tests/export."""
    options = ["max_disparity=32", "parity.sizes=[[64,96],[50,70]]"]
    run = run_tool("export", f"checkpoint={checkpoint}", "format=torch_export", *options)
    record = json.loads((run.output / "parity.json").read_text())
    assert record["file"] == "mine.pt2"
    assert [entry["size"] for entry in record["sizes"]] == [[64, 96], [50, 70]]
    assert all(entry["mean"] < 1e-3 for entry in record["sizes"])

    found = []
    for weights in (run.output / "mine.pt2", checkpoint):
        options = [*views(tmp_path), f"checkpoint={weights}", "max_disparity=32", "precision=float32"]
        predicted = run_tool("predict", *options)
        found.append(read_pfm(predicted.output / "left.pfm"))
    assert np.abs(found[0] - found[1]).mean() < 1e-3
    run_tool(
        "predict",
        *views(tmp_path),
        f"checkpoint={run.output / 'mine.pt2'}",
        refused="exported with max_disparity=32, asked for 192; export it again",
    )


def test_a_difference_is_an_error(run_tool: RunTool, checkpoint: Path) -> None:
    def written(*_: Any, own: bool) -> Any:
        """A file that says something else than the network."""
        return load_model("dsmnet_lite", device="cpu")

    options = ["max_disparity=32", "parity.sizes=[[64,96]]", "parity.tolerance=0"]
    run = run_tool(
        "export",
        f"checkpoint={checkpoint}",
        *options,
        export=lambda *_: Path("mine.onnx"),
        load_written=written,
        refused="differs from torch by more than parity.tolerance=0 px, do not use it",
    )
    assert json.loads((run.output / "parity.json").read_text())["sizes"][0]["within"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["precision=int4"], "precision=int4: expected float32, float16 or int8"),
        (["images=png"], "images=png: expected normalized or uint8"),
        (["format=openvino", "images=uint8"], "images=uint8: format=openvino has normalized alone"),
        (["format=torch_export", "precision=float16"], "precision=float16: format=torch_export has float32"),
        (["format=openvino", "precision=int8"], "precision=int8: format=openvino has float32 alone"),
        (["size=[384]"], "size=[384]: expected [height, width] or null"),
        (["size=384"], "size=384: expected [height, width] or null"),
        (["format=caffe"], "format=caffe: expected onnx, openvino or torch_export"),
        (["checkpoint=nothing.ckpt"], "checkpoint=nothing.ckpt: no such file"),
        (["max_disparity=-3"], "max_disparity=-3: expected auto or a positive whole number"),
    ],
)
def test_mistakes(run_tool: RunTool, checkpoint: Path, options: list[str], message: str) -> None:
    run = run_tool("export", f"checkpoint={checkpoint}", *options, refused=message)
    assert not list(run.output.glob("mine*"))
