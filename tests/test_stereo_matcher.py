"""StereoMatcher: what cv2.StereoSGBM promises its callers, and the disparity of the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet import StereoMatcher, build_model, load_model
from dsmnet.errors import UserError
from dsmnet.types import Matcher

PROGRAM = """
import cv2
import numpy as np

grey = [cv2.cvtColor(view, cv2.COLOR_BGR2GRAY) for view in (left, right)]
matcher = cv2.StereoSGBM_create(minDisparity=0, numDisparities=64, blockSize=5, P1=8 * 25, P2=32 * 25,
                                disp12MaxDiff=0, uniquenessRatio=5, speckleWindowSize=50, speckleRange=2)
matcher.setNumDisparities(matcher.getNumDisparities())
disparity = matcher.compute(*grey)
cv2.filterSpeckles(disparity, (matcher.getMinDisparity() - 1) * 16, 20, 32)
cv2.validateDisparity(disparity, np.ones_like(disparity), 0, matcher.getNumDisparities())
points = cv2.reprojectImageTo3D(disparity.astype(np.float32) / 16, np.float32(Q), handleMissingValues=True)
"""
Q = [[1, 0, 0, -80], [0, 1, 0, -48], [0, 0, 0, 100], [0, 0, 1, 0]]


class Rolled(Matcher):
    """Finds the one shift between two views, and has seen them."""

    seen: Any = ()

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
        self.seen = left, right
        errors = [
            np.abs(left[:, d:].astype(int) - right[:, : right.shape[1] - d]).mean()
            for d in range(max_disparity or 16)
        ]
        return np.full(left.shape[:2], np.argmin(errors), np.float32)


class Given(Matcher):
    """Has the maps that it predicts, one after the other."""

    def __init__(self, *maps: Any) -> None:
        self.maps = [np.asarray(one, np.float32) for one in maps]

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
        return self.maps.pop(0)


def pair(shift: int, width: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return views whose disparity is `shift`, of either sign."""
    left = np.random.default_rng(1).integers(0, 256, (8, width, 3), np.uint8)
    return left, np.roll(left, -shift, axis=1)


@pytest.mark.parametrize(("first", "shift"), [(0, 7), (-32, -20), (-5, 3), (16, 40), (-60, -50)])
def test_compute_finds_disparities_of_either_sign(first: int, shift: int) -> None:
    left, right = pair(shift)
    found = StereoMatcher(Rolled(), minDisparity=first, numDisparities=48).compute(left, right)
    matches = np.arange(left.shape[1]) - shift
    inside = (matches >= 0) & (matches < left.shape[1])
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, np.tile(np.where(inside, shift * 16, (first - 1) * 16), (8, 1)))


def test_compute_gives_the_matcher_rgb() -> None:
    matcher = Rolled()
    left, right = pair(3)
    StereoMatcher(matcher, numDisparities=16).compute(left, right)
    np.testing.assert_array_equal(matcher.seen[0], left[..., ::-1])
    grey = left[..., 0]
    for view in (grey, grey[..., None], cv2.UMat(np.ascontiguousarray(grey))):
        StereoMatcher(matcher, numDisparities=16).compute(view, right[..., 1])
        np.testing.assert_array_equal(matcher.seen[0], np.repeat(grey[..., None], 3, axis=2))


