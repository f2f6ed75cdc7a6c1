"""Calibration files that cannot be of two cameras, or are made to harm, are refused in one line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError
from dsmnet.io import read_calibration, read_cameras
from dsmnet.types import Calibration, StereoRig
from tests.io.stereo_rigs import FORMS, RIG, SIZE, kalibr, opencv, ros


def scaled(scale: float) -> StereoRig:
    return RIG._replace(translation=RIG.translation * scale)


def exchanged() -> StereoRig:
    return StereoRig(RIG.right, RIG.left, RIG.rotation.T, -RIG.rotation.T @ RIG.translation)


BENT = RIG._replace(rotation=RIG.rotation * 1.01)
REFUSED: dict[str, tuple[Callable[[Path], list[Path]], str]] = {
    "kalibr in mm": (lambda f: kalibr(f, scaled(1000)), "cam1.T_cn_cnm1, .*20 m .*119.989 m; in cm or mm"),
    "kalibr exchanged": (lambda f: kalibr(f, exchanged()), "T_cn_cnm1.*0.12 m left.*negative.*exchanged"),
    "ros exchanged": (lambda f: ros(f)[::-1], "projection_matrix.*exchanged"),
    "ros one file": (lambda f: ros(f)[:1], "left.yaml.*two files, left and right"),
    "ros same file twice": (lambda f: ros(f)[:1] * 2, "projection_matrix, but .*not 0 m"),
    "opencv zero baseline": (lambda f: opencv(f, scaled(0), scale=0), "t, but .* a baseline of 0"),
    "opencv no rotation": (lambda f: opencv(f, BENT), "r, but a rotation was expected"),
    "kalibr no rotation": (lambda f: kalibr(f, BENT), "cam1.T_cn_cnm1, but a rotation"),
}  # fmt: skip
EDITED = [
    ("opencv", "D1", "X1", "no entry d1"),
    ("opencv", "701.125, 0", "701.125", "m1, but 9 number"),
    ("opencv", "701.125", ".nan", "m1, but 9 number"),
    ("opencv xml", "<rows>", "<!DOCTYPE a><rows>", "document type"),
    ("opencv xml", "</K1>", "", "mismatched tag"),
    ("opencv xml", "701.125", "3.6", "k1, but .*focal lengths in pixels"),
    ("kalibr", "pinhole", "omni", "cam0.camera_model=omni"),
    ("kalibr", "radtan", "fov", "distortion_model=fov"),
    ("kalibr", "T_cn_cnm1", "x", "no entry cam1.T_cn_cnm1"),
    ("kalibr", "resolution: [1280", "resolution: [0", "states a size of 720x0"),
    ("kalibr", "intrinsics: [701.125", "intrinsics: [[1]", "cam0.intrinsics"),
    ("kalibr", "641.281", "1641.281", "principal point inside the images"),
    ("ros", "plumb_bob", "thin_prism", "left.yaml: distortion_model=thin_prism"),
    ("ros", "image_height: 720", "image_height: 72000000", "states a size"),
    ("zed", "Baseline=119.", "Baseline=0.119", "STEREO.baseline=.*5 mm to 20 m was expected, not 1.6.* mm"),
    ("zed", "CV_HD=-0.023", "CV_HD=-1.32", "cv_hd=-1.32, but .*radian"),
    ("zed", "RIGHT_CAM_HD", "RIGHT_CAM", "no entry RIGHT_CAM_HD"),
    ("kitti", "R_03:", "Q_03:", "no entry R_03"),
    ("kitti", "T_03: ", "T_03: x", "T_03=x"),
    ("oak", '"toCameraSocket": 2', '"toCameraSocket": -1', "socket 2"),
    ("oak", '"cameraType": 0', '"cameraType": 7', "cameraType"),
    ("oak", '"x": -11.99', '"x": -11990.', "not 119.9.* m"),
    ("realsense", "brown_conrady", "inverse_brown_conrady", "infrared1.model=distortion.inverse"),
    ("realsense", '"translation": [-0.1', '"translation": [-100.1', "extrinsics.translation.*20 m"),
]


@pytest.mark.parametrize("name", REFUSED)
def test_cameras_that_cannot_be_are_refused(name: str, tmp_path: Path) -> None:
    write, message = REFUSED[name]
    with pytest.raises(FormatError, match=message) as refused:
        read_cameras(write(tmp_path), SIZE)
    assert str(refused.value).startswith(str(tmp_path))


@pytest.mark.parametrize(("form", "old", "new", "message"), EDITED)
def test_a_wrong_entry_is_named(form: str, old: str, new: str, message: str, tmp_path: Path) -> None:
    paths = FORMS[form](tmp_path)
    text = paths[0].read_text()
    assert old in text
    paths[0].write_text(text.replace(old, new))
    with pytest.raises(FormatError, match=message) as refused:
        read_cameras(paths, SIZE)
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/[\w.]+: .*", str(refused.value))


def bomb(two: str) -> str:
    return "".join(f"a{i + 1}: &a{i + 1} {two.format(i)}\n" for i in range(40))


HOSTILE = {
    "deep yaml": "cam0: " + "[" * 100_000,
    "yaml tag": "cam0: !!python/object/apply:os.system ['touch /']\nM1: 1\n",
    "alias bomb": f"a0: &a0 [1, 1]\n{bomb('[*a{0}, *a{0}]')}M1: *a40\n",
    "merge bomb": f"a0: &a0 {{x: 1}}\n{bomb('{{<<: [*a{0}, *a{0}]}}')}M1: *a40\n",
    "entity bomb": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x><M1>&b;</M1></x>',
    "large matrix": "M1: !!opencv-matrix\n   rows: 1000000\n   cols: 1000000\n   dt: d\n   data: [ 1. ]\n",
    "sexagesimal": "M1: " + "1:" * 100_000 + "1",
    "large yaml": "M1: [" + "1, " * 300_000 + "1]",
    "long json": '{"M1": ' + "9" * 500_000 + "}",
    "deep json": '{"cameraData": ' + "[" * 200_000,
    "spaces": "cam0=[1" + " " * 500_000 + "y\nP2: 1" + " " * 400_000 + "x",
    "long line": "[STEREO]\nx" + " " * 500_000 + "y",
    "open comments": "<!--" * 200_000,
    "binary": "M1\0: 1",
    "list": "[1, 2, 3]",
    "empty": "",
    "words": "hello",
    "section": "[STEREO]\nBaseline\n",
    "oak of nothing": '{"cameraData": [[1, {}], [2, null]]}',
    "circle": '{"cameraData": 7}',
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.yml"
    path.write_text(HOSTILE[name])
    start = time.process_time()
    for read in (read_calibration, read_cameras):
        with pytest.raises(FormatError, match=r"^\S*hostile\.yml: [^\n]*$"):
            read(path)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("form", FORMS)
def test_truncations_and_mutations_are_read_or_refused(form: str, tmp_path: Path) -> None:
    paths = FORMS[form](tmp_path)
    rng = np.random.default_rng(0)
    for path in paths:
        whole = path.read_bytes()
        for index in range(45):
            data = bytearray(whole)
            if index % 3 == 0:
                del data[int(rng.integers(len(data))) :]
            elif index % 3 == 1:
                for place in rng.integers(len(data), size=4):
                    data[place] = rng.integers(256)
            else:
                start = int(rng.integers(len(data)))
                data[start : start + int(rng.integers(40))] = bytes(
                    rng.choice(list(b"0-.e[]{}:,\n 9"), 6).tolist()
                )
            path.write_bytes(data)
            try:
                found = read_cameras(paths, SIZE)
            except DataError:
                continue
            if isinstance(found, Calibration):  # what is left of a file of both
                assert np.isfinite(found[:5]).all()
                continue
            assert np.isfinite([*found.left.matrix, *found.rotation, found.translation]).all()
            assert 0.005 <= np.linalg.norm(found.translation) <= 20
        path.write_bytes(whole)
