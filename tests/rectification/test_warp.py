"""Rectification by a calibration: as OpenCV does it, and true to points that are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, ShapeError
from dsmnet.rectification import Rectification, check_rows, rectify_rig
from dsmnet.types import StereoRig
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud
from tests.rectification.conftest import PLANE, SIZE, project, rig, seen, views

# Where the right camera stands, and the quarter turns that bring it to the right.
PLACES = {
    "right": ((-0.12, 0.004, 0.006), 0),
    "below": ((0.003, -0.1, 0.005), 1),
    "left": ((0.12, 0.004, 0.006), 2),
    "above": ((0.003, 0.1, 0.005), 3),
}


def exact_disparity(found: Rectification, known: StereoRig) -> np.ndarray:
    """The disparity of the plane in the left view that is matched, from the projections of its points."""
    assert found.calibration is not None
    assert found.rotation is not None
    upright, focal = np.indices(SIZE, np.float64), found.calibration.focal
    x, y = (upright[1] - found.calibration.cx) / focal, (upright[0] - found.calibration.cy) / focal
    directions = np.stack([x, y, np.ones(SIZE)], -1) @ found.rotation
    depth = 1 / (directions @ PLANE)  # along the rectified axis, since the third component there is 1
    assert found.calibration.baseline == pytest.approx(np.linalg.norm(known.translation))
    disparity = focal * found.calibration.baseline / depth
    return np.rot90(disparity, found.turns).astype(np.float32)


@pytest.mark.parametrize("alpha", [0.0, 1.0, None])
def test_views_are_those_of_opencv(kind: str, alpha: float | None) -> None:
    known, size = rig(kind), SIZE[::-1]
    distortion = [camera.distortion for camera in known[:2]]
    arguments: Any = known.left.matrix, distortion[0], known.right.matrix, distortion[1], size
    arguments = *arguments, known.rotation, known.translation.reshape(3, 1)
    flags = cv2.CALIB_ZERO_DISPARITY
    one: Any
    if kind == "fisheye":
        one = cv2.fisheye.stereoRectify(*arguments, flags, newImageSize=size, balance=alpha or 0.0)
        build: Any = cv2.fisheye.initUndistortRectifyMap
    else:
        one = cv2.stereoRectify(*arguments, flags=flags, alpha=-1 if alpha is None else alpha)
        build = cv2.initUndistortRectifyMap
    left, right = views(known)
    found = rectify_rig(known, SIZE, alpha)
    for camera, lens, turn, new, raw, ours in zip(
        known[:2], distortion, one[:2], one[2:4], (left, right), found.views(left, right), strict=True
    ):
        maps = build(camera.matrix, lens, turn, new[:, :3], size, cv2.CV_32FC1)
        np.testing.assert_array_equal(ours, cv2.remap(raw, *maps, cv2.INTER_LINEAR))
    assert found.calibration is not None
    assert found.calibration[:4] == pytest.approx(
        (one[2][0, 0], -one[3][0, 3] / one[3][0, 0], one[2][0, 2], one[2][1, 2])
    )


@pytest.mark.parametrize("place", PLACES)
def test_points_that_are_known_come_back_in_every_frame(kind: str, place: str) -> None:
    known = rig(kind, PLACES[place][0])
    found = rectify_rig(known, SIZE, alpha=1.0)
    assert found.turns == PLACES[place][1]
    matched = exact_disparity(found, known)
    # The disparity is where OpenCV's own projection of the points puts them in the raw right view.
    rows, columns = np.nonzero(
        np.rot90(found.valid & replace(found, left_map=found.right_map).valid, found.turns)
    )
    match = columns - matched[rows, columns]
    seen_by_both = (match > 1) & (match < matched.shape[1] - 2)
    rows, columns, match = (side[seen_by_both][::5] for side in (rows, columns, match))
    source = [
        cv2.remap(
            np.rot90(found.right_map, found.turns)[..., axis],
            match.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
        ).ravel()
        for axis in (0, 1)
    ]
    points = seen(known.left, np.eye(3), np.zeros(3))
    pixels = np.rot90(found.left_map, found.turns)[rows, columns]
    at = [
        cv2.remap(points[..., axis].astype(np.float32), pixels[:, 0], pixels[:, 1], cv2.INTER_LINEAR).ravel()
        for axis in range(3)
    ]
    expected = project(known.right, np.stack(at, -1) @ known.rotation.T + known.translation)
    # The fold of the lens model near the corners is sampled coarsely.
    assert np.percentile(np.abs(np.stack(source, -1) - expected), 99) < 0.1
    assert len(rows) > 2000

    disparity = found.result(matched)
    assert disparity.shape == SIZE
    depth = depth_from_disparity(found.in_raw(disparity), found.calibration) * found.look_up()[1]  # type: ignore[arg-type]
    truth = points[..., 2]
    assert (depth > 0).mean() > (0.93 if kind == "fisheye" else 0.97)  # alpha=1 keeps about all pixels
    assert (depth[40:-40, 50:-50] > 0).all()  # without a hole
    assert np.abs(depth / truth - 1)[depth > 0].max() < 1.1e-3  # beside the border the nearest pixel
    image = np.zeros((*SIZE, 3), np.uint8)
    cloud, _ = point_cloud(disparity, image, found.calibration)  # type: ignore[arg-type]
    assert found.rotation is not None
    np.testing.assert_allclose(cloud @ found.rotation @ PLANE, 1, rtol=1e-3)


@pytest.mark.parametrize("place", PLACES)
def test_rows_of_the_views_meet_and_disparities_are_positive(kind: str, place: str) -> None:
    known = rig(kind, PLACES[place][0], size=(300, 400))
    left, right = views(known, (300, 400))
    found = rectify_rig(known, (300, 400))
    report = check_rows(*(np.rot90(view, found.turns) for view in found.views(left, right)))
    assert report.matches > 100
    assert report.deviation < 0.1
    assert report.disparities[0] > 5
    assert not report.warnings()
    assert check_rows(left, right).warnings()


def test_results_are_unknown_outside_of_the_valid_region_and_upright() -> None:
    found = rectify_rig(rig(translation=PLACES["below"][0]), SIZE, alpha=1.0)
    matched = np.full(SIZE[::-1], 7, np.float32)
    result = found.result(matched)
    assert 0.02 < np.isinf(result).mean() < 0.5
    assert (found.result(matched, 0)[np.isinf(result)] == 0).all()
    left, right = views(rig(translation=PLACES["below"][0]))
    shown = found.views(left, right)[0]
    assert (shown[np.isinf(result)] == 0).mean() > 0.9  # black where it is unknown
    depth = depth_from_disparity(result, found.calibration)  # type: ignore[arg-type]
    assert ((depth > 0) == np.isfinite(result)).all()


def test_edges_stay_sharp_in_the_raw_view() -> None:
    """Between two surfaces no disparity of neither arises."""
    found = rectify_rig(rig(), SIZE, alpha=1.0)
    step = np.where(np.arange(SIZE[1]) < 160, 10, 30).astype(np.float32) * np.ones(SIZE, np.float32)
    raw = found.in_raw(step)
    assert set(np.unique(raw[np.isfinite(raw)])) == {10, 30}


def test_rig_that_cannot_be_rectified_is_refused() -> None:
    known = rig()
    with pytest.raises(DataError, match="one camera is a fisheye"):
        rectify_rig(known._replace(left=rig("fisheye").left), SIZE)
    with pytest.raises(DataError, match="one behind the other"):
        rectify_rig(known._replace(translation=np.array([0.0, 0, 1])), SIZE)


def test_rig_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"made with images of .* \(240, 320\), the views have \(480, 640\)"):
        rectify_rig(rig(), (480, 640))
    with pytest.raises(ShapeError, match="rectification is for views of"):
        rectify_rig(rig(), SIZE).views(*[np.zeros((20, 20, 3), np.uint8)] * 2)
