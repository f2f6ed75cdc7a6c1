"""A cloud to look at: its points, its bound, its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.errors import DataError, ShapeError
from dsmnet.types import Calibration
from dsmnet.viz.cloud import build_cloud


def test_points_of_a_plane_lie_on_the_plane():
    """Of a slanted plane n . P = 1, whose disparity + doffs is focal * baseline * n . (P / z)."""
    calibration = Calibration(focal=120.0, baseline=0.2, cx=31.0, cy=12.5, doffs=7.5)
    normal = np.array([0.1, 0.35, 0.3])
    rows, columns = np.mgrid[:50, :80]
    rays = np.stack([(columns - 31.0) / 120, (rows - 12.5) / 120, np.ones((50, 80))], axis=-1)
    disparity = (120 * 0.2 * (rays @ normal) - 7.5 + 7.5).astype(np.float32)
    shifted = calibration._replace(doffs=0.0)
    for given, rig in ((disparity, shifted), (disparity + 4, shifted._replace(doffs=-4.0))):
        cloud = build_cloud(given, np.zeros((50, 80, 3), np.uint8), rig)
        assert len(cloud.points) == 50 * 80
        np.testing.assert_allclose(cloud.points @ normal, 1, rtol=2e-6)


def test_the_middle_is_ahead_at_the_median_depth(scene: Any):
    cloud = build_cloud(*scene)
    assert cloud.step == 1
    assert len(cloud.points) == 90 * 120 - 4  # the square's sharpest corners
    # 90 x 120 pixels around (50, 50): the middle of the view is 9.5 px right of it and 5.5 px above.
    np.testing.assert_allclose(cloud.middle, (9.5 / 100 * 4, -5.5 / 100 * 4, 4.0), rtol=1e-6)


@pytest.mark.parametrize("limit", [1, 7, 500, 5000, 9000])
def test_pixels_are_left_out_evenly_until_the_bound_is_kept(scene: Any, limit: int):
    cloud = build_cloud(*scene, edge_filter=False, max_points=limit)
    assert 0.9 * limit <= len(cloud.points) <= limit
    assert cloud.step == pytest.approx((90 * 120 / limit) ** 0.5, rel=0.01)
    columns = cloud.points[:, 0] / cloud.points[:, 2] * 100 + 50
    rows = cloud.points[:, 1] / cloud.points[:, 2] * 100 + 50
    at = np.rint(rows).astype(int), np.rint(columns).astype(int)
    np.testing.assert_allclose((rows, columns), at, atol=1e-3)  # pixels of the image
    np.testing.assert_array_equal(cloud.colors, scene.image[at])
    if limit >= 500:
        mask = np.zeros((90, 120), bool)
        mask[at] = True
        tiles = mask.reshape(6, 15, 8, 15).mean(axis=(1, 3))
        np.testing.assert_allclose(tiles, limit / 10800, atol=0.02)
        assert mask.any(axis=0).all()  # no row and no column is empty
        assert mask.any(axis=1).all()
        if limit == 9000:
            assert not (~mask[1:] & ~mask[:-1]).any()
            assert not (~mask[:, 1:] & ~mask[:, :-1]).any()


def test_what_cannot_be_shown_is_said(scene: Any):
    nothing = np.zeros_like(scene.disparity)
    with pytest.raises(DataError, match="no point to show: 0 of 10800 pixels have a disparity"):
        build_cloud(nothing, scene.image, scene.calibration)
    with pytest.raises(DataError, match=r"10800 of 10800.*none of them lies within max_depth=1.5 m"):
        build_cloud(*scene, max_depth=1.5)
    with pytest.raises(DataError, match="no baseline"):
        build_cloud(scene.disparity, scene.image, Calibration(focal=100.0))
    with pytest.raises(DataError, match=r"a baseline of -0.4 m: both must be positive"):
        build_cloud(scene.disparity, scene.image, scene.calibration._replace(baseline=-0.4))
    with pytest.raises(ShapeError, match=r"\(90, 119\).*\(90, 120\)"):
        build_cloud(scene.disparity, scene.image[:, 1:], scene.calibration)
