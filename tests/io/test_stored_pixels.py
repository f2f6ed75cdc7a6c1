"""What the files of a user's own camera mean: orientation, bits, calibrations of another size, signs."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from dsmnet.errors import DataError, FormatError
from dsmnet.io import read_calibration, read_image, write_image, write_pfm
from dsmnet.io.calibration import kitti_cameras
from dsmnet.io.decoding import _said
from dsmnet.io.disparity_file import read_map
from dsmnet.io.images import read_grey, read_size, read_views

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _nothing_said() -> None:
    _said.clear()


def write_turned(path: Path, pixels: np.ndarray, orientation: int) -> None:
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    PilImage.fromarray(pixels).save(path, exif=exif, quality=100)


@pytest.mark.parametrize("orientation", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_read_image_with_an_orientation_gives_the_stored_pixels(
    suffix: str, orientation: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = cv2.GaussianBlur(RNG.integers(0, 256, (20, 30, 3), np.uint8), (0, 0), 3)
    write_turned(tmp_path / f"plain{suffix}", pixels, 1)
    path = tmp_path / f"turned{suffix}"
    write_turned(path, pixels, orientation)
    found = read_image(path)
    assert found.shape == (20, 30, 3)
    assert read_size(path) == (20, 30)
    np.testing.assert_allclose(found.astype(int), read_image(tmp_path / f"plain{suffix}").astype(int), atol=2)
    read_image(path)
    assert caplog.text.count(f"Orientation={orientation}") == (0 if orientation == 1 else 1)


def test_read_grey_with_an_orientation_gives_the_stored_pixels(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (20, 30), np.uint8)
    exif = PilImage.Exif()
    exif[0x0112] = 3
    PilImage.fromarray(pixels).save(tmp_path / "mask.png", exif=exif)
    np.testing.assert_array_equal(read_grey(tmp_path / "mask.png"), pixels)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_read_views_of_fewer_bits_in_16_keeps_all_grey_values(
    bits: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Divided by 256, ten bits would keep four grey values."""
    left = RNG.integers(0, 2**bits, (30, 40), np.uint16)
    left[0, 0] = 2**bits - 1
    right = left // 2  # a darker view is brought to 8 bits by the factor of the brighter one
    write_image(tmp_path / "left.png", left)
    write_image(tmp_path / "right.png", right)
    found = read_views(tmp_path / "left.png", tmp_path / "right.png")
    for stored, view in zip((left, right), found, strict=True):
        np.testing.assert_array_equal(view[..., 0], stored >> (bits - 8))
    read_views(tmp_path / "left.png", tmp_path / "right.png")
    assert caplog.text.count(f"that use {bits} bit") == (0 if bits == 16 else 1)


CALIB = """cam0=[900 0 225; 0 900 187; 0 0 1]
cam1=[900 0 255; 0 900 187; 0 0 1]
doffs=30
baseline=100
width=450
height=375
ndisp=60
"""


def test_read_calibration_of_another_size_is_scaled(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Views of half the size see half the disparity of a point: 20 px there are 40 px, not 20."""
    (tmp_path / "calib.txt").write_text(CALIB)
    whole = read_calibration(tmp_path / "calib.txt", size=(375, 450))
    half = read_calibration(tmp_path / "calib.txt", size=(188, 225))
    assert whole == read_calibration(tmp_path / "calib.txt")
    assert whole.focal is not None
    assert half.focal is not None
    assert (half.focal, half.cx, half.cy, half.doffs, half.max_disparity) == (450, 112.25, 93.25, 15, 30)
    assert half.baseline == whole.baseline == pytest.approx(0.1)
    depth = half.focal * 0.1 / (20 + half.doffs)
    assert depth == pytest.approx(900 * 0.1 / (40 + 30))
    assert "made for a width of 450, scaled by 0.5" in caplog.text


def test_read_calibration_of_another_shape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CALIB)
    with pytest.raises(FormatError, match=r"calib\.txt: made for views of 450x375, but they have 450x300"):
        read_calibration(tmp_path / "calib.txt", size=(300, 450))


def test_read_calibration_empty_entry_does_not_eat_the_next_line(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CALIB.replace("doffs=30", "doffs="))
    with pytest.raises(FormatError, match=r"doffs=, but 1 number"):
        read_calibration(tmp_path / "calib.txt")


@pytest.mark.parametrize(
    ("folder", "cameras"),
    [
        ("training/image_0", (0, 1)),
        ("image_00/data", (0, 1)),
        ("training/colored_0", (0, 1)),
        ("training/image_2", (2, 3)),
        ("image_02/data", (2, 3)),
        ("left", (2, 3)),
    ],
)
def test_kitti_cameras_follow_from_the_folder(folder: str, cameras: tuple[int, int]) -> None:
    assert kitti_cameras(Path(folder) / "000000_10.png") == cameras


def test_predict_depth_of_a_grey_kitti_pair_is_that_of_its_cameras(tmp_path: Path) -> None:
    from dsmnet.inference.batch import load_pair
    from dsmnet.inference.sources import ImagePairs
    from dsmnet.io.pairs import PairFiles

    image = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    lines = [f"P{i}: 700 0 600 {-700 * x} 0 700 180 0 0 0 1 0" for i, x in enumerate((0, 0.54, -0.06, 0.47))]
    (tmp_path / "calib.txt").write_text("\n".join(lines))
    for name, baseline in (("image_0", 0.54), ("image_2", 0.53)):
        path = tmp_path / name / "000000_10.png"
        write_image(path, image)
        pair = PairFiles("x", path, path, tmp_path / "calib.txt")
        loaded = load_pair(ImagePairs([pair]), pair)
        assert loaded.calibration is not None
        assert loaded.calibration.baseline == pytest.approx(baseline)


def test_read_map_with_negative_disparities_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.linspace(-9, 10, 100, dtype=np.float32).reshape(10, 10)
    for name in ("a", "b"):
        write_pfm(tmp_path / f"{name}.pfm", values)
        found = read_map(tmp_path / f"{name}.pfm")
        np.testing.assert_array_equal(found, np.maximum(values, 0))
    assert caplog.text.count("47 of 100 known disparities (47 %) are negative") == 1


def test_read_map_with_one_negative_mark_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pfm(tmp_path / "a.pfm", np.array([[-1, -1, 5, 6]], np.float32))
    np.testing.assert_array_equal(read_map(tmp_path / "a.pfm"), [[0, 0, 5, 6]])
    assert not caplog.text


def test_read_image_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: cannot be read \(not an ordinary file\)"):
        read_image(tmp_path / "a.png")


def test_read_image_of_many_scans_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.zeros((3000, 3000), np.uint8))[1].tobytes())
    data = path.read_bytes()
    scan = data.index(b"\xff\xda")
    path.write_bytes(data[:scan] + data[scan:-2] * 200 + data[-2:])
    with pytest.raises(FormatError, match="200 scans of 3000x3000 pixels are too many"):
        read_image(path)


def test_read_image_of_a_turned_tiff_is_refused(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    PilImage.fromarray(pixels).save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tiff"), pixels)
    write_turned(tmp_path / "b.tiff", pixels, 3)
    with pytest.raises(FormatError, match="Orientation=3 in a TIFF"):
        read_image(tmp_path / "b.tiff")
