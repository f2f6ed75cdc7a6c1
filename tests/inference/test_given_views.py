"""Views as a program holds them, and the result of a match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from dsmnet import build_model
from dsmnet.errors import DataError, ShapeError, UserError
from dsmnet.inference import StereoPredictor
from dsmnet.inference.stereo_result import StereoResult
from dsmnet.io import read_image, read_pfm, write_calibration, write_image
from dsmnet.types import Calibration, Camera, StereoRig

CALIBRATION = Calibration(60.0, 0.1, 31.5, 19.5, max_disparity=32)


@pytest.fixture(scope="module")
def net() -> StereoPredictor:
    torch.manual_seed(0)
    return build_model("tiny", overrides=["model.max_disparity=32"]).eval()


@pytest.fixture(scope="module")
def views() -> tuple[np.ndarray, np.ndarray]:
    pattern = np.random.default_rng(0).integers(0, 256, (40, 72, 3)).astype(np.uint8)
    return pattern[:, :64].copy(), pattern[:, 8:].copy()


@pytest.fixture
def files(tmp_path: Path, views: tuple[np.ndarray, np.ndarray]) -> tuple[Path, Path]:
    for name, view in zip(("im0.png", "im1.png"), views, strict=True):
        write_image(tmp_path / name, view)
    return tmp_path / "im0.png", tmp_path / "im1.png"


def test_forms_of_a_view_agree(net: StereoPredictor, views: Any, files: tuple[Path, Path]) -> None:
    expected = net.predict(*views)
    forms: list[Any] = [
        files,
        [str(path) for path in files],
        [PilImage.fromarray(view) for view in views],
        [PilImage.fromarray(view).convert("RGBA") for view in views],
        (str(files[0]), PilImage.fromarray(views[1])),
    ]
    for left, right in forms:
        np.testing.assert_array_equal(net.predict(left, right), expected)
        np.testing.assert_array_equal(net.predict_with_confidence(left, right)[0], expected)
    for left, right in [*forms, views, [torch.from_numpy(view).permute(2, 0, 1) for view in views]]:
        np.testing.assert_array_equal(net.match(left, right, max_disparity=32).disparity, expected)
    floats = [view.astype(np.float64) / 255 for view in views]
    np.testing.assert_array_equal(net.match(*floats, max_disparity=32).disparity, expected)


def test_channels_are_rgb(net: StereoPredictor, files: tuple[Path, Path]) -> None:
    as_opencv_reads = [read_image(path)[..., ::-1] for path in files]
    assert (net.predict(*files) != net.predict(*as_opencv_reads)).any()


def test_grey_views_of_pil_are_matched_as_grey_arrays(net: StereoPredictor, views: Any) -> None:
    grey = [view[..., 0] for view in views]
    expected = net.predict(*grey)
    np.testing.assert_array_equal(net.predict(*(PilImage.fromarray(view) for view in grey)), expected)
    sixteen = [PilImage.fromarray(view.astype(np.uint16) * 257) for view in grey]
    np.testing.assert_allclose(net.predict(*sixteen), expected, atol=1e-3)


def test_a_batch_is_matched_pair_by_pair(net: StereoPredictor, views: Any, files: tuple[Path, Path]) -> None:
    left, right = views
    first, second = net.predict(left, right), net.predict(left[:30, :50], right[:30, :50])
    found = net.predict([left, left[:30, :50]], [files[1], right[:30, :50]])
    assert isinstance(found, list)
    np.testing.assert_array_equal(found[0], first)
    np.testing.assert_array_equal(found[1], second)
    stacked = net.predict(np.stack([left, left]), np.stack([right, right]))
    np.testing.assert_array_equal(stacked, np.stack([first, first]))
    tensors = [torch.from_numpy(view).permute(2, 0, 1)[None] for view in views]
    np.testing.assert_array_equal(net.predict(*tensors), first[None])
    results = net.match([left, files[0]], [right, files[1]], max_disparity=32)
    assert [result.name for result in results] == ["left", "im0"]
    np.testing.assert_array_equal(results[1].disparity, first)
    assert net.predict([], []) == []


GOOD = np.zeros((12, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("left", "error", "message"),
    [
        (GOOD.astype(np.int64), ShapeError, "left: pixels of int64, where uint8, uint16 or floats in"),
        (GOOD.astype(bool), ShapeError, "left: pixels of bool"),
        (torch.zeros(3, 12, 16, dtype=torch.int32), ShapeError, "left: pixels of int32"),
        (np.array([[None]]), ShapeError, "left: pixels of object"),
        (np.full((12, 16, 3), np.nan), ShapeError, "left: pixels that are nan or infinite"),
        (torch.zeros(12, 16, 3), ShapeError, r"left: expected an image .* got shape \(12, 16, 3\)"),
        (np.zeros((0, 16, 3), np.uint8), ShapeError, r"left: expected an image .* got shape \(0, 16, 3\)"),
        (np.zeros((0, 12, 16, 3), np.uint8), ShapeError, "left: expected an image"),
        (None, UserError, "left: NoneType, where a path, a PIL image"),
        (b"im0.png", UserError, "left: bytes, where a path"),
        ("nowhere/im0.png", DataError, "nowhere/im0.png: no such file"),
        ([GOOD, GOOD], ShapeError, "left holds 2 views and right one view"),
        (GOOD[:8], ShapeError, r"differ in size.*left \(8, 16\), right \(12, 16\)"),
    ],
)
def test_what_is_no_view_is_one_line(net: StereoPredictor, left: Any, error: type, message: str) -> None:
    for call in (net.predict, net.match):
        with pytest.raises(error, match=message) as refused:
            call(left, GOOD)
        assert "\n" not in str(refused.value)


def test_bad_options_of_a_match_are_named(net: StereoPredictor) -> None:
    for options, message in [
        ({"max_disparity": "wide"}, "max_disparity=wide: expected auto"),
        ({"tile": 3}, "tile=3"),
        ({"memory": 0}, "memory=0"),
        ({"confidence": "much"}, "confidence=much"),
        ({"min_confidence": 0.5}, "min_confidence=0.5 needs a confidence"),
        ({"min_disparity": 300}, "min_disparity=300: expected less than"),
        ({"calib": 5}, "calib=5: expected a file"),
        ({"calib": "no.txt"}, "no.txt: no such file"),
    ]:
        with pytest.raises(UserError, match=message):
            net.match(GOOD, GOOD, **options)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="left holds 1 views and right 2"):
        net.match([GOOD], [GOOD, GOOD])
    with pytest.raises(ShapeError, match=r"left: floats that are not in \[0, 1\]"):
        net.match(GOOD.astype(np.float32) - 1, GOOD)


@pytest.fixture(scope="module")
def result(net: StereoPredictor, views: Any) -> StereoResult:
    return net.match(*views, CALIBRATION, confidence=True)


def test_result_has_depth_and_points(result: StereoResult, tmp_path: Path) -> None:
    assert result.matched.max_disparity == 32  # as the calibration states
    np.testing.assert_array_equal(np.asarray(result), result.disparity)
    known = result.disparity > 0
    np.testing.assert_allclose(result.depth()[known], 60 * 0.1 / result.disparity[known], rtol=1e-5)
    points, colors = result.point_cloud(edge_filter=False)
    assert points.shape == colors.shape == (known.sum(), 3)
    assert result.confidence is not None
    assert result.confidence.shape == result.disparity.shape
    write_calibration(tmp_path / "calib.txt", CALIBRATION._replace(baseline=0.2), (40, 64))
    np.testing.assert_allclose(result.depth(tmp_path / "calib.txt"), 2 * result.depth(), rtol=1e-5)


def test_depth_without_calibration_is_one_line(net: StereoPredictor) -> None:
    bare = net.match(GOOD, GOOD)
    assert bare.confidence is None
    for call in (bare.depth, bare.point_cloud, lambda: bare.save("unused/x", html=True)):
        with pytest.raises(UserError, match="calibration"):
            call()
    assert bare.depth(CALIBRATION).shape == (12, 16)


def test_result_saves_what_predict_writes(result: StereoResult, tmp_path: Path) -> None:
    result.save(tmp_path / "found" / "scene.png", html=True)
    endings = [".pfm", ".ply", ".png", "_cloud.html", "_color.png", "_confidence.png", "_depth.png"]
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == [f"scene{e}" for e in endings]
    np.testing.assert_array_equal(read_pfm(tmp_path / "found" / "scene.pfm"), result.disparity)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        result.save(tmp_path / "file" / "scene")
    with pytest.raises(UserError, match="expected a folder and a name"):
        result.save("")


def test_result_shows_itself(result: StereoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    assert result.picture().shape[2] == 3
    page = result._repr_html_()
    assert 'src="data:image/png;base64,' in page
    assert "64 x 40" in page
    assert repr(result).startswith("<StereoResult left: 64 x 40, disparity ")
    hostile = StereoResult(result.pair, result.matched, '"><script>')
    assert "<script>" not in hostile._repr_html_()
    shown: list[str | None] = []
    monkeypatch.setattr(PilImage.Image, "show", lambda image, title=None: shown.append(title))
    monkeypatch.setenv("DISPLAY", ":0")
    result.show()
    assert shown == ["left"]
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(UserError, match="no display"):
        result.show()


def test_tiles_and_shifted_ranges_from_python(net: StereoPredictor) -> None:
    views = [np.random.default_rng(seed).integers(0, 256, (90, 300, 3)).astype(np.uint8) for seed in (0, 1)]
    whole, tiled = (net.match(*views, max_disparity=48, tile=tile) for tile in (None, 128))
    assert tiled.disparity.shape == whole.disparity.shape
    assert (tiled.disparity != whole.disparity).any()
    assert net.match(*views, max_disparity=16, min_disparity=-16).disparity.min() < 0


def test_raw_views_are_rectified_by_their_calibration(net: StereoPredictor, views: Any) -> None:
    matrix = np.array([[60.0, 0, 32], [0, 60, 20], [0, 0, 1]])
    camera = Camera(matrix, np.array([-0.1, 0.01, 0, 0]), (40, 64))
    rig = StereoRig(camera, camera, np.eye(3), np.array([-0.1, 0, 0]))
    found = net.match(*views, rig, max_disparity=32)
    assert (found.left != views[0]).any()
    assert found.calibration is not None
    assert found.calibration.baseline == pytest.approx(0.1)
    assert found.depth().shape == found.left.shape[:2]