def views(width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((1, width, 3), np.uint8), np.zeros((1, width, 3), np.uint8)


def test_compute_marks_what_leaves_the_range_or_the_view_as_invalid() -> None:
    given = [[0.0, 2.0, 1.03, 1.04, 15.99, np.nan, np.inf, 3.97]]
    found = StereoMatcher(Given(given), numDisparities=16).compute(*views(8))
    assert found.tolist() == [[0, -16, 16, 17, -16, -16, -16, 64]]


def test_compute_compares_the_views_only_if_told_to() -> None:
    left, right = [[0, 0, 0, 2, 2, 2, 2, 2]], [[0, 2, 2, 2, 2, 5, 0, 0]]
    mirrored = np.asarray(right)[:, ::-1]
    for allowed, expected in ((0, 32), (1, -16), (3, 32)):
        matcher = StereoMatcher(Given(left, mirrored), numDisparities=16, disp12MaxDiff=allowed)
        hidden = -16 if allowed == 1 else 0  # two pixels of the left view behind the surface in front
        assert matcher.compute(*views(8))[0].tolist() == [0, hidden, hidden, *[32] * 4, expected]


def test_compute_leaves_out_what_is_not_confident_and_speckles() -> None:
    left, right = (np.full((1, 8), 2.0), np.full((1, 8), 2.0))
    right[0, :3] = 12
    matcher = StereoMatcher(Given(left, right), min_confidence=0.5, numDisparities=16)
    assert matcher.compute(*views(8))[0].tolist() == [-16, -16, 32, 32, 32, 32, 32, -16]
    spot = np.full((1, 40), 2.0)
    spot[0, 20:23] = 9
    matcher = StereoMatcher(Given(spot), numDisparities=16, speckleWindowSize=5, speckleRange=1)
    assert matcher.compute(*views(40))[0, 18:25].tolist() == [32, 32, -16, -16, -16, 32, 32]


def test_compute_writes_into_an_array_that_fits() -> None:
    fits, other = np.zeros((1, 8), np.int16), np.zeros((1, 9), np.int16)
    for given in (fits, other, None):
        found = StereoMatcher(Given([[0.0] * 8])).compute(*views(8), given)
        assert (found is given) == (given is fits)
        assert found.shape == (1, 8)


def test_accessors_are_those_of_opencv() -> None:
    matcher, opencv = StereoMatcher(Given()), cv2.StereoSGBM_create()
    names = [name for name in dir(opencv) if name.startswith(("get", "set")) and name != "getDefaultName"]
    assert len(names) == 22
    for name in names:
        if name.startswith("set"):
            for each in (matcher, opencv):
                getattr(each, name)(np.int64(48))
    for name in names:
        if name.startswith("get"):
            assert getattr(matcher, name)() == getattr(opencv, name)() == 48


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.setNumDisparities(24), "numDisparities=24: expected a positive multiple of 16"),
        (lambda m: m.setNumDisparities(0), "numDisparities=0: expected a positive multiple of 16"),
        (lambda m: m.setMinDisparity(1.5), "minDisparity=1.5: expected a whole number"),
        (lambda m: m.setMinDisparity(-4000), "minDisparity=-4000: expected a whole number from -2047"),
        (lambda m: m.setP1(None), "P1=None: expected a whole number"),
        (lambda m: StereoMatcher.create(numDisparities=-16), "numDisparities=-16: expected"),
        (lambda m: StereoMatcher.create(min_confidence=2), "min_confidence=2: expected a number from 0 to 1"),
        (lambda m: StereoMatcher.create(checkpoint="no.ckpt"), "no.ckpt: no such file"),
        (lambda m: m.compute(None, None), "left: expected a uint8 image .*, got NoneType"),
        (lambda m: m.compute(*np.zeros((2, 4, 4))), r"left: expected a uint8 image .*, got float64 \[4, 4\]"),
        (lambda m: m.compute(views(8)[0], np.zeros((1, 8, 4), np.uint8)), "right: .*, got uint8"),
        (lambda m: m.compute(views(8)[0], np.zeros((0, 8, 3), np.uint8)), "right: .*, got uint8"),
        (lambda m: m.compute(views(8)[0], views(9)[0]), r"one shape, got \[1, 8, 3\] and \[1, 9, 3\]"),
        (lambda m: m.compute(views(8)[0], views(8)[0][..., 0]), "expected views of one shape"),
        (lambda m: StereoMatcher(m, minDisparity=2000).compute(*views(8)), "=2192: expected 2047 at most"),
    ],
)
def test_mistakes_are_errors_of_one_line(call: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        call(StereoMatcher(Given([[0.0] * 8])))
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, cv2.error) or message.startswith(("min_conf", "no.ckpt"))


