"""Depth maps as disparity: known bytes give known disparities, and what is wrong is named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError
from dsmnet.io.depth import DEPTH_FLOAT_PNG, DEPTH_NPY, depth_codec, depth_png16, depth_rgb24
from dsmnet.io.disparity import png16
from dsmnet.io.sintel_disparity import SINTEL_DISPARITY
from dsmnet.types import Calibration


def write_raw(path: Path, image: Any) -> Path:
    """Write with OpenCV itself, blue first."""
    assert cv2.imwrite(str(path), image)
    return path


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


RIG = Calibration(focal=500.0, baseline=0.2)  # 100 px m
CENTIMETRES = depth_codec(depth_png16(0.01), RIG)
CARLA = depth_codec(depth_rgb24(1000.0), RIG)


def test_centimetres_become_disparity_and_the_ends_are_unknown(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "d.png", np.array([[0, 1, 100, 250, 65534, 65535]], np.uint16))
    expected = [[0, 10000, 100, 40, 100 / 655.34, 0]]
    found = CENTIMETRES.read(path, RIG)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_carla_counts_red_lowest(tmp_path: Path) -> None:
    rgb = np.array([[[0, 0, 0], [255, 255, 255], [0, 0, 128], [57, 48, 0], [254, 255, 255]]], np.uint8)
    path = write_raw(tmp_path / "d.png", rgb[..., ::-1])
    unit = 1000 / (2**24 - 1)
    depth = np.array([128 * 65536, 57 + 48 * 256, 2**24 - 2]) * unit
    np.testing.assert_allclose(CARLA.read(path, RIG), [[0, 0, *(100 / depth)]], rtol=1e-6)
    alpha = np.concatenate([rgb[..., ::-1], np.full((1, 5, 1), 77, np.uint8)], 2)  # as CARLA saves it
    with_alpha = write_raw(tmp_path / "a.png", alpha)
    np.testing.assert_array_equal(CARLA.read(with_alpha, RIG), CARLA.read(path, RIG))


def test_each_pair_may_have_cameras_of_its_own(tmp_path: Path) -> None:
    codec = depth_codec(depth_png16(0.01), RIG)
    path = write_raw(tmp_path / "d.png", np.array([[200, 20000]], np.uint16))
    np.testing.assert_allclose(codec.read(path, Calibration(600, 0.1)), [[30, 0.3]], rtol=1e-6)
    offset = Calibration(600, 0.1, doffs=5.0)  # depth = 60 / (disparity + 5): the second is behind infinity
    np.testing.assert_allclose(codec.read(path, offset), [[25, 0]], rtol=1e-6)
    codec.write(path, np.array([[25.0, 0.0]], np.float32), offset)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[200, 65535]])
    for unknown in (None, Calibration(focal=600)):
        with pytest.raises(ValueError, match="focal and baseline"):
            codec.read(path, unknown)


def test_too_far_is_put_at_the_end_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "d.png"
    with caplog.at_level(logging.WARNING):
        CENTIMETRES.write(path, np.array([[0.1, 0.01, 5.0, 0.0, 1e6]], np.float32), RIG)
    assert "2 pixels put at 655.34 m" in caplog.text
    np.testing.assert_array_equal(
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[65534, 65534, 2000, 65535, 1]]
    )


@pytest.mark.parametrize("codec", [CENTIMETRES, CARLA], ids=["centimetres", "carla"])
def test_the_step_bounds_what_storing_costs(tmp_path: Path, codec: Any) -> None:
    disparity = np.exp(np.random.default_rng(0).uniform(np.log(0.01), np.log(200), (60, 70)))
    disparity = disparity.astype(np.float32)
    path = tmp_path / "d.png"
    codec.write(path, disparity, RIG)
    error = np.abs(codec.read(path, RIG) - disparity)
    bound = codec.steps(disparity) / 2
    assert (error <= bound * (1 + 1e-5)).all()
    near = disparity > 2
    assert error[near].max() > 0.5 * bound[near].max()  # and is no looser than it has to be


def test_metres_as_npy(tmp_path: Path) -> None:
    codec = depth_codec(DEPTH_NPY, RIG)
    path = tmp_path / "d.npy"
    for dtype in (np.float16, np.float32, np.float64):
        np.save(path, np.array([[0.5, 20, 10000, np.inf, np.nan, 0, -1]], dtype))
        np.testing.assert_allclose(codec.read(path, RIG), [[200, 5, 0.01, 0, 0, 0, 0]], rtol=1e-3)
    codec.write(path, np.array([[4.0, 0.0]], np.float32), RIG)
    np.testing.assert_array_equal(np.load(path), [[25, np.inf]])


def test_floats_in_four_channels(tmp_path: Path) -> None:
    depth = np.array([[1.5, 40.0, 1e4, np.inf]], np.float32)
    path = write_raw(tmp_path / "d.png", depth[..., None].view(np.uint8))  # OpenCV's order is the file's here
    codec = depth_codec(DEPTH_FLOAT_PNG, RIG)
    np.testing.assert_allclose(codec.read(path, RIG), [[100 / 1.5, 2.5, 0.01, 0]], rtol=1e-6)
    again = tmp_path / "again.png"
    DEPTH_FLOAT_PNG.write(again, depth)
    np.testing.assert_array_equal(cv2.imread(str(again), cv2.IMREAD_UNCHANGED).view("<f4")[..., 0], depth)


@pytest.mark.parametrize(
    ("codec", "image", "message"),
    [
        (CENTIMETRES, np.zeros((4, 5), np.uint8), "16 bits was expected, not uint8"),
        (CENTIMETRES, np.arange(60, dtype=np.uint16).reshape(4, 5, 3), "color"),
        (CARLA, np.zeros((4, 5), np.uint8), "1 channels of uint8, where 3"),
        (CARLA, np.zeros((4, 5, 3), np.uint16), "3 channels of uint16, where 3 of uint8"),
        (depth_codec(DEPTH_FLOAT_PNG, RIG), np.zeros((4, 5, 3), np.uint8), "3 channels of uint8, where 4"),
        (SINTEL_DISPARITY, np.zeros((4, 5), np.uint16), "1 channels of uint16"),
        (png16(32), np.zeros((4, 5), np.uint8), "16 bits was expected, not uint8"),
    ],
)
def test_images_of_another_form_are_refused(tmp_path: Path, codec: Any, image: Any, message: str) -> None:
    path = write_raw(tmp_path / "wrong.png", image)
    with pytest.raises(FormatError, match=rf"wrong\.png: .*{message}"):
        codec.read(path, RIG)


@pytest.mark.parametrize("codec", [CENTIMETRES, CARLA, SINTEL_DISPARITY, png16(32)])
def test_a_cut_image_is_named(tmp_path: Path, codec: Any) -> None:
    path = tmp_path / "cut.png"
    codec.write(path, np.random.default_rng(0).uniform(1, 90, (20, 30)).astype(np.float32), RIG)
    half(path)
    with pytest.raises(FormatError, match=r"cut\.png: truncated"):
        codec.read(path, RIG)
    path.unlink()
    with pytest.raises(DataError, match=r"cut\.png: no such file"):
        codec.read(path, RIG)
