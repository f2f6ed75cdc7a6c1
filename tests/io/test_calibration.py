"""Calibration files of Middlebury, KITTI and Argoverse, scaled to the views' size, written and read back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import FormatError
from dsmnet.io import read_calibration, write_calibration, write_image, write_kitti_calibration
from dsmnet.io.argoverse_calibration import read_argoverse_calibration, write_argoverse_calibration
from dsmnet.io.calibration import kitti_cameras
from dsmnet.types import Calibration

RNG = np.random.default_rng(0)


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
    lines = [f"P{i}: 700 0 15 {-700 * x} 0 700 10 0 0 0 1 0" for i, x in enumerate((0, 0.54, -0.06, 0.47))]
    (tmp_path / "calib.txt").write_text("\n".join(lines))
    for name, baseline in (("image_0", 0.54), ("image_2", 0.53)):
        path = tmp_path / name / "000000_10.png"
        write_image(path, image)
        pair = PairFiles("x", path, path, tmp_path / "calib.txt")
        loaded = load_pair(ImagePairs([pair]), pair)
        assert loaded.calibration is not None
        assert loaded.calibration.baseline == pytest.approx(baseline)


CAMERAS = {
    "image_raw_ring_front_center": {"focal_length_x_px_": 1.0},
    "image_raw_stereo_front_left_rect": {
        "focal_length_x_px_": 4000.0, "focal_center_x_px_": 937.5, "focal_center_y_px_": 1063.25, "Txf_": 0,
    },
    "image_raw_stereo_front_right_rect": {
        "focal_length_x_px_": 4000.0, "focal_center_x_px_": 939.5, "focal_center_y_px_": 1063.25,
        "Txf_": -1200.0,
    },
}  # fmt: skip


def test_argoverse_calibration_by_hand(tmp_path: Path) -> None:
    entries = [{"key": key, "value": value} for key, value in CAMERAS.items()]
    path = tmp_path / "calib.json"
    path.write_text(json.dumps({"camera_data_": entries}))
    found = read_argoverse_calibration(path)
    assert found == Calibration(focal=4000, baseline=0.3, cx=937.5, cy=1063.25, doffs=2)
    write_argoverse_calibration(tmp_path / "new" / "calib.json", found, (2056, 2464))
    assert read_argoverse_calibration(tmp_path / "new" / "calib.json") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a calibration"),
        ('{"camera_data_": [', "not a calibration"),
        ("[]", "not a calibration"),
        ("{}", "no entry 'camera_data_'"),
        ('{"camera_data_": []}', "no entry 'image_raw_stereo_front_left_rect'"),
        (json.dumps({"camera_data_": [{"key": key, "value": {}} for key in CAMERAS]}), "no entry 'focal_"),
        ('{"camera_data_": 3}', "not a calibration"),
    ],
)
def test_a_broken_calibration_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "calib.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=f"{re.escape(str(path))}: .*{message}"):
        read_argoverse_calibration(path)
