"""Images, disparity maps and calibration files against other libraries and against what was written."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import (
    read_calibration,
    read_disparity,
    read_grey,
    read_image,
    write_calibration,
    write_disparity_png8,
    write_disparity_png16,
    write_image,
    write_kitti_calibration,
    write_pfm,
)
from dsmnet.types import Calibration

# --- images -------------------------------------------------------------------------------------------

RGB = np.random.default_rng(1).integers(0, 256, (6, 5, 3), np.uint8)
GREY = RGB[..., 0]
WIDE = np.random.default_rng(2).integers(0, 65536, (6, 5, 3)).astype(np.uint16)


def pil_bytes(image: PilImage.Image, kind: str = "PNG", **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def palette_image() -> tuple[PilImage.Image, NDArray[np.uint8]]:
    colors = np.random.default_rng(3).integers(0, 256, (16, 3), np.uint8)
    indices = np.random.default_rng(4).integers(0, 16, (6, 5), np.uint8)
    image = PilImage.fromarray(indices, "P")
    image.putpalette(colors.tobytes())
    return image, colors[indices]


def repeated(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)


ALPHA = np.full((6, 5, 1), 77, np.uint8)
IMAGES = {
    "rgb8": (pil_bytes(PilImage.fromarray(RGB)), RGB),
    "grey8": (pil_bytes(PilImage.fromarray(GREY)), repeated(GREY)),
    "rgba8": (pil_bytes(PilImage.fromarray(np.concatenate([RGB, ALPHA], 2))), RGB),
    "grey_alpha8": (pil_bytes(PilImage.fromarray(np.concatenate([RGB[..., :1], ALPHA], 2))), repeated(GREY)),
    "palette": (pil_bytes(palette_image()[0]), palette_image()[1]),
    "grey16": (
        cv2.imencode(".png", WIDE[..., 0])[1].tobytes(),
        repeated((WIDE[..., 0] >> 8).astype(np.uint8)),
    ),
    "rgb16": (cv2.imencode(".png", WIDE[..., ::-1])[1].tobytes(), (WIDE >> 8).astype(np.uint8)),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_every_png_becomes_rgb_of_8_bits(tmp_path: Path, kind: str) -> None:
    data, expected = IMAGES[kind]
    path = tmp_path / "ä image.png"  # a name that is not ASCII
    path.write_bytes(data)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_is_read_as_pillow_reads_it(tmp_path: Path, grey: bool) -> None:
    smooth = np.mgrid[0:160:10, 0:240:10].sum(0).astype(np.uint8)
    source = smooth if grey else np.stack([smooth, 255 - smooth, smooth // 2], 2)
    data = pil_bytes(PilImage.fromarray(source), "JPEG", quality=95)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    expected = np.asarray(PilImage.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(read_image(path).astype(int) - expected).max() <= 3  # two decoders may round apart


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.9, -1])
def test_a_cut_image_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (40, 50, 3), np.uint8)
    data = cv2.imencode(suffix, noise)[1].tobytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[:-1] if kept < 0 else data[: int(len(data) * kept)])
    with pytest.raises(FormatError, match=rf"cut\{suffix}"):
        read_image(path)


def test_a_damaged_png_is_refused(tmp_path: Path) -> None:
    data = bytearray(
        cv2.imencode(".png", np.random.default_rng(6).integers(0, 256, (40, 50, 3), np.uint8))[1]
    )
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path = tmp_path / "damaged.png"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"damaged\.png"):
        read_image(path)


@pytest.mark.parametrize("data", [b"", b"hello, this is no image\n" * 20])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"text\.png"):
        read_image(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.png: no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)


def test_grey_keeps_stored_values_and_refuses_color(tmp_path: Path) -> None:
    write_image(tmp_path / "wide.png", WIDE[..., 0])
    np.testing.assert_array_equal(read_grey(tmp_path / "wide.png"), WIDE[..., 0])
    write_image(tmp_path / "equal.png", repeated(GREY))
    np.testing.assert_array_equal(read_grey(tmp_path / "equal.png"), GREY)
    write_image(tmp_path / "rgb.png", RGB)
    with pytest.raises(FormatError, match=r"rgb\.png.*color"):
        read_grey(tmp_path / "rgb.png")


# --- disparity ----------------------------------------------------------------------------------------


def test_png16_stores_256ths(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    disparity = np.array([[0.0, 1.0, 100.5], [255.99609375, 1 / 1024, 3.0]], np.float32)
    write_disparity_png16(path, disparity)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, [[0, 256, 25728], [65535, 1, 768]])  # tiny, yet known: not 0
    np.testing.assert_allclose(read_disparity(path), disparity, atol=1 / 256)


def test_png16_of_unknown_values_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    write_disparity_png16(path, np.array([[np.inf, np.nan, -3.0, 2.0]], np.float32))
    np.testing.assert_array_equal(read_disparity(path), [[0, 0, 0, 2]])


def test_png16_says_when_it_cuts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "d.png"
    with caplog.at_level(logging.WARNING):
        write_disparity_png16(path, np.array([[300.0, 256.0, 200.0]], np.float32))
    assert "2 pixels" in caplog.text
    np.testing.assert_array_equal(read_disparity(path), np.array([[65535, 65535, 51200]], np.float32) / 256)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_png8_stores_multiples(tmp_path: Path, scale: int) -> None:
    path = tmp_path / "d.png"
    disparity = np.array([[0, 10, 85]], np.float32)
    write_disparity_png8(path, disparity, scale)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored, [[0, 10 * scale, 85 * scale]])
    np.testing.assert_allclose(read_disparity(path, scale), disparity, rtol=1e-6)


def test_png8_without_a_scale_asks_for_it(tmp_path: Path) -> None:
    write_image(tmp_path / "d.png", GREY)
    with pytest.raises(UserError, match=r"d\.png.*8-bit.*scale"):
        read_disparity(tmp_path / "d.png")
    with pytest.raises(UserError, match="positive"):
        read_disparity(tmp_path / "d.png", 0.0)


def test_pfm_disparity_is_zero_where_unknown(tmp_path: Path) -> None:
    path = tmp_path / "d.PFM"
    write_pfm(path, np.array([[np.inf, np.nan, -1.0, -np.inf, 0.0, 4.5]], np.float32))
    disparity = read_disparity(path)
    assert disparity.dtype == np.float32
    np.testing.assert_array_equal(disparity, [[0, 0, 0, 0, 0, 4.5]])
    with pytest.raises(UserError, match=r"d\.PFM.*scale"):
        read_disparity(path, 3)


def test_disparity_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    write_pfm(tmp_path / "negative.pfm", np.full((2, 2), -3.0, np.float32))
    with pytest.raises(FormatError, match="negative"):
        read_disparity(tmp_path / "negative.pfm")
    write_pfm(tmp_path / "flow.pfm", np.zeros((2, 2, 3), np.float32))
    with pytest.raises(FormatError, match="3 channels"):
        read_disparity(tmp_path / "flow.pfm")
    write_image(tmp_path / "picture.png", RGB)
    with pytest.raises(FormatError, match="color"):
        read_disparity(tmp_path / "picture.png", 3)
    with pytest.raises(FormatError, match=r"a\.tif"):
        read_disparity(tmp_path / "a.tif")


# --- calibration --------------------------------------------------------------------------------------

MIDDLEBURY = """cam0=[ 900.5 0 350.25 ; 0 900.5 240 ; 0 0 1 ]\r
cam1=[ 900.5 0 380.25 ; 0 900.5 240 ; 0 0 1 ]
 doffs= 30
 baseline= 180.5
