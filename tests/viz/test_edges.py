"""Which pixels of a depth edge are of no surface."""

from __future__ import annotations

import numpy as np
import pytest

from dsmnet.viz.edges import JUMP, SUPPORT, flying_pixels, surface_slopes


def by_loops(disparity: np.ndarray, doffs: float) -> np.ndarray:
    height, width = disparity.shape
    result = np.zeros(disparity.shape, bool)
    known = np.isfinite(disparity) & (disparity > 0)
    for y in range(height):
        for x in range(width):
            same = other = 0
            for j in (-1, 0, 1):
                for i in (-1, 0, 1):
                    # beyond the border lies what lies at it
                    v, u = min(max(y + j, 0), height - 1), min(max(x + i, 0), width - 1)
                    if (i, j) == (0, 0) or not known[v, u] or not known[y, x]:
                        continue
                    jump = abs(np.float32(disparity[v, u] + doffs) - np.float32(disparity[y, x] + doffs))
                    if jump > max(JUMP[0], JUMP[1] * (disparity[y, x] + doffs)):
                        other += 1
                    else:
                        same += 1
            result[y, x] = known[y, x] and other > 0 and same < SUPPORT
    return result


@pytest.mark.parametrize("doffs", [0.0, 30.0, -2.0])
def test_it_is_what_the_plain_loop_finds(doffs: float):
    rng = np.random.default_rng(3)
    disparity = np.cumsum(rng.normal(0, 0.8, (23, 31)), axis=1).astype(np.float32) + 40
    disparity[rng.random(disparity.shape) < 0.1] = 0
    disparity[3, 4], disparity[5, 6] = np.nan, np.inf
    found = flying_pixels(disparity, doffs)
    np.testing.assert_array_equal(found, by_loops(disparity, doffs))
    assert 0.1 < found.mean() < 0.9


def test_a_blurred_edge_loses_its_ramp_and_a_sharp_one_nothing():
    sharp = np.full((20, 30), 10, np.float32)
    sharp[:, 15:] = 40
    assert not flying_pixels(sharp).any()
    blurred = sharp.copy()
    blurred[:, 13:17] = (16, 22, 28, 34)
    found = flying_pixels(blurred)
    assert found[:, 13:17].all()
    assert found.sum() == 4 * 20


def test_a_steep_plane_stays():
    rows, columns = np.mgrid[:40, :60].astype(np.float32)
    assert not flying_pixels(30 + 0.33 * rows).any()  # a road below a car's cameras
    assert not flying_pixels(5 + 0.3 * rows + 0.5 * columns).any()


def test_a_sparse_map_keeps_its_points():
    rng = np.random.default_rng(0)
    disparity = np.zeros((40, 60), np.float32)
    disparity[::2, ::2] = rng.uniform(5, 60, (20, 30))
    assert not flying_pixels(disparity).any()


def test_slopes_are_those_of_the_surface_a_pixel_is_on():
    rows, columns = np.mgrid[:20, :30].astype(np.float32)
    disparity = 20 + 0.25 * columns - 0.125 * rows
    disparity[:, 15:] += 30 + 0.25 * columns[:, 15:]  # an edge, and a steeper surface behind it
    slopes = surface_slopes(disparity, doffs=5.0)
    np.testing.assert_allclose(slopes[..., 1], -0.125, atol=1e-5)
    np.testing.assert_allclose(slopes[:, :15, 0], 0.25, atol=1e-5)
    np.testing.assert_allclose(slopes[:, 15:, 0], 0.5, atol=1e-5)


def test_what_has_no_neighbour_on_its_surface_has_no_slope():
    disparity = np.array([[0, 10, 0, 40, 20, 10]], np.float32)
    disparity[0, 2] = np.nan
    assert not surface_slopes(disparity).any()
