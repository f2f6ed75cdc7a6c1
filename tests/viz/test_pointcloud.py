"""Metric depth, and a PLY file that an independent reader understands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import DataError, ShapeError
from dsmnet.types import Calibration
from dsmnet.viz import depth_from_disparity, point_cloud, write_ply

CALIBRATION = Calibration(focal=700.0, baseline=0.5, cx=2.0, cy=1.0, doffs=10.0)


def read_ply(path: Path) -> dict[str, np.ndarray]:
    """Read a binary little-endian PLY as its specification has it."""
    header, body = path.read_bytes().split(b"end_header\n", 1)
    lines = header.decode("ascii").split("\n")
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = next(int(line.split()[2]) for line in lines if line.startswith("element vertex"))
    kinds = {"float": "<f4", "uchar": "u1"}
    fields = [line.split()[1:] for line in lines if line.startswith("property")]
    data = np.frombuffer(body, np.dtype([(name, kinds[kind]) for kind, name in fields]))
    assert len(data) == count
    return {name: data[name] for _, name in fields}


def test_depth_is_focal_times_baseline_over_disparity_plus_offset():
    disparity = np.array([[25.0, 60.0, 0.0, np.inf]], np.float32)
    np.testing.assert_allclose(depth_from_disparity(disparity, CALIBRATION), [[10.0, 5.0, 0.0, 0.0]])


def test_points_lie_on_the_rays_of_their_pixels(tmp_path: Path):
    disparity = np.zeros((3, 5), np.float32)
    disparity[1, 2] = 25  # the principal point: straight ahead, 10 m
    disparity[2, 4] = 60  # 5 m
    image = np.arange(45, dtype=np.uint8).reshape(3, 5, 3)
    points, colors = point_cloud(disparity, image, CALIBRATION)
    np.testing.assert_allclose(points, [[0, 0, 10], [2 * 5 / 700, 1 * 5 / 700, 5]], rtol=1e-6)
    np.testing.assert_array_equal(colors, image[[1, 2], [2, 4]])

    write_ply(tmp_path / "cloud.ply", points, colors)
    cloud = read_ply(tmp_path / "cloud.ply")
    np.testing.assert_array_equal(np.stack([cloud[axis] for axis in "xyz"], -1), points)
    np.testing.assert_array_equal(np.stack([cloud[c] for c in ("red", "green", "blue")], -1), colors)


def test_far_points_are_left_out_on_demand():
    disparity = np.array([[25.0, 60.0]], np.float32)
    points, _ = point_cloud(disparity, np.zeros((1, 2, 3), np.uint8), CALIBRATION, max_depth=7.0)
    np.testing.assert_allclose(points[:, 2], [5.0])


def test_a_missing_principal_point_is_the_middle_of_the_image():
    points, _ = point_cloud(
        np.full((3, 5), 35, np.float32), np.zeros((3, 5, 3), np.uint8), Calibration(focal=700.0, baseline=0.1)
    )
    np.testing.assert_allclose(points[7], [0, 0, 2.0])
    np.testing.assert_allclose(points[:, :2].mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("calibration", "named"),
    [
        (Calibration(focal=700.0), "baseline"),
        (Calibration(baseline=0.1), "focal length"),
        (Calibration(), "focal length and no baseline"),
    ],
)
def test_an_incomplete_calibration_says_what_it_lacks(calibration: Calibration, named: str):
    with pytest.raises(DataError, match=f"no {named}"):
        point_cloud(np.ones((2, 2), np.float32), np.zeros((2, 2, 3), np.uint8), calibration)


def test_sizes_that_do_not_fit_are_refused(tmp_path: Path):
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(2, 2\)"):
        point_cloud(np.ones((2, 2), np.float32), np.zeros((2, 3, 3), np.uint8), CALIBRATION)
    with pytest.raises(ShapeError, match="N, 3"):
        write_ply(tmp_path / "a.ply", np.zeros((4, 3), np.float32), np.zeros((3, 3), np.uint8))
