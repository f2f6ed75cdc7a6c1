"""Points of the figure of error against time: what was both timed and scored, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from benchmarks.error_against_time import main

PAIR = "375x1242, 192 px"


def row(name: str, backend: str, seconds: float, pair: str = PAIR) -> dict[str, Any]:
    return {"seconds": seconds, "network": {"name": name, "backend": backend, "pair": pair}}


def scored(d1: float) -> dict[str, Any]:
    return {"kitti2015": {"epe": d1 / 10, "d1": d1}}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rows = [
        row("StereoSGBM", "hh", 0.5),
        row("StereoSGBM", "sgbm_3way", 0.1),  # timed, not scored
        row("lite", "torch float32", 0.6),
        row("lite", "torch float32", 2.4, "1080x1920, 192 px"),  # another pair
        row("lite", "torch bfloat16", 0.4),
        row("lite", "openvino bfloat16", 0.3),  # not scored
        row("base", "onnxruntime float32", 2.0),
        row("coex", "torch float32", 1.0),  # of others: random weights
    ]
    contents = {
        "benchmark": {"parts": {"backends": rows}},
        "results": {
            "label": "lite",
            "sets": scored(6.4),
            "compared": {"base": {"sets": scored(6.8)}},
            "baselines": {"sgbm": {"sets": scored(12.6)}},
        },
        "half": {"model": "lite", "sets": scored(6.5)},
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return {name: tmp_path / f"{name}.json" for name in contents}


def test_points_are_those_that_were_timed_and_scored(files: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "figure.svg"
    main([*map(str, (files["benchmark"], files["results"], f"torch bfloat16={files['half']}")),
          f"--output={output}"])  # fmt: skip
    text = output.read_text()
    for label in (
        "lite",
        "base",
        "StereoSGBM",
        "torch float32",
        "torch bfloat16",
        "onnxruntime float32",
        "hh",
    ):
        assert text.count(f">{label}</text>") == 1, label
    for label in ("sgbm_3way", "openvino bfloat16", "coex"):
        assert f">{label}</text>" not in text
    assert f">time of a pair of {PAIR}, ms</text>" in text
    assert ">kitti2015: D1, %</text>" in text


def test_picture_may_be_a_png(files: dict[str, Path], tmp_path: Path) -> None:
    main([str(files["benchmark"]), str(files["results"]), "--metric=epe", f"--output={tmp_path / 'a.png'}"])
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    assert picture.std() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json", "results"], "nowhere.json: expected a JSON file"),
        (["benchmark", "results", "--set=eth3d"], "nothing was both timed .* and scored on eth3d"),
        (["results", "results"], "nothing was both timed"),
        (["benchmark", "results", "--metric=rms"], "metric=rms: expected epe, d1"),
    ],
)
def test_mistakes_end_in_one_line(files: dict[str, Path], arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        main([str(files.get(argument, argument)) for argument in arguments])