width= 700
 height= 480
ndisp= 70
 isint= 0
"""
KITTI = """P0: 7e+02 0 6e+02 0 0 7e+02 1.8e+02 0 0 0 1 0
P1: 7e+02 0 6e+02 -3.85e+02 0 7e+02 1.8e+02 0 0 0 1 0
P2: 7e+02 0 6e+02 4.2e+01 0 7e+02 1.8e+02 0 0 0 1 0
P3: 7e+02 0 6.1e+02 -3.29e+02 0 7e+02 1.8e+02 0 0 0 1 0
"""


def write_text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_middlebury_calibration(tmp_path: Path) -> None:
    found = read_calibration(write_text(tmp_path / "calib.txt", MIDDLEBURY))
    assert found == Calibration(900.5, pytest.approx(0.1805), 350.25, 240, 30, 70)


def test_missing_doffs_follow_from_the_cameras(tmp_path: Path) -> None:
    text = MIDDLEBURY.replace(" doffs= 30\n", "")
    assert read_calibration(write_text(tmp_path / "calib.txt", text)).doffs == 30


def test_ndisp_that_is_the_width_bounds_nothing(tmp_path: Path) -> None:
    text = MIDDLEBURY.replace("ndisp= 70\n", "ndisp= 700\n")
    assert read_calibration(write_text(tmp_path / "calib.txt", text)).max_disparity is None


def test_kitti_calibration_of_either_pair_of_cameras(tmp_path: Path) -> None:
    path = write_text(tmp_path / "000000.txt", KITTI)
    assert read_calibration(path, (0, 1)) == Calibration(700, pytest.approx(0.55), 600, 180)
    assert read_calibration(path) == Calibration(700, pytest.approx((42 + 329) / 700), 600, 180, 10)
    renamed = write_text(tmp_path / "2015.txt", "corner_dist: 9.95e-02\n" + KITTI.replace("P", "P_rect_0"))
    assert read_calibration(renamed) == read_calibration(path)


def test_kitti_cameras_off_the_plane_are_resolved(tmp_path: Path) -> None:
    """P[0, 3] holds f tx + cx tz, not f tx alone."""
    left = np.array([[700, 0, 600], [0, 700, 180], [0, 0, 1.0]]) @ np.array(
        [[1, 0, 0, 0.06], [0, 1, 0, 0], [0, 0, 1, 0.004]]
    )
    right = np.array([[700, 0, 600], [0, 700, 180], [0, 0, 1.0]]) @ np.array(
        [[1, 0, 0, -0.47], [0, 1, 0, 0], [0, 0, 1, 0.005]]
    )
    lines = [f"P{n}: {' '.join(map(str, matrix.ravel()))}" for n, matrix in ((2, left), (3, right))]
    path = write_text(tmp_path / "000000.txt", "\n".join(lines))
    assert read_calibration(path).baseline == pytest.approx(0.53)


def test_calibrations_written_are_read_back(tmp_path: Path) -> None:
    calibration = Calibration(901.25, 0.15, 320.5, 241.75, 12.5, 64)
    write_calibration(tmp_path / "calib.txt", calibration, (480, 640))
    assert read_calibration(tmp_path / "calib.txt") == pytest.approx(calibration)
    unbounded = calibration._replace(max_disparity=None)
    write_calibration(tmp_path / "eth3d.txt", unbounded, (480, 640))
    assert read_calibration(tmp_path / "eth3d.txt").max_disparity is None
    write_kitti_calibration(tmp_path / "000000.txt", unbounded, cameras=(0, 1))
    found = read_calibration(tmp_path / "000000.txt", (0, 1))
    assert found[:5] == pytest.approx(unbounded[:5])
    with pytest.raises(ValueError, match="focal"):
        write_calibration(tmp_path / "no.txt", Calibration(), (480, 640))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "no calibration"),
        ("", "no calibration"),
        (MIDDLEBURY.replace("350.25", ""), "cam0.*9 number"),
        (MIDDLEBURY.replace("baseline= 180.5", "baseline= wide"), "baseline.*1 number"),
        (KITTI.replace("P3", "Q3"), "P3"),
        (KITTI.replace("6.1e+02 ", ""), "P3.*3x4"),
        (KITTI.replace("P2: 7e+02", "P2: 0"), "P2.*3x4"),
    ],
)
def test_calibration_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = write_text(tmp_path / "calib.txt", text)
    with pytest.raises(FormatError, match=rf"calib\.txt.*{message}"):
        read_calibration(path)
