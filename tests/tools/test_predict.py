"""tools/predict.py: what it writes is what was predicted, and mistakes are named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest

from dsmnet import build_model
from dsmnet.io import read_pfm, write_image
from dsmnet.models.checkpoint import save_weights
from dsmnet.types import Matcher
from dsmnet.viz.color import disparity_range

REPOSITORY = Path(__file__).resolve().parents[2]
RunTool = Callable[..., Any]


class Ramp(Matcher):
    """A matcher with a known answer, which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[np.ndarray, np.ndarray, int | None]] = []

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        self.asked.append((left, right, max_disparity))
        return self.answer(*left.shape[:2])

    @staticmethod
    def answer(height: int, width: int) -> np.ndarray:
        return np.tile(np.linspace(0.5, 40, width, dtype=np.float32), (height, 1))


@pytest.fixture
def ramp() -> Ramp:
    return Ramp()


@pytest.fixture
def predict(run_tool: RunTool, ramp: Ramp) -> RunTool:
    return partial(run_tool, "predict", load_model=lambda *_, **__: ramp)


def image(path: Path, height: int = 40, width: int = 60, seed: int = 0) -> Path:
    write_image(path, np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    """The options that name a pair of 60x40 pixels, im0.png and im1.png."""
    return [f"left={image(tmp_path / 'im0.png')}", f"right={image(tmp_path / 'im1.png', seed=1)}"]


def folders(place: Path, names: str, width: int = 60) -> list[str]:
    """Write a pair per letter; return the options that name their folders."""
    for seed, side in enumerate(("left", "right")):
        for name in names:
            image(place / side / f"{name}.png", 40, width, seed)
    return [f"left={place / 'left'}", f"right={place / 'right'}"]


CALIB = "cam0=[500 0 30; 0 500 20; 0 0 1]\ncam1=[500 0 35; 0 500 20; 0 0 1]\ndoffs=5\n"


def written(folder: Path) -> list[str]:
    """The results, without the log and the record of what is finished."""
    return sorted(path.name for path in folder.iterdir() if path.suffix not in (".log", ".jsonl"))


def test_one_pair(predict: RunTool, pair: list[str]):
    run = predict(*pair)
    assert written(run.output) == ["im0.pfm", "im0.png", "im0_color.png"]
    answer = Ramp.answer(40, 60)
    np.testing.assert_array_equal(read_pfm(run.output / "im0.pfm"), answer)
    stored = cv2.imread(str(run.output / "im0.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, np.round(answer * 256))
    low, high = disparity_range(answer)
    level = np.rint(np.clip((answer - low) / (high - low), 0, 1) * 255) / 255
    colors = cv2.imread(str(run.output / "im0_color.png"))[:40, :60, ::-1]
    np.testing.assert_array_equal(colors, np.rint(matplotlib.colormaps["turbo"](level)[..., :3] * 255))


def test_the_network_sees_the_files_and_the_range(predict: RunTool, ramp: Ramp, pair: list[str]):
    predict(*pair)
    predict(*pair, "max_disparity=77")
    assert [asked[2] for asked in ramp.asked] == [192, 77]
    for asked, option in zip(ramp.asked[0], pair, strict=False):
        np.testing.assert_array_equal(asked, cv2.imread(option.partition("=")[2])[..., ::-1])


def test_grey_16_bit_and_alpha_images(predict: RunTool, ramp: Ramp, tmp_path: Path):
    grey = (np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 27).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "l.png"), grey)
    transparent = np.full((40, 60, 4), (90, 90, 90, 0), np.uint8)
    cv2.imwrite(str(tmp_path / "r.png"), transparent)
    predict(f"left={tmp_path / 'l.png'}", f"right={tmp_path / 'r.png'}")
    left, right, _ = ramp.asked[0]
    assert left.dtype == right.dtype == np.uint8
    np.testing.assert_allclose(left, np.repeat(grey[..., None] / 256, 3, -1), atol=1)
    assert (right == 90).all()


def test_folders_are_paired_in_sorted_order(predict: RunTool, ramp: Ramp, tmp_path: Path):
    for name, width in {"b": 50, "a": 30, "c": 70}.items():
        options = folders(tmp_path, name, width)
    (tmp_path / "left" / "notes.txt").write_text("not an image")
    run = predict(*options, "legend=false")
    assert [asked[0].shape[1] for asked in ramp.asked] == [30, 50, 70]
    assert cv2.imread(str(run.output / "c_color.png")).shape == (40, 70, 3)  # no legend


def test_globs_over_scenes_get_names_of_their_own(predict: RunTool, tmp_path: Path):
    for scene in ("Piano", "Teddy"):
        image(tmp_path / scene / "im0.png")
        image(tmp_path / scene / "im1.png", seed=1)
    run = predict(f"left={tmp_path}/*/im0.png", f"right={tmp_path}/*/im1.png")
    maps = [name for name in written(run.output) if name.endswith(".pfm")]
    assert maps == ["Piano_im0.pfm", "Teddy_im0.pfm"]


def test_a_calibration_gives_metric_points_and_the_range(
    predict: RunTool, ramp: Ramp, pair: list[str], tmp_path: Path
):
    calib = tmp_path / "calib.txt"
    calib.write_text(f"{CALIB}baseline=200\nwidth=60\nheight=40\nndisp=48\n")
    run = predict(*pair, f"calib={calib}", "max_depth=null")
    assert ramp.asked[0][2] == 48
    header, body = (run.output / "im0.ply").read_bytes().split(b"end_header\n")
    assert b"element vertex 2400\n" in header
    points = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    z = 500 * 0.2 / (Ramp.answer(40, 60)[20, 30] + 5)
    np.testing.assert_allclose(points["xyz"][20 * 60 + 30], [0, 0, z], rtol=1e-5, atol=1e-6)
    run = predict(*pair, f"calib={calib}", "max_depth=10")
    near = 40 * (Ramp.answer(1, 60) >= 5).sum()  # 100 / (d + 5) <= 10 m
    assert f"element vertex {near}\n".encode() in (run.output / "im0.ply").read_bytes()


def test_depth_and_a_page_on_demand(predict: RunTool, pair: list[str], tmp_path: Path):
    (tmp_path / "calib.txt").write_text(f"{CALIB}baseline=200\n")
    run = predict(*pair, f"calib={tmp_path / 'calib.txt'}", "html=true")
    files = ["im0.pfm", "im0.ply", "im0.png", "im0_cloud.html", "im0_color.png", "im0_depth.png"]
    assert written(run.output) == files
    depth = cv2.imread(str(run.output / "im0_depth.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(depth, 1000 * 500 * 0.2 / (Ramp.answer(40, 60) + 5), atol=0.51)


def test_a_calibration_without_baseline_names_the_file(predict: RunTool, pair: list[str], tmp_path: Path):
    calib = tmp_path / "calib.txt"
    calib.write_text(CALIB)
    predict(*pair, f"calib={calib}", refused=f"{calib}: the calibration states no baseline")


def test_a_broken_pair_is_named_and_the_rest_goes_on(predict: RunTool, tmp_path: Path):
    options = folders(tmp_path, "abcd")
    (tmp_path / "left" / "b.png").write_bytes((tmp_path / "left" / "b.png").read_bytes()[:500])
    image(tmp_path / "right" / "c.png", 40, 61)
    run = predict(*options, refused="2 of 4 pairs failed: b, c")
    assert "b.png: truncated" in run.log
    assert "(40, 60)" in run.log
    assert "(40, 61)" in run.log
    assert [name for name in written(run.output) if name.endswith(".pfm")] == ["a.pfm", "d.pfm"]


def test_disparities_beyond_16_bits_are_cut_with_a_warning(predict: RunTool, ramp: Ramp, pair: list[str]):
    ramp.answer = lambda height, width: np.full((height, width), 300, np.float32)  # type: ignore[method-assign]
    run = predict(*pair)
    assert "2400 pixels cut to 255.996 px" in run.log
    assert (cv2.imread(str(run.output / "im0.png"), cv2.IMREAD_UNCHANGED) == 65535).all()
    assert (read_pfm(run.output / "im0.pfm") == 300).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["left=L/a.png", "right=R/nothing.png"], "right=R/nothing.png: no such file or folder"),
        (["left=L", "right=R"], "left=L holds 3 images and right=R 2"),
        (["left='L/[ab].png'", "right=R/*.png"], "L/b.png would be paired with R/c.png"),
        (["left=L/a.png", "right=R/a.png", "calib=calibs"], "calib=calibs holds 2 files for 1 pairs"),
        (["left=L/a.png", "right=R/a.png", "max_disparity=lots"], "max_disparity=lots: expected auto or"),
        (["left=L/a.png", "right=R/a.png", "max_disparity=-3"], "max_disparity=-3: expected auto or"),
        (["left=L/a.png", "right=R/a.png", "limits=[9,1]"], "limits=[9, 1]: expected [low,high]"),
        (["left=L/a.png", "right=R/a.png", "color_map=turbot"], "color_map=turbot"),
        (["left=L/a.png", "right=empty"], "right=empty: the folder holds no file ending in .png"),
        (["left=L/a.png"], "right: has to be given"),
    ],
)
def test_mistakes_end_with_status_1_and_a_message(
    predict: RunTool, ramp: Ramp, tmp_path: Path, monkeypatch: Any, overrides: list[str], message: str
):
    monkeypatch.chdir(tmp_path)
    for name in ("L/a.png", "L/b.png", "L/c.png", "R/a.png", "R/c.png"):
        image(Path(name))
    Path("empty").mkdir()
    Path("calibs").mkdir()
    for name in ("1.txt", "2.txt"):
        Path("calibs", name).write_text("x")
    predict(*overrides, refused=message)
    assert not ramp.asked


