"""tools/visualize.py: pictures of a disparity file in any format."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest

from dsmnet.io import write_disparity_png8, write_image, write_pfm
from dsmnet.io.disparity import write_disparity_png16
from dsmnet.viz.color import error_table
from dsmnet.viz.legend import MIN_WIDTH

RunTool = Callable[..., Any]
HEIGHT, WIDTH = 50, 300


def disparity() -> np.ndarray:
    return np.tile(np.arange(WIDTH, dtype=np.float32) // 20 + 10, (HEIGHT, 1))  # 10 to 24 px, whole numbers


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def store(path: Path, kind: str, values: np.ndarray) -> list[str]:
    """Write the map; return the overrides with which it is read."""
    file = path.with_suffix(".png" if kind.startswith("png") else f".{kind}")
    if kind == "pfm":
        write_pfm(file, np.where(values > 0, values, np.inf))
    elif kind == "npy":
        np.save(file, values)
    elif kind == "png16":
        write_disparity_png16(file, values)
    else:
        write_disparity_png8(file, values, scale=3)
    return [f"disparity={file}"] + (["scale=3"] if kind == "png8" else [])


@pytest.fixture
def visualize(run_tool: RunTool) -> RunTool:
    return partial(run_tool, "visualize")


@pytest.mark.parametrize("kind", ["pfm", "png16", "png8", "npy"])
def test_every_format_gives_the_same_colors(visualize: RunTool, tmp_path: Path, kind: str):
    values = disparity()
    values[7, 9] = 0
    run = visualize(*store(tmp_path / "map", kind, values), "limits=[5,30]")
    assert sorted(p.name for p in run.output.glob("*.png")) == ["map_color.png", "map_panel.png"]
    level = np.rint((values - 5) / 25 * 255) / 255
    expected = np.rint(matplotlib.colormaps["turbo"](level)[..., :3] * 255)
    expected[7, 9] = 0
    picture = read(run.output / "map_color.png")
    np.testing.assert_array_equal(picture[:HEIGHT], expected)
    assert picture.shape[0] > HEIGHT + 30  # the legend
    assert picture.shape[1] == max(WIDTH, MIN_WIDTH)


def test_errors_against_ground_truth_have_kittis_colors(visualize: RunTool, tmp_path: Path):
    values, target = disparity(), disparity()
    values[:10] += 0.1
    values[10:20] += 4
    values[20:30] -= 7
    target[30:40] = 0
    left = tmp_path / "left.png"
    write_image(left, np.full((HEIGHT, WIDTH, 3), (200, 30, 60), np.uint8))
    store(tmp_path / "target", "png16", target)
    run = visualize(
        *store(tmp_path / "map", "pfm", values), f"ground_truth={tmp_path / 'target.png'}", f"left={left}"
    )
    picture = read(run.output / "map_error.png")[:HEIGHT]
    for rows, color in ((slice(0, 10), 0), (slice(10, 20), 5), (slice(20, 30), 6), (slice(40, 50), 0)):
        assert (picture[rows] == error_table()[color]).all()
    assert not picture[30:40].any()
    panel = read(run.output / "map_panel.png")
    assert ((panel == (200, 30, 60)).all(-1)).sum() > HEIGHT * WIDTH  # the left view
    assert ((panel == error_table()[6]).all(-1)).sum() > 10 * WIDTH  # the error map and its legend


def test_without_a_legend_the_picture_has_the_maps_size(visualize: RunTool, tmp_path: Path):
    overrides = store(tmp_path / "map", "npy", disparity()[:, :40])
    run = visualize(*overrides, f"ground_truth={tmp_path / 'map.npy'}", "legend=false", "color_map=viridis")
    assert read(run.output / "map_color.png").shape == (HEIGHT, 40, 3)
    assert read(run.output / "map_error.png").shape == (HEIGHT, 40, 3)
    first = np.rint(np.array(matplotlib.colormaps["viridis"](0.0))[:3] * 255)
    np.testing.assert_array_equal(read(run.output / "map_color.png")[0, 0], first)


CALIB = "cam0=[300 0 150; 0 300 25; 0 0 1]\ncam1=[300 0 152; 0 300 25; 0 0 1]\ndoffs=2\nbaseline=400\n"


@pytest.mark.parametrize("with_left", [True, False])
def test_a_calibration_adds_depth_and_the_cloud(visualize: RunTool, tmp_path: Path, with_left: bool):
    (tmp_path / "calib.txt").write_text(CALIB)
    overrides = store(tmp_path / "map", "pfm", disparity())
    overrides += [f"calib={tmp_path / 'calib.txt'}", "legend=false"]
    if with_left:
        write_image(tmp_path / "left.png", np.full((HEIGHT, WIDTH, 3), (200, 30, 60), np.uint8))
        overrides.append(f"left={tmp_path / 'left.png'}")
    run = visualize(*overrides)
    written = sorted(p.name for p in run.output.iterdir() if p.suffix != ".log")
    assert written == ["map.ply", "map_cloud.html", "map_color.png", "map_depth.png", "map_panel.png"]
    depth = cv2.imread(str(run.output / "map_depth.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(depth, np.rint(1000 * 300 * 0.4 / (disparity().astype(np.float64) + 2)))
    header, body = (run.output / "map.ply").read_bytes().split(b"end_header\n")
    assert f"element vertex {HEIGHT * WIDTH}\n".encode() in header
    points = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])["rgb"].reshape(HEIGHT, WIDTH, 3)
    colors = read(tmp_path / "left.png") if with_left else read(run.output / "map_color.png")
    np.testing.assert_array_equal(points, colors)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "disparity: has to be given"),
        (["disparity=gone.pfm"], "gone.pfm: no such file"),
        (["disparity=grey.png"], "grey.png: an 8-bit PNG does not say"),
        (
            ["disparity=map.npy", "left=grey.png"],
            "left=grey.png has size (9, 9), disparity=map.npy (50, 300)",
        ),
        (["disparity=map.npy", "ground_truth=grey.png", "ground_truth_scale=1"], "has size (9, 9)"),
        (["disparity=map.npy", "limits=[3]"], "limits=[3]: expected [low,high]"),
        (["disparity=map.npy", "left=map.npy"], "map.npy: cannot be read as an image"),
        (["disparity=map.npy", "calib=gone.txt"], "gone.txt: no such file"),
        (["disparity=map.npy", "calib=half.txt"], "calib=half.txt: the calibration states no baseline"),
        (["calib=calib.txt", "disparity=none.npy"], "no point to show: 0 of 15000 pixels have a disparity"),
        (["disparity=map.npy", "calib=calib.txt", "max_depth=1"], "none of them lies within max_depth=1 m"),
        (
            ["calib=calib.txt", "disparity=map.npy", "max_points=none"],
            "max_points=none: expected a whole number",
        ),
        (["disparity=map.npy", "calib=calib.txt", "depth=jpg"], "depth=jpg: expected png, npy, pfm or null"),
    ],
)
def test_mistakes(
    visualize: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], message: str
):
    monkeypatch.chdir(tmp_path)
    np.save("map.npy", disparity())
    np.save("none.npy", np.zeros_like(disparity()))
    write_image("grey.png", np.full((9, 9), 30, np.uint8))
    Path("calib.txt").write_text(CALIB)
    Path("half.txt").write_text(CALIB.replace("baseline=400\n", ""))
    visualize(*overrides, refused=message)
