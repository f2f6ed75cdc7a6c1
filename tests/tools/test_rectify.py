"""Raw pairs: what predict makes of them with a calibration or an estimate, and tools/rectify.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]

from dsmnet.evaluation.sgbm import SGBM
from dsmnet.inference import raw_views
from dsmnet.io import read_calibration, read_image, read_pfm, write_image
from dsmnet.io.npy import read_npy
from dsmnet.io.rigs.opencv_rig import write_opencv_rig
from dsmnet.io.rigs.ros_rig import write_ros_rig
from dsmnet.rectification import check_rows, rectify_rig
from dsmnet.types import DisparityMap, Matcher, StereoRig
from tests.io.bags import IMAGE, INFO, Entry, camera_info, image, write_bag
from tests.rectification.conftest import PLANE, SIZE, rig, seen, views
from tests.rectification.test_warp import PLACES, exact_disparity

RunTool = Callable[..., Any]


def write_yaml(path: Path, known: StereoRig) -> Path:
    write_opencv_rig(path, known)
    return path


class Exact(Matcher):
    """A matcher that knows the disparity."""

    def __init__(self, disparity: DisparityMap) -> None:
        self.disparity = disparity

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
        assert left.shape[:2] == self.disparity.shape
        return self.disparity.copy()


def write_pair(folder: Path, known: StereoRig, seed: int = 0, name: str = "a") -> list[str]:
    for side, view in zip(("left", "right"), views(known, seed=seed), strict=True):
        write_image(folder / side / f"{name}.png", view)
    return [f"left={folder / 'left'}", f"right={folder / 'right'}"]


def predict(run_tool: RunTool, matcher: Matcher) -> RunTool:
    return partial(run_tool, "predict", load_model=lambda *_, **__: matcher)


@pytest.mark.parametrize("place", ["right", "below", "above"])  # a file with "left" is refused
@pytest.mark.parametrize("frame", ["rectified", "raw"])
def test_predict_on_raw_views_gives_depth_in_the_frame_asked_for(
    run_tool: RunTool, tmp_path: Path, place: str, frame: str
) -> None:
    known = rig(translation=PLACES[place][0])
    pair = write_pair(tmp_path, known)
    calib = write_yaml(tmp_path / "rig.yaml", known)
    found = rectify_rig(known, SIZE, 1.0)
    run = predict(run_tool, Exact(exact_disparity(found, known)))(
        *pair, f"calib={calib}", "alpha=1.0", "depth=npy", f"frame={frame}", "confidence=consistency"
    )
    depth, disparity = read_npy(run.output / "a_depth.npy"), read_pfm(run.output / "a.pfm")
    assert disparity.shape == SIZE
    valid = found.valid
    np.testing.assert_array_equal(np.isfinite(disparity), valid)
    assert (cv2.imread(str(run.output / "a.png"), cv2.IMREAD_UNCHANGED)[~valid] == 0).all()
    assert (cv2.imread(str(run.output / "a_confidence.png"), cv2.IMREAD_UNCHANGED)[~valid] == 0).all()
    rectified = read_image(run.output / "a_rectified.png")
    assert rectified.shape == (*SIZE, 3)
    assert rectified[valid].mean() > 50
    if frame == "raw":
        target = seen(known.left, np.eye(3), np.zeros(3))[..., 2]
        assert (depth > 0).mean() > 0.97
        assert np.abs(depth / target - 1)[depth > 0].max() < 1.1e-3
    else:
        np.testing.assert_array_equal(depth > 0, valid)
    assert "not hold" not in run.log
    points = np.frombuffer(
        (run.output / "a.ply").read_bytes().partition(b"end_header\n")[2], "<f4,<f4,<f4,u1,u1,u1"
    )
    cloud = np.stack([points[f"f{axis}"] for axis in range(3)], -1)
    assert found.rotation is not None
    np.testing.assert_allclose(cloud @ found.rotation @ PLANE, 1, rtol=1e-3)


def test_calibration_that_does_not_fit_is_warned_of(run_tool: RunTool, tmp_path: Path) -> None:
    known = rig()
    pair = write_pair(tmp_path, known)
    wrong = known._replace(rotation=cv2.Rodrigues(np.array([0.06, 0.0, 0.0]))[0])
    run = predict(run_tool, Exact(np.ones(SIZE, np.float32)))(
        *pair, f"calib={write_yaml(tmp_path / 'r.yaml', wrong)}"
    )
    assert "the calibration does not hold for this pair" in run.log


def test_pairs_that_are_rectified_are_predicted_without_a_word(run_tool: RunTool, tmp_path: Path) -> None:
    plain = rig("none", (-0.1, 0, 0), (0, 0, 0))
    for name in "abcdefgh":
        pair = write_pair(tmp_path, plain, ord(name), name)
    run = predict(run_tool, SGBM())(*pair, "max_disparity=64")
    assert "rows" not in run.log
    assert not list(run.output.glob("*_rectified.png"))


def test_rows_that_do_not_meet_are_warned_of_once(run_tool: RunTool, tmp_path: Path) -> None:
    raw = rig("none")
    for name in "abcdef":
        pair = write_pair(tmp_path, raw, ord(name), name)
    run = predict(run_tool, Exact(np.ones(SIZE, np.float32)))(*pair)
    assert run.log.count("rows differ by") == 1
    assert "pass calib= or rectify=auto" in run.log


def test_an_estimate_gives_back_the_disparity_of_the_left_view(run_tool: RunTool, tmp_path: Path) -> None:
    plain = rig("none", (-0.1, 0, 0), (0, 0, 0))
    plain = plain._replace(right=plain.left)
    change = cv2.getRotationMatrix2D((SIZE[1] / 2 - 0.5, SIZE[0] / 2 - 0.5), 2, 1)
    change[1, 2] += 10
    for seed, name in enumerate("abc"):
        pair = write_pair(tmp_path, plain, seed, name)
        right = cv2.warpAffine(read_image(tmp_path / "right" / f"{name}.png"), change, SIZE[::-1])
        write_image(tmp_path / "right" / f"{name}.png", np.asarray(right, np.uint8))
    target = seen(plain.left, np.eye(3), np.zeros(3))[..., 2]
    target = plain.left.matrix[0, 0] * 0.1 / target
    middle = slice(30, -30), slice(60, -30)
    errors = {}
    for option in ("null", "auto"):
        run = predict(run_tool, SGBM())(*pair, "max_disparity=64", f"rectify={option}")
        errors[option] = np.abs(read_pfm(run.output / "b.pfm") - target)[middle].mean()
    assert "rectify=auto:" in run.log
    assert "rows differ" not in run.log
    assert errors["null"] > 3
    assert errors["auto"] < 0.3


def test_the_files_of_two_ros_cameras_make_one_calibration(run_tool: RunTool, tmp_path: Path) -> None:
    known = rig()
    for name in "ab":  # as many pairs as files
        pair = write_pair(tmp_path, known, ord(name), name)
    exact = Exact(exact_disparity(rectify_rig(known, SIZE), known))
    write_ros_rig(tmp_path / "cam_left.yaml", tmp_path / "cam_right.yaml", known)
    calibs = f"[{tmp_path}/cam_left.yaml,{tmp_path}/cam_right.yaml]", write_yaml(tmp_path / "rig.yaml", known)
    depth = [
        read_npy(predict(run_tool, exact)(*pair, f"calib={calib}", "depth=npy").output / "b_depth.npy")
        for calib in calibs
    ]
    np.testing.assert_allclose(*depth, rtol=1e-6)


def test_a_calibration_of_all_pairs_is_read_once(
    run_tool: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, reads = rig(), []
    for name in "ab":
        pair = write_pair(tmp_path, known, ord(name), name)
    calib = write_yaml(tmp_path / "rig.yaml", known)
    read = raw_views.read_cameras
    monkeypatch.setattr(raw_views, "read_cameras", lambda *given: reads.append(given) or read(*given))
    exact = Exact(exact_disparity(rectify_rig(known, SIZE), known))
    assert "2 pairs ->" in predict(run_tool, exact)(*pair, f"calib={calib}").log
    assert len(reads) == 1


def test_raw_images_of_a_bag_are_rectified_by_its_camera_info(run_tool: RunTool, tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    known = rig()
    pair = write_pair(tmp_path, known)
    files = [tmp_path / f"cam_{side}.yaml" for side in ("left", "right")]
    write_ros_rig(*files, known)
    entries = []
    for side, file, view in zip(("left", "right"), files, views(known), strict=True):
        stated = yaml.safe_load(file.read_text())
        keys = {"K": "camera_matrix", "D": "distortion_coefficients"}
        keys |= {"R": "rectification_matrix", "P": "projection_matrix"}
        info = camera_info(1, 0, SIZE) | {key: np.array(stated[name]["data"]) for key, name in keys.items()}
        entries.append(Entry(f"/cam/{side}/camera_info", 1.0, INFO, info))
        entries.append(Entry(f"/cam/{side}/image_raw", 1.0, IMAGE, image(view)))
    bag = write_bag(tmp_path / "raw.bag", entries)
    exact = Exact(exact_disparity(rectify_rig(known, SIZE), known))
    of_bag = predict(run_tool, exact)(f"left={bag}", "depth=npy").output / "raw_000001_depth.npy"
    depth = read_npy(of_bag)
    of_files = predict(run_tool, exact)(*pair, f"calib=[{files[0]},{files[1]}]", "depth=npy").output
    np.testing.assert_allclose(depth, read_npy(of_files / "a_depth.npy"), rtol=1e-6)
    rectified = run_tool("rectify", f"left={bag}").output
    views_now = [read_image(rectified / side / "raw_000001.png") for side in ("left", "right")]
    assert check_rows(*views_now).warnings() == []


@pytest.mark.parametrize("place", ["right", "below", "above"])  # a file with "left" is refused
def test_rectify_writes_pairs_that_match_with_the_calibration_beside_them(
    run_tool: RunTool, tmp_path: Path, place: str
) -> None:
    known = rig("fisheye", PLACES[place][0])
    for name in "ab":
        pair = write_pair(tmp_path, known, ord(name), name)
    run = run_tool("rectify", *pair, f"calib={write_yaml(tmp_path / 'rig.yaml', known)}")
    found = rectify_rig(known, SIZE)
    record = json.loads((run.output / "rectify.json").read_text())["pairs"]
    assert list(record) == ["a", "b"]
    assert record["a"]["quarter_turns"] == found.turns
    assert record["a"]["valid"] > 0.9
    np.testing.assert_allclose(record["a"]["rotation"], found.rotation)
    height, width = SIZE[::-1] if found.turns % 2 else SIZE
    calibration = read_calibration(run.output / "calib.txt")
    for name in "ab":
        views = [read_image(run.output / side / f"{name}.png") for side in ("left", "right")]
        assert views[0].shape == (height, width, 3)
        assert check_rows(*views).warnings() == []
    expected = exact_disparity(found, known)
    disparity = SGBM().predict(*views, 64)
    assert np.median(np.abs(disparity - expected)[:, 64:]) < 0.3
    assert found.calibration is not None
    assert calibration.focal == pytest.approx(found.calibration.focal)
    assert calibration.baseline == pytest.approx(found.calibration.baseline)


def test_rectify_by_an_estimate_states_no_calibration(run_tool: RunTool, tmp_path: Path) -> None:
    for name in "ab":
        pair = write_pair(tmp_path, rig("none"), ord(name), name)
    run = run_tool("rectify", *pair, "rectify=auto")
    record = json.loads((run.output / "rectify.json").read_text())["pairs"]
    assert record["b"]["method"] == "estimated"
    assert record["b"]["rows"]["deviation"] < 0.3
    views_now = [read_image(run.output / side / "b.png") for side in ("left", "right")]
    assert check_rows(*views_now).deviation < 0.3
    assert "rows differ by 0." in run.log
    assert not (run.output / "calib.txt").exists()


@pytest.mark.parametrize(
    ("tool", "options", "message"),
    [
        ("predict", ["frame=raw"], "frame=raw without calib"),
        ("predict", ["frame=left"], "frame=left: expected rectified or raw"),
        ("predict", ["rectify=yes"], "rectify=yes: expected auto or null"),
        ("predict", ["alpha=2"], "alpha=2: expected a number from 0 to 1"),
        ("predict", ["min_disparity=x"], "min_disparity=x: expected a whole number of pixels"),
        (
            "predict",
            ["min_disparity=8", "max_disparity=4"],
            "min_disparity=8: expected less than max_disparity=4",
        ),
        ("predict", ["rectify=auto", "calib={calib}"], "one of raw views, which says how to rectify"),
        ("predict", ["calib={nan}"], "nan.yaml: m1"),
        ("predict", ["frame=raw", "calib={plain}"], "this one is of rectified views"),
        ("rectify", [], "expected calib=FILE of the raw cameras, or rectify=auto"),
        ("rectify", ["calib={nan}"], "nan.yaml: m1"),
        ("predict", ["calib={left}"], "left.yaml: t, but that puts the right camera"),
        ("rectify", ["calib={plain}"], "it is one of pairs that are rectified already"),
        ("rectify", ["rectify=auto", "left={black}", "right={black}"], "only 0 points match in 1 pair"),
    ],
)
def test_mistakes_are_one_line(
    run_tool: RunTool, tmp_path: Path, tool: str, options: list[str], message: str
) -> None:
    known = rig()
    pair = write_pair(tmp_path, known)
    files = {"calib": write_yaml(tmp_path / "rig.yaml", known), "black": tmp_path / "black.png"}
    broken = known._replace(left=known.left._replace(matrix=np.full((3, 3), np.nan)))
    files["nan"], files["plain"] = write_yaml(tmp_path / "nan.yaml", broken), tmp_path / "calib.txt"
    files["left"] = write_yaml(tmp_path / "left.yaml", rig(translation=PLACES["left"][0]))
    write_image(files["black"], np.zeros((*SIZE, 3), np.uint8))
    files["plain"].write_text(
        "cam0=[300 0 160; 0 300 120; 0 0 1]\ncam1=[300 0 160; 0 300 120; 0 0 1]\nbaseline=200\n"
    )
    replaced = {} if tool == "rectify" else {"load_model": lambda *_, **__: SGBM()}
    run = run_tool(tool, *pair, *(option.format(**files) for option in options), refused=message, **replaced)
    assert not list(run.output.glob("*.pfm"))
    assert not (run.output / "left").exists()


@pytest.mark.parametrize("size", [(20, 20), (16, 40), (1, 1)])
def test_tiny_and_black_views_are_matched_as_before(
    run_tool: RunTool, tmp_path: Path, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    write_image(tmp_path / "l.png", rng.integers(0, 255, (*size, 3), np.uint8))
    write_image(tmp_path / "r.png", np.zeros((*size, 3), np.uint8))
    matcher = Exact(np.full(size, 3, np.float32))
    run = predict(run_tool, matcher)(
        f"left={tmp_path / 'l.png'}", f"right={tmp_path / 'r.png'}", "min_disparity=-8"
    )
    assert (read_pfm(run.output / "l.pfm") == -5).all()
    assert "rows differ" not in run.log