def test_large_pairs_are_matched_in_tiles(predict: RunTool, ramp: Ramp, tmp_path: Path):
    views = [image(tmp_path / f"{name}.png", 200, 300, seed) for seed, name in enumerate("lr")]
    common = [f"left={views[0]}", f"right={views[1]}", "max_disparity=64"]
    for tile, whole in (("auto", True), ("null", True), ("512", True), ("128", False)):
        ramp.asked.clear()
        predict(*common, f"tile={tile}", "overlap=16")
        sizes = [left.shape[:2] for left, _, _ in ramp.asked]
        assert (sizes == [(200, 300)]) == whole
        assert whole or (sizes[0] == (100, 150) and len(sizes) == 1 + 2 * 3)
    for option in ("tile=10", "overlap=400", "overlap=-1", "memory=0"):
        predict(*common, option, refused=f"{option}: expected")


def test_from_the_command_line_with_a_real_network(tmp_path: Path):
    net, weights, output = build_model("tiny").eval(), tmp_path / "tiny.safetensors", tmp_path / "o"
    save_weights(weights, net.net, net.config)
    views = [image(tmp_path / f"{name}.png", 37, 91, seed) for seed, name in enumerate("lr")]
    options = [f"left={views[0]}", f"right={views[1]}", f"paths.output={output}", "device=cpu"]
    command = [sys.executable, "tools/predict.py", *options, f"checkpoint={weights}", "max_disparity=32"]
    command.append("precision=float32")
    path = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=REPOSITORY, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1/1" in done.stderr  # the progress bar
    expected = net.predict(*[cv2.imread(str(path))[..., ::-1].copy() for path in views], max_disparity=32)
    np.testing.assert_allclose(read_pfm(output / "l.pfm"), expected, atol=1e-3)
