"""Every form of calibration file states the same rig; what cannot be is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import FormatError, UserError
from dsmnet.io import (
    read_calibration,
    read_cameras,
    write_calibration,
    write_kalibr_rig,
    write_kitti_rig,
    write_opencv_rig,
    write_ros_rig,
)
from dsmnet.types import Calibration, StereoRig
from tests.io.stereo_rigs import (
    FISHEYE,
    FORMS,
    LENS,
    RIG,
    SIZE,
    kalibr,
    kitti,
    opencv,
    opencv_matrix,
    opencv_two_files,
    ros,
    same,
    turned,
    zed,
)


@pytest.mark.parametrize("form", FORMS)
def test_rig_of_every_form_is_the_same(form: str, tmp_path: Path) -> None:
    paths = FORMS[form](tmp_path)
    found = read_cameras(paths, SIZE)
    assert isinstance(found, StereoRig)
    same(found, RIG)


@pytest.mark.parametrize("form", FORMS)
def test_rig_of_another_size_is_scaled(form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = read_cameras(FORMS[form](tmp_path), (360, 640))
    half = np.diag([0.5, 0.5, 1])
    half[:2, 2] = -0.25
    for one, whole in zip(found[:2], RIG[:2], strict=True):
        np.testing.assert_allclose(one.matrix, half @ whole.matrix, atol=1e-9)
        assert one.size == (360, 640)
    np.testing.assert_allclose(found.translation, RIG.translation, atol=1e-9)
    assert "scaled by" in caplog.text


@pytest.mark.parametrize("form", FORMS)
def test_rig_of_another_shape_is_refused(form: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="another shape"):
        read_cameras(FORMS[form](tmp_path), (480, 640))


def write_and_read(kind: str, rig: StereoRig, folder: Path) -> StereoRig:
    if kind == "ros":
        write_ros_rig(folder / "left.yaml", folder / "right.yaml", rig)
        return read_cameras([folder / "left.yaml", folder / "right.yaml"])
    write = {"kalibr.yaml": write_kalibr_rig, "kitti.txt": write_kitti_rig}.get(kind, write_opencv_rig)
    write(folder / kind, rig)
    return read_cameras(folder / kind)


RATIONAL = RIG._replace(
    left=RIG.left._replace(distortion=np.array([0.7, 0.1, -2e-5, -8e-5, 0.0013, 1.06, 0.265, 0.0128]))
)


@pytest.mark.parametrize("kind", ["a.yml", "a.xml", "a.json", "ros", "kalibr.yaml", "kitti.txt"])
@pytest.mark.parametrize("lens", ["radtan", "fisheye", "rational"])
def test_write_rig_is_read_back_or_refused(kind: str, lens: str, tmp_path: Path) -> None:
    rig = {"radtan": RIG, "fisheye": FISHEYE, "rational": RATIONAL}[lens]
    rig = rig._replace(translation=rig.translation * 20)  # 2.4 m, which a unit has to tell from millimetres
    if (kind[:3], lens) in (("kal", "rational"), ("kit", "rational"), ("kit", "fisheye")):
        with pytest.raises(ValueError, match="holds"):
            write_and_read(kind, rig, tmp_path)
        return
    found = write_and_read(kind, rig, tmp_path)
    same(found, rig)
    same(write_and_read(kind, found, tmp_path), found)


def test_write_calibration_is_read_back(tmp_path: Path) -> None:
    calibration = Calibration(
        1038.01812345678, 0.176252123456789, 322.037123456789, 243.393123456789, 53.271, 73
    )
    write_calibration(tmp_path / "calib.txt", calibration, SIZE)
    found = read_calibration(tmp_path / "calib.txt")
    np.testing.assert_allclose(found, calibration, rtol=0, atol=1e-9)
    assert read_cameras(tmp_path / "calib.txt", SIZE) == found


def test_fisheye_and_rational_lenses_are_read(tmp_path: Path) -> None:
    same(read_cameras(kalibr(tmp_path, FISHEYE)), FISHEYE)
    same(read_cameras(ros(tmp_path, FISHEYE, "equidistant")), FISHEYE)
    same(read_cameras(opencv(tmp_path, FISHEYE)), FISHEYE)
    same(read_cameras(ros(tmp_path, RATIONAL, "rational_polynomial")), RATIONAL)
    (path,) = zed(tmp_path)
    values = dict(
        zip(("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"), RATIONAL.left.distortion, strict=True)
    )
    text = path.read_text()
    path.write_text(text + "[LEFT_DISTO]\n" + "".join(f"{key} = {x:.17g}\n" for key, x in values.items()))
    same(read_cameras(path, SIZE), RATIONAL)
    fisheye = "[{}_DISTO]\nk1={}\nk2={}\nk3={}\nk4={}\nk5=0\nk6=0\np1=0\np2=0\n"
    path.write_text(text + fisheye.format("LEFT", *LENS[:4]) + fisheye.format("RIGHT", *(LENS[:4] * 0.9)))
    same(read_cameras(path, SIZE), FISHEYE)


def test_files_of_both_say_by_their_shape_which_images_are_meant(tmp_path: Path) -> None:
    paths, baseline = kitti(tmp_path), float(np.linalg.norm(RIG.translation))
    after = Calibration(650, pytest.approx(baseline), 620, 350, 0)
    assert read_cameras(paths, (375, 1242)) == read_calibration(paths, size=(375, 1242)) == after
    with pytest.raises(FormatError, match="made for views of 1242x375"):
        read_calibration(paths, size=SIZE)
    assert read_calibration(opencv_two_files(tmp_path), size=SIZE) == after
    assert read_calibration(ros(tmp_path), size=SIZE) == after
    with pytest.raises(FormatError, match=r"camchain\.yaml: cameras with distortion, rotation"):
        read_calibration(kalibr(tmp_path), size=SIZE)


IDEAL = RIG._replace(
    left=RIG.left._replace(matrix=np.array([[700.0, 0, 640], [0, 700, 350], [0, 0, 1]])),
    right=RIG.right._replace(matrix=np.array([[700.0, 0, 655], [0, 700, 350], [0, 0, 1]])),
    rotation=np.eye(3),
    translation=np.array([-0.12, 0, 0]),
)


def test_cameras_without_distortion_and_rotation_are_rectified(tmp_path: Path) -> None:
    without = [camera._replace(distortion=np.zeros(5)) for camera in IDEAL[:2]]
    ideal = IDEAL._replace(left=without[0], right=without[1])
    for write in (kalibr, opencv):
        assert read_cameras(write(tmp_path, ideal), (360, 640)) == Calibration(
            350, pytest.approx(0.12), 319.75, 174.75, 7.5
        )
        assert isinstance(read_cameras(write(tmp_path, IDEAL), SIZE), StereoRig)
        assert isinstance(
            read_cameras(write(tmp_path, ideal._replace(rotation=RIG.rotation)), SIZE), StereoRig
        )
    fisheye = [camera._replace(distortion=np.zeros(4), fisheye=True) for camera in IDEAL[:2]]
    assert isinstance(read_cameras(kalibr(tmp_path, StereoRig(*fisheye, *ideal[2:]))), StereoRig)


def test_rectified_cameras_of_opencv(tmp_path: Path) -> None:
    """P1 and P2, or Q alone, which states no size."""
    _, _, left, right = turned(RIG)
    right[0, 2] += 12
    right[0, 3] *= 1000
    baseline = float(np.linalg.norm(RIG.translation))
    expected = Calibration(650, pytest.approx(baseline), 620, 350, pytest.approx(12))
    path = tmp_path / "q.yml"
    path.write_text("%YAML:1.0\n" + opencv_matrix("P1", left) + opencv_matrix("P2", right))
    assert read_cameras(path, SIZE) == expected
    q = np.array([[1, 0, 0, -620], [0, 1, 0, -350], [0, 0, 0, 650], [0, 0, 1 / baseline, 12 / baseline]])
    path.write_text("%YAML:1.0\n" + opencv_matrix("Q", q))
    assert read_calibration(path, size=SIZE) == read_cameras(path) == expected
    right[1, 3], right[0, 3] = right[0, 3], 0
    (tmp_path / "above.yml").write_text(
        "%YAML:1.0\n" + opencv_matrix("P1", left) + opencv_matrix("P2", right)
    )
    with pytest.raises(FormatError, match="one above the other"):
        read_cameras(tmp_path / "above.yml")
    for size in ((360, 640), (1440, 2560)):
        with pytest.raises(FormatError, match=r"q\.yml: states no size.*620, 350"):
            read_cameras(path, size)


def test_realsense_gives_the_rectified_infrared_images(tmp_path: Path) -> None:
    path = tmp_path / "d435.json"
    table = {
        "fx": ("957.2", "638.136"),
        "fy": ("957.2", "638.136"),
        "ppx": ("971.8", "647.89"),
        "ppy": ("527.9", "351.9"),
    }
    table |= {"width": ("1920", "1280"), "height": ("1080", "720")}
    rows = [f"rectified.{n}.{key}" + f'": "{value[n]}' for key, value in table.items() for n in (0, 1)]
    path.write_text('{"baseline": "-50.0648", "' + '", "'.join(rows) + '"}')
    assert read_cameras(path, SIZE) == Calibration(638.136, pytest.approx(0.0500648), 647.89, 351.9)


def test_empty_distortion_is_none_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    without = [camera._replace(distortion=np.zeros(4)) for camera in RIG[:2]]
    paths = ros(tmp_path)
    for path in paths:
        text = path.read_text()
        start, end = text.index("distortion_coefficients"), text.index("rectification_matrix")
        path.write_text(
            f"{text[:start]}distortion_coefficients: {{rows: 0, cols: 0, data: []}}\n{text[end:]}"
        )
    same(read_cameras(paths), StereoRig(*without, *RIG[2:]))
    (path,) = opencv(tmp_path)
    path.write_text(path.read_text().replace("cols: 5", "cols: 4"))
    with pytest.raises(FormatError, match="d1, but"):
        read_cameras(path)


def test_units_are_told_assumed_or_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    same(read_cameras(opencv(tmp_path, scale=1000)), RIG)
    assert "taken to be in millimetres" in caplog.text
    for scale, unit in ((100, "cm"), (1000, "mm"), (1, "m")):
        same(read_cameras(opencv(tmp_path, scale=scale), unit=unit), RIG)
    for scale in (20, 100, 0.01):  # 2.4, 12 and 0.0012
        with pytest.raises(FormatError, match=r"stereo\.yml: t, but .*unit=m, cm or mm"):
            read_cameras(opencv(tmp_path, scale=scale))
    with pytest.raises(UserError, match="unit"):
        read_cameras(opencv(tmp_path), unit="inch")
