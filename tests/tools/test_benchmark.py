"""tools/benchmark.py as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from dsmnet import build_model
from dsmnet.models.checkpoint import save_weights

RunTool = Callable[..., Any]
SMALL = (
    *("model=tiny", "size=[70,100]", "max_disparity=32"),
    *("repeats=1", "threads=1", "device=cpu", "parts=[]"),
)


@pytest.fixture(autouse=True)
def measure_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in this process, which is quicker; that a process is started is tested in tests/benchmarks."""
    monkeypatch.setenv("DSMNET_BACKEND", "auto")
    for module in ("network", "scaling"):
        monkeypatch.setattr(
            f"benchmarks.{module}.in_own_process", lambda function, *args, what: function(*args)
        )


def test_both_backends_side_by_side(run_tool: RunTool) -> None:
    done = run_tool("benchmark", *SMALL, "norm=batch", "model.graph_filter=true")
    record = json.loads((done.output / "benchmark.json").read_text())
    assert (record["model"], record["norm"], record["size"]) == ("tiny", "batch", [70, 100])
    assert [entry["backend"] for entry in record["backends"]] == ["scan", "reference"]
    expected = build_model("tiny", "batch", ["model.graph_filter=true"])
    for entry in record["backends"]:
        assert entry["parameters"] == sum(p.numel() for p in expected.parameters())
        assert 0 < entry["seconds"] <= entry["slowest"] < 60
        assert entry["memory"] >= 0
    assert "| reference |" in (done.output / "benchmark.md").read_text()


def test_a_training_step(run_tool: RunTool) -> None:
    done = run_tool("benchmark", *SMALL, "size=[64,96]", "train=true", "backends=[scan]")
    assert "forward and backward of 64x96" in (done.output / "benchmark.md").read_text()


def test_scaling_has_points_constants_and_a_picture(run_tool: RunTool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build_model("tiny")
    save_weights(tmp_path / "tiny.safetensors", net.net, net.config)
    done = run_tool(
        "benchmark",
        *SMALL,
        "parts=[scaling]",
        "backends=[]",
        f"scaling.checkpoint={tmp_path / 'tiny.safetensors'}",
        "scaling.whole=[[100,200,32],[100,200,64]]",
        "scaling.tiled=[[200,264,32],[200,264,64]]",
        "scaling.tile=128",
        "scaling.overlap=16",
    )
    record = json.loads((done.output / "scaling.json").read_text())
    assert record["model"] == "tiny"
    assert [point["way"] for point in record["points"]] == ["whole", "whole", "tiled", "tiled"]
    assert record["points"][0]["memory"] > record["points"][0]["growth"]
    assert set(record["whole"]["bytes"]) == {"per_pixel", "per_cell"}
    assert cv2.imread(str(done.output / "scaling.png")) is not None
    text = (done.output / "benchmark.md").read_text()
    assert "ns/(pixel x disparity)" in text
    assert "tiled, 200x264, 64 px" in text
    assert "graph filters" not in text


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train=true"], "multiples of 8, got"),
        (["backends=[cuda]"], "backend='cuda': expected one of"),
        (["repeats=0"], "repeats=0"),
        (["parts=[gpu]"], "parts=gpu: needs a CUDA device"),
        (["parts=[nope]"], "parts=nope: expected all or some of"),
        (["parts=[scaling]", "scaling.tile=10"], "tile=10: expected auto, null or at least 128"),
    ],
)
def test_mistakes_are_named(run_tool: RunTool, overrides: list[str], message: str) -> None:
    run_tool("benchmark", *SMALL, *overrides, refused=message)
