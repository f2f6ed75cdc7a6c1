"""What predict makes of calibrations of other views, of other cameras, and of none at all."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from dsmnet.inference.batch import predict_files
from dsmnet.inference.files import ResultWriter
from dsmnet.io import write_image
from dsmnet.io.pairs import PairFiles
from dsmnet.types import Matcher

SIZE = (187, 225)
MIDDLEBURY = """cam0=[1500 0 199; 0 1500 187; 0 0 1]
cam1=[1500 0 251; 0 1500 187; 0 0 1]
doffs=52
baseline=80
width=450
height=375
ndisp=64
"""
KITTI = """P0: 700 0 110 0 0 700 90 0 0 0 1 0
P1: 700 0 110 -385 0 700 90 0 0 0 1 0
P2: 700 0 110 42 0 700 90 0 0 0 1 0
P3: 700 0 110 -329 0 700 90 0 0 0 1 0
"""
SINGULAR = KITTI.replace("P2: 700 0 110 42 0 700 90", "P2: 700 700 0 42 700 700 0")


class Twenty(Matcher):
    """A disparity of 20 px everywhere; keeps the views."""

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        self.views = left, right
        return np.full(left.shape[:2], 20, np.float32)


def pair(root: Path, folder: str, calibration: str, name: str = "a") -> PairFiles:
    path = root / folder / f"{name}.png"
    write_image(path, np.zeros((*SIZE, 3), np.uint8))
    (root / f"{name}.txt").write_text(calibration)
    return PairFiles(name, path, path, root / f"{name}.txt")


def depth(folder: Path, name: str = "a") -> float:
    """Metres, in the middle."""
    stored = cv2.imread(str(folder / f"{name}_depth.png"), cv2.IMREAD_UNCHANGED)
    return float(stored[SIZE[0] // 2, SIZE[1] // 2]) / 1000


@pytest.mark.parametrize(
    ("folder", "calibration", "expected"),
    [
        ("left", MIDDLEBURY, 60 / 46),  # 1.667 m, were the half-size views taken for whole ones
        ("image_0", KITTI, 385 / 20),
        ("image_2", KITTI, 371 / 20),
        ("colored_0", KITTI, 385 / 20),
    ],
)
def test_depth_is_that_of_the_views_that_are_matched(
    tmp_path: Path, folder: str, calibration: str, expected: float
) -> None:
    out = tmp_path / "out"
    predict_files(Twenty(), [pair(tmp_path, folder, calibration)], ResultWriter(out))
    assert depth(out) == pytest.approx(expected, abs=1e-3)


def test_a_singular_calibration_fails_its_pair_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [pair(tmp_path, "image_2", SINGULAR, "a"), pair(tmp_path, "image_2", KITTI, "b")]
    with caplog.at_level(logging.ERROR):
        tally = predict_files(Twenty(), pairs, ResultWriter(tmp_path / "out"))
    assert (tally.done, tally.failed) == (1, ["a"])
    assert "a.txt" in caplog.text


def test_views_that_ask_to_be_turned_are_matched_as_stored(tmp_path: Path) -> None:
    matcher = Twenty()
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    exif = PilImage.Exif()
    exif[274] = 6
    PilImage.fromarray(image).save(tmp_path / "l.png", exif=exif)
    PilImage.fromarray(image).save(tmp_path / "r.png")
    files = PairFiles("a", tmp_path / "l.png", tmp_path / "r.png")
    assert predict_files(matcher, [files], ResultWriter(tmp_path / "out")).done == 1
    for view in matcher.views:
        np.testing.assert_array_equal(view, image)