def test_import_of_the_package_alone_loads_nothing() -> None:
    check = "import sys, dsmnet; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_right_matcher_mirrors_and_negates() -> None:
    left, right = pair(7)
    matcher = StereoMatcher(Rolled(), minDisparity=2, numDisparities=16).createRightMatcher()
    assert (matcher.getMinDisparity(), matcher.getNumDisparities()) == (-17, 16)  # as cv2.ximgproc says
    found = matcher.compute(right, left)
    expected = np.where(np.arange(120) + 7 < 120, -7 * 16, -18 * 16)
    np.testing.assert_array_equal(found, np.tile(expected, (8, 1)))


def scenes(real_data: Path) -> list[Any]:
    places = ["MiddEval3/trainingQ/Teddy", "ETH3D/two_view_training/facade_1s"]
    found = [real_data / place for place in places if (real_data / place).is_dir()]
    if not found:
        pytest.skip("neither Middlebury's Teddy nor ETH3D's facade_1s under DSMNET_DATA")
    # Half of the rows: the test is of what comes before and after the network.
    return [[cv2.imread(str(place / name))[::2] for name in ("im0.png", "im1.png")] for place in found]


@pytest.mark.real_data
def test_equals_predict_on_real_pairs(real_data: Path) -> None:
    network, matcher = load_model(device="cpu"), StereoMatcher.create(numDisparities=64, device="cpu")
    for left, right in scenes(real_data):
        found, expected = (
            matcher.compute(left, right),
            network.predict(left[..., ::-1], right[..., ::-1], 64),
        )
        kept = found >= 0
        outside = np.arange(left.shape[1]) < expected - 1 / 32  # by half a step at least
        assert (kept | outside).all()
        assert kept.mean() > 0.8
        assert np.abs(found / 16 - expected)[kept].max() <= 1 / 16


@pytest.mark.real_data
def test_program_of_opencv_runs_with_one_line_changed(real_data: Path) -> None:
    left, right = scenes(real_data)[0]
    found = []
    for program in (PROGRAM, PROGRAM.replace("cv2.StereoSGBM_create", "StereoMatcher.create")):
        names: dict[str, Any] = {"left": left, "right": right, "Q": Q, "StereoMatcher": StereoMatcher}
        exec(program, names)
        assert names["disparity"].dtype == np.int16
        assert names["disparity"].min() == -16
        assert names["points"].shape == (*left.shape[:2], 3)
        found.append(names["disparity"])
    assert found[0].shape == found[1].shape
    both = (found[0] > 0) & (found[1] > 0)
    assert both.mean() > 0.5
    assert np.median(np.abs(found[0] - found[1])[both]) < 8  # half a pixel


@pytest.mark.skipif(not hasattr(cv2, "ximgproc"), reason="this OpenCV has no contributed modules")
def test_wls_filter_takes_both_maps() -> None:
    left, right = pair(7)
    matcher = StereoMatcher(Rolled(), numDisparities=16)
    maps = matcher.compute(left, right), matcher.createRightMatcher().compute(right, left)
    wls = cv2.ximgproc.createDisparityWLSFilterGeneric(True)
    filtered = wls.filter(maps[0], left, disparity_map_right=maps[1])
    assert np.abs(filtered[:, 16:-16] / 16 - 7).max() < 0.5
    assert wls.getConfidenceMap()[:, 16:-16].min() > 200  # of 255: the maps agree


def test_min_confidence_of_a_network_is_sharpness() -> None:
    left, right = pair(5, width=96)
    network = build_model("tiny")
    sharpness = network.predict_with_sharpness(left[..., ::-1], right[..., ::-1], 16)[1]
    limit = float(np.median(sharpness))
    all_, some = (
        StereoMatcher(network, least, numDisparities=16).compute(left, right) for least in (None, limit)
    )
    np.testing.assert_array_equal(some, np.where(sharpness >= limit, all_, -16))
