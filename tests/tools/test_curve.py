"""tools/curve.py as a user runs it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from dsmnet import build_model
from dsmnet.models.checkpoint import save_weights

RunTool = Callable[..., Any]
SETS = [
    "eval=synthetic",
    "eval.sets.synthetic.images=1",
    "eval.sets.synthetic.dataset.size=[96,192]",
    "eval.sets.synthetic.dataset.largest_disparity=32",
]


@pytest.fixture
def checkpoints(tmp_path: Path) -> list[str]:
    files = []
    for k in range(2):
        predictor = build_model("tiny")
        save_weights(tmp_path / f"{k}.safetensors", predictor.net, predictor.config)
        files.append(str(tmp_path / f"{k}.safetensors"))
    return files


def test_writes_a_point_per_checkpoint(run_tool: RunTool, checkpoints: list[str]) -> None:
    run = run_tool("curve", f"checkpoints={checkpoints}", "pairs=[100,50]", *SETS)
    assert run.status == 0, run.log
    rows = list(csv.DictReader((run.output / "curve.csv").open()))
    assert [(row["pairs"], row["checkpoint"]) for row in rows] == [
        ("50", "1.safetensors"),
        ("100", "0.safetensors"),
    ]
    assert all(float(row["epe"]) > 0 for row in rows)
    assert cv2.imread(str(run.output / "curve.png")) is not None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["checkpoints=nowhere/*.ckpt"], "nowhere/*.ckpt: no such file"),
        (["checkpoints=nowhere.ckpt", "metrics=[epe,wrong]"], "metrics=wrong: expected some of epe"),
    ],
)
def test_a_mistake_ends_with_one_message(run_tool: RunTool, overrides: list[str], message: str) -> None:
    run = run_tool("curve", *overrides)
    assert run.status == 1
    assert message in run.log
