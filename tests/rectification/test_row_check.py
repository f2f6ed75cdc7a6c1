"""The check of rows, and what an estimate makes of pairs whose rows do not meet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.config import compose, instantiate
from dsmnet.errors import DataError, ShapeError
from dsmnet.io.images import read_views
from dsmnet.rectification import RowReport, check_rows, estimate_rectification
from tests.rectification.conftest import rig, views

SIZE = 300, 400
SCENES = "MiddEval3/trainingQ/*/im0.png", "KITTI_2015/training/image_2/*.png", "ETH3D/*training/*/im0.png"


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Rectified views of a plane, disparities of 8 to 20 px."""
    return views(rig("none", (-0.08, 0, 0), (0, 0, 0), SIZE), SIZE)


def moved(
    view: np.ndarray, degrees: float = 0, rows: float = 0, scale: float = 1, columns: float = 0
) -> np.ndarray:
    """Turn about the middle, counterclockwise, scale, then move down and to the right."""
    height, width = view.shape[:2]
    change = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    change[:, 2] += columns, rows
    return np.asarray(cv2.warpAffine(view, change, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


@pytest.mark.parametrize(
    ("degrees", "rows", "scale"), [(2, 10, 1), (-2, -10, 1), (0, 3, 1), (1, 0, 1), (0, 0, 1.03), (-5, 40, 1)]
)
def test_offset_and_turn_are_measured(pair: Any, degrees: float, rows: float, scale: float) -> None:
    report = check_rows(pair[0], moved(pair[1], degrees, rows, scale))
    assert report.offset == pytest.approx(rows, rel=0.05, abs=0.15)
    assert report.rotation == pytest.approx(degrees, rel=0.05, abs=0.05)
    (warning,) = report.warnings()
    assert f"rows differ by {abs(report.offset):.1f} px" in warning
    assert "expected under 0.50: pass calib= or rectify=auto" in warning


def test_pair_that_is_rectified_is_not_warned_of(pair: Any) -> None:
    report = check_rows(*pair)
    assert report.deviation < 0.05
    assert report.warnings() == []
    assert report.disparities[0] > 2


def test_both_views_turned_alike_are_told_by_the_disparities(pair: Any) -> None:
    far = views(rig("none", (-0.3, 0, 0), (0.0, 0.12, 0), SIZE), SIZE)
    alike = check_rows(*(moved(view, 6) for view in pair))
    assert abs(alike.rotation) < 1
    assert alike.deviation > alike.expected
    sideways = check_rows(*far)
    assert sideways.deviation > sideways.expected  # keystones of a camera that looks sideways


def test_exchanged_views_are_named(pair: Any) -> None:
    (warning,) = check_rows(*pair[::-1]).warnings()
    assert "are left and right exchanged?" in warning


def test_disparities_that_begin_below_zero_are_named_with_the_option(pair: Any) -> None:
    converged = pair[0], moved(pair[1], columns=20)
    report = check_rows(*converged)
    (warning,) = report.warnings()
    asked = int(warning.rpartition("min_disparity=")[2])
    assert -32 <= asked < report.disparities[0]
    assert report.warnings(min_disparity=asked) == []
    assert check_rows(pair[0], moved(pair[1], columns=40)).warnings(min_disparity=-48) == []


def test_few_matches_prove_less_than_many() -> None:
    few, many = (RowReport(n, negative=0.1, disparities=(-20.0, 5.0, 9.0)) for n in (30, 300))
    assert few.warnings() == []
    assert "disparities begin at -20 px, 10% are negative" in many.warnings()[0]


def test_deviation_that_reads_as_the_limit_is_not_told() -> None:
    assert RowReport(99, deviation=0.504).warnings() == []
    assert "0.51 px on average; expected under 0.50" in RowReport(99, deviation=0.506).warnings()[0]


def test_tiny_generated_pairs_give_few_false_alarms_and_misaligned_ones_are_told() -> None:
    options = ["dataset.size=[96,192]", "dataset.largest_disparity=48", "dataset.length=32"]
    pairs = instantiate(compose("check_data", ["dataset=synthetic", *options]).dataset)
    views = [(sample["left"], sample["right"]) for sample in (pairs[index] for index in range(32))]
    told = [check_rows(left, moved(right, 1, 2)) for left, right in views]
    assert sum(bool(check_rows(*pair).warnings()) for pair in views) <= 1  # of stripes that match along them
    assert sum(bool(report.warnings()) for report in told) > 0.9 * sum(report.matches > 0 for report in told)


def test_same_image_twice_is_named(pair: Any) -> None:
    noisy = np.clip(pair[0].astype(int) + np.random.default_rng(0).integers(-2, 3, pair[0].shape), 0, 255)
    for other in (pair[0], noisy.astype(np.uint8)):
        assert check_rows(pair[0], other).warnings() == ["left and right view are the same image"]


@pytest.mark.parametrize(
    "hostile",
    [
        lambda left, right: (left, np.zeros_like(right)),
        lambda left, right: (np.zeros_like(left), np.zeros_like(right)),
        lambda left, right: (left[:20, :20], right[:20, :20]),
        lambda left, right: (left[:1, :1], right[:1, :1]),
        lambda left, right: (left, right[:-10]),
        lambda left, right: (left, np.random.default_rng(1).integers(0, 255, right.shape, np.uint8)),
        lambda left, right: (left[:, :, 0], right[:, :, 0]),
        lambda left, right: (left.astype(np.uint16) * 16, right.astype(np.uint16) * 16),
    ],
)
def test_hostile_views_give_no_false_alarm(pair: Any, hostile: Any) -> None:
    assert check_rows(*hostile(*pair)).warnings() == []


def test_an_estimate_leaves_the_left_view_where_that_suffices(pair: Any) -> None:
    turned = moved(pair[1], 2, 10)
    found = estimate_rectification([(pair[0], turned)])
    left, right = found.views(pair[0], turned)
    np.testing.assert_array_equal(left, pair[0])
    report = check_rows(left, right)
    assert report.deviation < 0.15
    assert report.disparities == pytest.approx(check_rows(*pair).disparities, abs=0.6)
    disparity = np.linspace(5, 9, left[..., 0].size, dtype=np.float32).reshape(SIZE)
    np.testing.assert_allclose(found.result(disparity), disparity, atol=1e-4)


def test_an_estimate_of_raw_cameras_meets_rows_and_comes_back_to_the_left_view() -> None:
    known = rig("none", (-0.12, 0.01, 0.004), (0.02, -0.01, 0.05), SIZE)
    raw = [views(known, SIZE, seed) for seed in range(3)]
    assert check_rows(*raw[0]).deviation > 3
    found = estimate_rectification(raw)
    for pair in raw:
        assert check_rows(*found.views(*pair)).deviation < 0.3
    x = np.indices(SIZE)[1].astype(np.float32)
    back = found.result(found.left_map[..., 0])  # a map that holds the column of the raw view
    known_part = np.isfinite(back)
    assert known_part.mean() > 0.9
    assert np.abs(back - x)[known_part].max() < 0.6


def test_views_without_texture_or_of_several_sizes_are_refused(pair: Any) -> None:
    grey = np.full_like(pair[0], 90)
    with pytest.raises(DataError, match="rectify=auto: only 0 points match in 1 pair"):
        estimate_rectification([(grey, grey)])
    with pytest.raises(DataError, match="in 0 pairs"):
        estimate_rectification([])
    with pytest.raises(ShapeError, match="views of one size"):
        estimate_rectification([pair, (pair[0][:100], pair[1][:100])])


@pytest.mark.real_data
def test_real_pairs_give_no_false_alarm_and_right_numbers(real_data: Path) -> None:
    files = [file for pattern in SCENES for file in sorted(real_data.glob(pattern))[:4]]
    if not files:
        pytest.skip("none of the sets is there")
    for file in files:
        other = (
            file.parents[1] / "image_3" / file.name
            if file.parent.name == "image_2"
            else file.with_name("im1.png")
        )
        left, right = read_views(file, other)
        report = check_rows(left, right)
        assert report.warnings() == [], file
        start = time.process_time()
        turned = check_rows(left, moved(right, 2, 10))
        assert time.process_time() - start < 0.5  # 0.06 s where nothing else runs
        if report.matches:
            assert turned.offset == pytest.approx(10 + report.offset, rel=0.1)
            assert turned.rotation == pytest.approx(2 + report.rotation, rel=0.1)
