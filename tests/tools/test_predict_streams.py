"""tools/predict.py on many pairs: interrupted and resumed, videos, confidence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet import build_model
from dsmnet.io import read_pfm, write_image
from dsmnet.models.checkpoint import save_weights
from dsmnet.types import Matcher

REPOSITORY = Path(__file__).resolve().parents[2]
RunTool = Callable[..., Any]


class Shifted(Matcher):
    """Answers 4 px everywhere, so that the mirrored pair agrees."""

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        return np.full(left.shape[:2], 4, np.float32)


@pytest.fixture
def predict(run_tool: RunTool) -> RunTool:
    return partial(run_tool, "predict", load_model=lambda *_, **__: Shifted())


def scene(seed: int, height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def folders(place: Path, number: int) -> list[str]:
    """Write pairs; return the options that name them."""
    for side in ("left", "right"):
        for index in range(number):
            write_image(place / side / f"{index:03d}.png", scene(index))
    return [f"left={place / 'left'}", f"right={place / 'right'}"]


def start(*overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "tools/predict.py", *overrides],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that started the tests in the background has SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_ctrl_c_leaves_whole_files_and_the_same_command_goes_on(run_tool: RunTool, tmp_path: Path) -> None:
    net, weights, out = build_model("tiny").eval(), tmp_path / "tiny.safetensors", tmp_path / "out"
    save_weights(weights, net.net, net.config)
    options = [*folders(tmp_path, 30), f"checkpoint={weights}", f"paths.output={out}", "device=cpu"]
    options += ["max_disparity=32"]
    first = start(*options)
    try:
        deadline = time.monotonic() + 300
        while len(list(out.glob("*.pfm"))) < 3 and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(signal.SIGINT)
        said, _ = first.communicate(timeout=120)
    finally:
        first.kill()
    assert first.returncode == 128 + signal.SIGINT, said  # the status that shells give an interruption
    finished = sorted(path.stem for path in out.glob("*.pfm"))
    assert 3 <= len(finished) < 30
    assert f"interrupted; {len(finished)} of 30 pairs are finished" in said
    assert f"resume=true paths.output={out}" in " ".join(said.split())
    assert "Traceback" not in said
    assert not list(out.glob(".part*"))
    for name in finished:
        assert read_pfm(out / f"{name}.pfm").shape == (40, 60)
        assert all((out / f"{name}{suffix}").is_file() for suffix in (".png", "_color.png"))
    kept = {name: (out / f"{name}.pfm").stat().st_mtime_ns for name in finished}

    second = run_tool("predict", *options, "resume=true")
    assert f"{len(finished)} of 30 pairs are finished already" in second.log
    assert len(list(out.glob("*.pfm"))) == 30
    assert all((out / f"{name}.pfm").stat().st_mtime_ns == when for name, when in kept.items())


def test_other_options_do_not_mix(predict: RunTool, tmp_path: Path) -> None:
    options = folders(tmp_path, 2)
    predict(*options)
    predict(*options, "resume=true", "max_disparity=64", refused="made with max_disparity=auto")
    assert predict(*options, "resume=true").log.count("2 of 2 pairs are finished already") == 1


def test_two_videos_and_their_colors(predict: RunTool, tmp_path: Path) -> None:
    for side in ("left", "right"):
        writer = cv2.VideoWriter(str(tmp_path / f"{side}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
        for number in range(5):
            writer.write(scene(number, 48, 64))
        writer.release()
    videos = [f"left={tmp_path / 'left.mp4'}", f"right={tmp_path / 'right.mp4'}"]
    run = predict(*videos, "limits=[0,64]", "color_video=10", "legend=false")
    assert len(list(run.output.glob("left_00000[1-5].pfm"))) == 5
    film = cv2.VideoCapture(str(run.output / "color.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert film.get(cv2.CAP_PROP_FPS) == 10
    lines = [json.loads(line) for line in (run.output / "predictions.jsonl").read_text().splitlines()]
    assert [line["pair"][3] for line in lines[1:]] == [1, 2, 3, 4, 5]


def test_confidence(predict: RunTool, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", scene(0))
    pair = [f"left={tmp_path / 'a.png'}", f"right={tmp_path / 'a.png'}"]
    run = predict(*pair, "confidence=true", "min_confidence=0.6")
    stored = cv2.imread(str(run.output / "a_confidence.png"), cv2.IMREAD_UNCHANGED)
    assert (stored[:, 4:] == 65535).all()
    assert (stored[:, :4] == round(65535 / 2)).all()  # their match lies outside the right view
    assert np.isposinf(read_pfm(run.output / "a.pfm")[:, :4]).all()
    assert (read_pfm(run.output / "a.pfm")[:, 4:] == 4).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["confidence=maybe"], "confidence=maybe: expected true, false or one of"),
        (["min_confidence=0.5"], "min_confidence=0.5 needs a confidence"),
        (["confidence=true", "min_confidence=2"], "min_confidence=2: expected a number above 0"),
        (["color_video=10"], "color_video=10 needs fixed colors: expected limits="),
        (["ahead=-1"], "ahead=-1: expected a whole number of pairs"),
        (["layout=side_by_side"], "layout=side_by_side"),
        (["right=null"], "right=None: expected images on both sides"),
        (["right=film.mp4"], "expected two videos, or images on both sides"),
    ],
)
def test_mistakes_end_with_status_1_and_a_message(
    predict: RunTool, tmp_path: Path, overrides: list[str], message: str
) -> None:
    write_image(tmp_path / "a.png", scene(0))
    run = predict(f"left={tmp_path / 'a.png'}", f"right={tmp_path / 'a.png'}", *overrides, refused=message)
    assert not list(run.output.glob("*.pfm"))
