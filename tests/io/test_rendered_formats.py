"""Depth, coded colors and NumPy maps: known bytes give known disparities, and what is wrong is named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError
from dsmnet.io import write_image
from dsmnet.io.depth import DEPTH_FLOAT_PNG, DEPTH_NPY, depth_codec, depth_png16, depth_rgb24
from dsmnet.io.disparity import png16
from dsmnet.io.images import read_channels, read_size
from dsmnet.io.npy import NPY, read_npy, write_npy
from dsmnet.io.rgb24 import read_rgb24, write_rgb24
from dsmnet.io.sintel_disparity import SINTEL_DISPARITY, SINTEL_NOC
from dsmnet.types import Calibration

RIG = Calibration(focal=500.0, baseline=0.2)  # 100 px m
CENTIMETRES = depth_codec(depth_png16(0.01), RIG)
CARLA = depth_codec(depth_rgb24(1000.0), RIG)


def write_raw(path: Path, image: Any) -> Path:
    """Write with OpenCV itself, blue first."""
    assert cv2.imwrite(str(path), image)
    return path


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


# --- depth --------------------------------------------------------------------------------------------


def test_centimetres_become_disparity_and_the_ends_are_unknown(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "d.png", np.array([[0, 1, 100, 250, 65534, 65535]], np.uint16))
    expected = [[0, 10000, 100, 40, 100 / 655.34, 0]]
    found = CENTIMETRES.read(path, None)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_carla_counts_red_lowest(tmp_path: Path) -> None:
    rgb = np.array([[[0, 0, 0], [255, 255, 255], [0, 0, 128], [57, 48, 0], [254, 255, 255]]], np.uint8)
    path = write_raw(tmp_path / "d.png", rgb[..., ::-1])
    unit = 1000 / (2**24 - 1)
    depth = np.array([128 * 65536, 57 + 48 * 256, 2**24 - 2]) * unit
    np.testing.assert_allclose(CARLA.read(path, None), [[0, 0, *(100 / depth)]], rtol=1e-6)
    alpha = np.concatenate([rgb[..., ::-1], np.full((1, 5, 1), 77, np.uint8)], 2)  # as CARLA saves it
    with_alpha = write_raw(tmp_path / "a.png", alpha)
    np.testing.assert_array_equal(CARLA.read(with_alpha, None), CARLA.read(path, None))


def test_each_pair_may_have_cameras_of_its_own(tmp_path: Path) -> None:
    codec = depth_codec(depth_png16(0.01), RIG, per_pair=True)
    path = write_raw(tmp_path / "d.png", np.array([[200, 20000]], np.uint16))
    np.testing.assert_allclose(codec.read(path, Calibration(600, 0.1)), [[30, 0.3]], rtol=1e-6)
    offset = Calibration(600, 0.1, doffs=5.0)  # depth = 60 / (disparity + 5): the second is behind infinity
    np.testing.assert_allclose(codec.read(path, offset), [[25, 0]], rtol=1e-6)
    codec.write(path, np.array([[25.0, 0.0]], np.float32), offset)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[200, 65535]])
    for unknown in (None, Calibration(focal=600)):
        with pytest.raises(ValueError, match="focal and baseline"):
            codec.read(path, unknown)


def test_a_fixed_rig_is_not_overruled(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "d.png", np.array([[200]], np.uint16))
    np.testing.assert_allclose(CENTIMETRES.read(path, Calibration(600, 0.1)), [[50]], rtol=1e-6)


def test_too_far_is_put_at_the_end_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "d.png"
    with caplog.at_level(logging.WARNING):
        CENTIMETRES.write(path, np.array([[0.1, 0.01, 5.0, 0.0, 1e6]], np.float32), None)
    assert "2 pixels put at 655.34 m" in caplog.text
    np.testing.assert_array_equal(
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[65534, 65534, 2000, 65535, 1]]
    )


@pytest.mark.parametrize("codec", [CENTIMETRES, CARLA], ids=["centimetres", "carla"])
def test_the_step_bounds_what_storing_costs(tmp_path: Path, codec: Any) -> None:
    disparity = np.exp(np.random.default_rng(0).uniform(np.log(0.01), np.log(200), (60, 70)))
    disparity = disparity.astype(np.float32)
    path = tmp_path / "d.png"
    codec.write(path, disparity, None)
    error = np.abs(codec.read(path, None) - disparity)
    bound = codec.steps(disparity) / 2
    assert (error <= bound * (1 + 1e-5)).all()
    near = disparity > 2
    assert error[near].max() > 0.5 * bound[near].max()  # and is no looser than it has to be


def test_metres_as_npy(tmp_path: Path) -> None:
    codec = depth_codec(DEPTH_NPY, RIG)
    path = tmp_path / "d.npy"
    for dtype in (np.float16, np.float32, np.float64):
        np.save(path, np.array([[0.5, 20, 10000, np.inf, np.nan, 0, -1]], dtype))
        np.testing.assert_allclose(codec.read(path, None), [[200, 5, 0.01, 0, 0, 0, 0]], rtol=1e-3)
    codec.write(path, np.array([[4.0, 0.0]], np.float32), None)
    np.testing.assert_array_equal(np.load(path), [[25, np.inf]])


def test_floats_in_four_channels(tmp_path: Path) -> None:
    depth = np.array([[1.5, 40.0, 1e4, np.inf]], np.float32)
    path = write_raw(tmp_path / "d.png", depth[..., None].view(np.uint8))  # OpenCV's order is the file's here
    codec = depth_codec(DEPTH_FLOAT_PNG, RIG)
    np.testing.assert_allclose(codec.read(path, None), [[100 / 1.5, 2.5, 0.01, 0]], rtol=1e-6)
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
        codec.read(path, None)


@pytest.mark.parametrize("codec", [CENTIMETRES, CARLA, SINTEL_DISPARITY, png16(32)])
def test_a_cut_image_is_named(tmp_path: Path, codec: Any) -> None:
    path = tmp_path / "cut.png"
    codec.write(path, np.random.default_rng(0).uniform(1, 90, (20, 30)).astype(np.float32), None)
    half(path)
    with pytest.raises(FormatError, match=r"cut\.png: truncated"):
        codec.read(path, None)
    path.unlink()
    with pytest.raises(DataError, match=r"cut\.png: no such file"):
        codec.read(path, None)


# --- numbers of 24 bits, sizes ------------------------------------------------------------------------


@pytest.mark.parametrize(("red", "expected"), [("low", 3 + 2 * 256 + 1 * 65536), ("high", 1 + 512 + 196608)])
def test_numbers_of_24_bits(tmp_path: Path, red: Any, expected: int) -> None:
    path = write_raw(tmp_path / "n.png", np.array([[[1, 2, 3]]], np.uint8))  # blue 1, green 2, red 3
    np.testing.assert_array_equal(read_rgb24(path, red), [[expected]])
    numbers = np.array([[0, 1, 256, 65536, 2**24 - 1, expected]])
    write_rgb24(path, numbers, red)
    np.testing.assert_array_equal(read_rgb24(path, red), numbers)


def test_channels_and_size_are_as_stored(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
    write_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_channels(tmp_path / "a.png"), image)
    write_image(tmp_path / "a.jpg", image[..., :3])
    assert read_size(tmp_path / "a.png") == read_size(tmp_path / "a.jpg") == (6, 5)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(FormatError, match=r"text\.png"):
        read_size(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        read_size(tmp_path / "gone.png")


# --- CREStereo, Sintel, UnrealStereo4K ----------------------------------------------------------------


def test_crestereo_stores_32nds(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "d.png", np.array([[0, 1, 32, 3200, 65535]], np.uint16))
    np.testing.assert_array_equal(png16(32).read(path, None), [[0, 0.03125, 1, 100, 2047.96875]])
    png16(32).write(path, np.array([[0, 2.5, 1e-4]], np.float32), None)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[0, 80, 1]])


def test_sintel_stores_fours_64ths_and_16384ths(tmp_path: Path) -> None:
    rgb = np.array([[[0, 0, 0], [25, 32, 0], [0, 0, 1], [1, 1, 128], [255, 255, 255]]], np.uint8)
    path = write_raw(tmp_path / "d.png", rgb[..., ::-1])
    expected = np.array([[0, 100.5, 2**-14, 4 + 2**-6 + 2**-7, 1024 - 2**-14]])
    np.testing.assert_allclose(SINTEL_DISPARITY.read(path, None), expected, rtol=1e-7)
    SINTEL_DISPARITY.write(path, np.array([[0, 100.5, 1e-9]], np.float32), None)
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], [[[0, 0, 0], [25, 32, 0], [0, 0, 1]]])


def test_sintel_says_when_it_cuts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        SINTEL_DISPARITY.write(tmp_path / "d.png", np.array([[1024.0, 2000.0, 8.0]], np.float32), None)
    assert "2 pixels cut" in caplog.text
    np.testing.assert_allclose(SINTEL_DISPARITY.read(tmp_path / "d.png", None), [[1024, 1024, 8]], rtol=1e-6)


def test_sintel_sees_what_neither_mask_covers(tmp_path: Path) -> None:
    hidden, outside = (
        tmp_path / folder / "alley_1" / "frame_0001.png" for folder in ("occlusions", "outofframe")
    )
    for path, mask in ((hidden, [[255, 0, 0, 255]]), (outside, [[0, 255, 0, 255]])):
        write_image(path, np.array(mask, np.uint8))
    np.testing.assert_array_equal(SINTEL_NOC.read(hidden), [[False, False, True, False]])
    write_image(outside, np.zeros((2, 4), np.uint8))
    with pytest.raises(FormatError, match=r"outofframe.*\(2, 4\).*occlusions.*\(1, 4\)"):
        SINTEL_NOC.read(hidden)
    write_image(outside, np.zeros((1, 4), np.uint16))
    with pytest.raises(FormatError, match=r"outofframe.*mask of 8 bits"):
        SINTEL_NOC.read(hidden)
    outside.unlink()
    with pytest.raises(DataError, match=r"outofframe.*no such file"):
        SINTEL_NOC.read(hidden)


def test_sintel_masks_tell_the_two_reasons_apart(tmp_path: Path) -> None:
    path = tmp_path / "occlusions" / "alley_1" / "frame_0001.png"
    disparity = np.array([[3.0, 0.5, 1.0, 0.0]], np.float32)
    noc = np.array([[False, True, False, False]])
    SINTEL_NOC.write(path, disparity, noc)
    outside = tmp_path / "outofframe" / "alley_1" / "frame_0001.png"
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[0, 0, 255, 255]])
    np.testing.assert_array_equal(cv2.imread(str(outside), cv2.IMREAD_UNCHANGED), [[255, 0, 0, 0]])


def test_npy_disparity_is_zero_where_unknown(tmp_path: Path) -> None:
    path = tmp_path / "d.npy"
    np.save(path, np.array([[0, np.inf, np.nan, -2, 511.25]], np.float32))
    found = NPY.read(path, None)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 0, 0, 0, 511.25]])
    np.save(path, np.full((2, 3), -1.0, np.float32))
    with pytest.raises(FormatError, match=r"d\.npy: all disparities are negative"):
        NPY.read(path, None)


def test_npy_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "d.npy"
    write_npy(path, np.ones((20, 30), np.float32))
    whole = path.read_bytes()
    for kept in (-1, len(whole) // 2, 40, 7):
        path.write_bytes(whole[:kept])
        with pytest.raises(FormatError, match=r"d\.npy: not a whole .npy array"):
            read_npy(path)
    for data in (b"", b"PK\x03\x04 an archive", b"text"):
        path.write_bytes(data)
        with pytest.raises(FormatError, match=r"d\.npy: not a whole .npy array"):
            read_npy(path)
    for wrong in (np.zeros((2, 3, 4)), np.zeros((2, 3), complex), np.zeros(5)):
        np.save(path, wrong)
        with pytest.raises(FormatError, match=r"d\.npy: a map of numbers .* was expected"):
            read_npy(path)
    np.save(path, np.array([[{}]]), allow_pickle=True)
    with pytest.raises(FormatError, match=r"d\.npy"):
        read_npy(path)
    with pytest.raises(DataError, match="no such file"):
        read_npy(tmp_path / "gone.npy")
