"""Depth files, and which files a calibration gives."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, UserError
from dsmnet.inference.cloud_writer import CloudWriter, write_depth
from dsmnet.io import read_pfm
from dsmnet.io.npy import read_npy
from dsmnet.types import Calibration

RIG = Calibration(focal=100.0, baseline=0.5, cx=10.0, cy=8.0, doffs=1.0)


def pair() -> tuple[np.ndarray, np.ndarray]:
    disparity = np.full((16, 20), 24, np.float32)  # 2 m
    disparity[0, :3] = (0, np.nan, 1)  # unknown, unknown, 25 m
    return disparity, np.full((16, 20, 3), 77, np.uint8)


def vertices(path: Path) -> int:
    (line,) = [line for line in path.read_bytes().split(b"\n") if line.startswith(b"element vertex")]
    return int(line.split()[2])


def test_depth_is_stored_as_depth_cameras_do(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    depth = np.array([[0, 0.0004, 0.0006, 1.2345], [10, 65.535, 65.5356, 200]], np.float32)
    with caplog.at_level(logging.INFO):
        for suffix in ("png", "npy", "pfm"):
            write_depth(tmp_path / f"a.{suffix}", depth)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    expected = [[0, 0, 1, round(1000 * float(depth[0, 3]))], [10000, 65535, 0, 0]]
    np.testing.assert_array_equal(stored, expected)
    assert "a.png: 2 pixels are beyond the 65.535 m" in caplog.text
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), depth)
    np.testing.assert_array_equal(read_pfm(tmp_path / "a.pfm"), depth)


@pytest.mark.parametrize(
    ("options", "files", "points"),
    [
        ({}, {"a.ply", "a_depth.png"}, 317),  # without the two unknown ones and the lonely far one
        ({"edge_filter": False}, {"a.ply", "a_depth.png"}, 318),
        ({"edge_filter": False, "max_depth": 10.0, "depth": None}, {"a.ply"}, 317),
        ({"html": True, "depth": "npy", "max_points": 50}, {"a.ply", "a_depth.npy", "a_cloud.html"}, 317),
    ],
)
def test_options_say_what_is_written(tmp_path: Path, options: dict, files: set[str], points: int):
    CloudWriter(**options).write(tmp_path, "a", *pair(), RIG)
    assert {path.name for path in tmp_path.iterdir()} == files
    assert vertices(tmp_path / "a.ply") == points


def test_the_page_has_no_more_points_than_asked_for(tmp_path: Path):
    CloudWriter(html=True, max_points=50).write(tmp_path, "a", *pair(), RIG, needs_points=True)
    assert ">50 points, one in 6.34 of those of the image<" in (tmp_path / "a_cloud.html").read_text()


def test_a_map_without_a_point_costs_the_page_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    disparity, image = pair()
    CloudWriter(html=True).write(tmp_path, "a", disparity * 0, image, RIG)
    assert vertices(tmp_path / "a.ply") == 0
    assert not (tmp_path / "a_cloud.html").exists()
    assert "a: not one point, so no page" in caplog.text
    with pytest.raises(DataError, match="0 of 320 pixels have a disparity"):
        CloudWriter(html=True).write(tmp_path, "a", disparity * 0, image, RIG, needs_points=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_depth": 0.0}, "max_depth=0.0: expected a number of metres above 0"),
        ({"max_depth": -3}, "max_depth=-3"),
        ({"max_depth": "far"}, "max_depth=far"),
        ({"depth": "tiff"}, "depth=tiff: expected png, npy, pfm or null"),
        ({"max_points": 0}, "max_points=0: expected a whole number of points"),
        ({"max_points": 1e5}, "max_points=100000.0"),
        ({"max_points": None}, "max_points=None"),
        ({"edge_filter": "maybe"}, "edge_filter=maybe: expected true or false"),
        ({"html": 3}, "html=3: expected true or false"),
    ],
)
def test_wrong_options_are_named(options: dict, message: str):
    with pytest.raises(UserError, match=message):
        CloudWriter(**options)
