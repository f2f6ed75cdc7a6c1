"""tools/benchmark_scaling.py as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch

from dsmnet import build_model
from dsmnet.models.checkpoint import save_weights

RunTool = Callable[..., Any]


def test_points_constants_and_picture(run_tool: RunTool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build_model("tiny")
    save_weights(tmp_path / "tiny.safetensors", net.net, net.config)
    done = run_tool(
        "benchmark_scaling",
        f"checkpoint={tmp_path / 'tiny.safetensors'}",
        "whole=[[100,200,32],[100,200,64]]",
        "tiled=[[200,264,32],[200,264,64]]",
        "tile=128",
        "overlap=16",
        "progress=false",
    )
    assert done.status == 0, done.log
    record = json.loads((done.output / "scaling.json").read_text())
    assert record["model"] == "tiny"
    assert [point["way"] for point in record["points"]] == ["whole", "whole", "tiled", "tiled"]
    assert record["points"][0]["memory"] > record["points"][0]["growth"]
    assert set(record["whole"]["bytes"]) == {"per_pixel", "per_cell"}
    assert cv2.imread(str(done.output / "scaling.png")) is not None


def test_wrong_tiles_are_named_before_anything_is_measured(run_tool: RunTool) -> None:
    done = run_tool("benchmark_scaling", "tile=10")
    assert done.status == 1
    assert "tile=10: expected auto, null or at least 128" in done.log
