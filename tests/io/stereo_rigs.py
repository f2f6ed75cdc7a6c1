"""One rig written by hand in every form, for the tests of their readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.types import Camera, StereoRig

SIZE = (720, 1280)
LENS = np.array([-0.1712345678912, 0.0261234, 1.5e-4, -2.25e-4, 0.0])
TURN = np.array([0.011, -0.023, 0.0057])
LEFT = np.array([[701.125, 0, 641.28123456789], [0, 702.5, 355.75], [0, 0, 1]])
RIGHT = np.array([[699.5, 0, 633.5], [0, 700.25, 361.0625], [0, 0, 1]])
RIG = StereoRig(
    Camera(LEFT, LENS, SIZE),
    Camera(RIGHT, LENS * 0.9, SIZE),
    cv2.Rodrigues(TURN)[0],
    np.array([-0.119978123, 0.00025, -0.0016]),
)
FISHEYE = RIG._replace(
    left=RIG.left._replace(distortion=LENS[:4], fisheye=True),
    right=RIG.right._replace(distortion=LENS[:4] * 0.9, fisheye=True),
)
Numbers = NDArray[np.float64]


def same(found: StereoRig, expected: StereoRig) -> None:
    for one, other in zip(found[:2], expected[:2], strict=True):
        assert (one.size, one.fisheye) == (other.size, other.fisheye)
        np.testing.assert_allclose(one.matrix, other.matrix, rtol=0, atol=1e-9)
        lenses = [np.pad(camera.distortion, (0, 14 - len(camera.distortion))) for camera in (one, other)]
        np.testing.assert_allclose(*lenses, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.rotation, expected.rotation, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.translation, expected.translation, rtol=0, atol=1e-9)


def line(values: Numbers) -> str:
    return ", ".join(f"{x:.17g}" for x in np.ravel(values))


def turned(rig: StereoRig) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Rotations and projections that put both cameras side by side, by hand."""
    x = -rig.rotation.T @ rig.translation
    baseline = np.linalg.norm(x)
    rows = [x / baseline, np.cross([0, 0, 1], x / baseline)]
    rows[1] /= np.linalg.norm(rows[1])
    first = np.stack([*rows, np.cross(*rows)])
    second = first @ rig.rotation.T
    k = np.array([[650.0, 0, 620, 0], [0, 650, 350, 0], [0, 0, 1, 0]])
    shifted = k.copy()
    shifted[0, 3] = -650 * baseline
    return first, second, k, shifted


def opencv_matrix(name: str, values: Numbers) -> str:
    rows, columns = np.atleast_2d(values).shape
    data = f"data:{' ' if rows > 1 else ''}[ {line(values)} ]"  # OpenCV takes it without a blank too
    return f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {columns}\n   dt: d\n   {data}\n"


def opencv(
    folder: Path, rig: StereoRig = RIG, names: str = "M1 D1 M2 D2 R T", scale: float = 1.0
) -> list[Path]:
    values = (rig.left.matrix, rig.left.distortion, rig.right.matrix, rig.right.distortion)
    parts = [*values, rig.rotation, rig.translation[:, None] * scale]
    text = "%YAML:1.0\n---\nimage_width: 1280\nimage_height: 720\n"
    text += f"fisheye_model: {int(rig.left.fisheye)}\n"
    text += "".join(opencv_matrix(n, value) for n, value in zip(names.split(), parts, strict=True))
    (folder / "stereo.yml").write_text(text)
    return [folder / "stereo.yml"]


def opencv_two_files(folder: Path) -> list[Path]:
    """As stereo_calib writes them, with a board measured in millimetres."""
    first, second, left, right = turned(RIG)
    intrinsics = zip(("M1", "D1", "M2", "D2"), (LEFT, LENS, RIGHT, LENS * 0.9), strict=True)
    right[0, 3] *= 1000
    names = ("R", "T", "R1", "R2", "P1", "P2")
    extrinsics = zip(
        names, (RIG.rotation, RIG.translation[:, None] * 1000, first, second, left, right), strict=True
    )
    head = "%YAML:1.0\n"
    (folder / "intrinsics.yml").write_text(head + "".join(opencv_matrix(*pair) for pair in intrinsics))
    size = "imageSize: [ 1280, 720 ]\n"
    (folder / "extrinsics.yml").write_text(head + size + "".join(opencv_matrix(*pair) for pair in extrinsics))
    return [folder / "intrinsics.yml", folder / "extrinsics.yml"]


def opencv_xml(folder: Path) -> list[Path]:
    text = '<?xml version="1.0"?>\n<opencv_storage>\n<imageSize>\n  1280 720</imageSize>\n'
    parts = (LEFT, LENS[None], RIGHT, LENS[None] * 0.9, RIG.rotation, RIG.translation[:, None])
    for name, value in zip(("K1", "D1", "K2", "D2", "R", "T"), parts, strict=True):
        rows, columns = value.shape
        text += f'<{name} type_id="opencv-matrix">\n<rows>{rows}</rows><cols>{columns}</cols><dt>d</dt>\n'
        text += f"<data>\n {line(value).replace(',', '')}</data></{name}>\n"
    (folder / "stereo.xml").write_text(text + "</opencv_storage>\n")
    return [folder / "stereo.xml"]


def opencv_json(folder: Path) -> list[Path]:
    """Without R and T: the rectification says where the cameras stand."""
    values = (LEFT, LENS, RIGHT, LENS * 0.9, *turned(RIG))
    names = ["LEFT.K", "LEFT.D", "RIGHT.K", "RIGHT.D", "LEFT.R", "RIGHT.R", "LEFT.P", "RIGHT.P"]
    entries = {name: value.tolist() for name, value in zip(names, values, strict=True)}
    (folder / "stereo.json").write_text(json.dumps({"image_size": [1280, 720], **entries}))
    return [folder / "stereo.json"]


def ros(folder: Path, rig: StereoRig = RIG, model: str = "plumb_bob") -> list[Path]:
    first, second, left, right = turned(rig)
    sides = zip(("left", "right"), rig[:2], (first, second), (left, right), strict=True)
    for name, camera, turn, projection in sides:
        text = f"image_width: 1280\nimage_height: 720\ncamera_name: {name}\ndistortion_model: {model}\n"
        for key, value in (
            ("camera_matrix", camera.matrix),
            ("distortion_coefficients", camera.distortion[None]),
            ("rectification_matrix", turn),
            ("projection_matrix", projection),
        ):
            rows, columns = value.shape
            text += f"{key}:\n  rows: {rows}\n  cols: {columns}\n  data: [{line(value)}]\n"
        (folder / f"{name}.yaml").write_text(text)
    return [folder / "left.yaml", folder / "right.yaml"]


def ros_echo(folder: Path) -> list[Path]:
    """As ``ros2 topic echo`` prints messages."""
    first, second, left, right = turned(RIG)
    sides = zip(("left", "right"), RIG[:2], (first, second), (left, right), strict=True)
    for name, camera, turn, projection in sides:
        text = "header:\n  frame_id: x\nheight: 720\nwidth: 1280\ndistortion_model: plumb_bob\n"
        for key, value in (("d", camera.distortion), ("k", camera.matrix), ("r", turn), ("p", projection)):
            text += f"{key}:\n" + "".join(f"- {x:.17g}\n" for x in value.ravel())
        (folder / f"{name}.yaml").write_text(f"{text}---\nheader:\n")
    return [folder / "left.yaml", folder / "right.yaml"]


def kalibr(folder: Path, rig: StereoRig = RIG) -> list[Path]:
    text = ""
    for name, camera in (("cam0", rig.left), ("cam1", rig.right)):
        text += f"{name}:\n  cam_overlaps: [{1 - int(name[-1])}]\n  camera_model: pinhole\n"
        text += f"  distortion_coeffs: [{line(camera.distortion[:4])}]\n"
        text += f"  distortion_model: {'equidistant' if camera.fisheye else 'radtan'}\n"
        text += f"  intrinsics: [{line(camera.matrix[[0, 1, 0, 1], [0, 1, 2, 2]])}]\n"
        text += f"  resolution: [1280, 720]\n  rostopic: /{name}/image_raw\n"
    pose = np.block([[rig.rotation, rig.translation[:, None]], [np.zeros(3), np.ones(1)]])
    text += "  T_cn_cnm1:\n" + "".join(f"  - [{line(row)}]\n" for row in pose)
    (folder / "camchain.yaml").write_text(text)
    return [folder / "camchain.yaml"]


def kitti(folder: Path) -> list[Path]:
    """Both cameras placed from a third one, with the rectified images of another shape beside."""
    turn, move = cv2.Rodrigues(np.array([0.01, 0.02, -0.01]))[0], np.array([0.06, 0.001, 0.002])
    places = ((turn, move), (RIG.rotation @ turn, RIG.rotation @ move + RIG.translation))
    text = "calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.950000e-02\n"
    for number, camera, place, p in zip((2, 3), RIG[:2], places, turned(RIG)[2:], strict=True):
        entries = {"S": np.array([1280.0, 720]), "K": camera.matrix, "D": camera.distortion}
        entries |= {"R": place[0], "T": place[1], "S_rect": np.array([1242.0, 375]), "P_rect": p}
        text += "".join(
            f"{key}_0{number}: {line(value).replace(',', '')}\n" for key, value in entries.items()
        )
    (folder / "calib_cam_to_cam.txt").write_text(text)
    return [folder / "calib_cam_to_cam.txt"]


def zed(folder: Path) -> list[Path]:
    text = ""
    for mode, scale in (("2K", 1.725), ("HD", 1)):
        for side, camera in (("LEFT", RIG.left), ("RIGHT", RIG.right)):
            pixels = camera.matrix[[0, 1, 0, 1], [0, 1, 2, 2]] * scale + [0, 0, *[(scale - 1) / 2] * 2]
            values = zip(
                ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3"),
                (*pixels, *camera.distortion),
                strict=True,
            )
            text += f"[{side}_CAM_{mode}]\n" + "".join(f"{key}={x:.17g}\n" for key, x in values)
    x, y, z = RIG.translation * 1000
    text += f"[STEREO]\nBaseline={-x:.17g}\nTY={y:.17g}\nTZ={z:.17g}\n"
    for mode in ("2K", "HD"):
        text += "".join(f"{key}_{mode}={x:.17g}\n" for key, x in zip(("RX", "CV", "RZ"), TURN, strict=True))
    (folder / "SN1234.conf").write_text(f"{text}\n[MISC]\nSensor_ID=0\n")
    return [folder / "SN1234.conf"]


def realsense(folder: Path) -> list[Path]:
    content = {
        name: {
            "width": 1280, "height": 720, "fx": camera.matrix[0, 0], "fy": camera.matrix[1, 1],
            "ppx": camera.matrix[0, 2], "ppy": camera.matrix[1, 2],
            "model": "distortion.brown_conrady", "coeffs": camera.distortion.tolist(),
        }
        for name, camera in (("infrared1", RIG.left), ("infrared2", RIG.right))
    }  # fmt: skip
    place = {"rotation": RIG.rotation.T.ravel().tolist(), "translation": RIG.translation.tolist()}
    (folder / "realsense.json").write_text(json.dumps({**content, "extrinsics": place}))
    return [folder / "realsense.json"]


def oak(folder: Path) -> list[Path]:
    """Left leads to right, and right to the color camera, in centimetres."""
    steps = {
        1: (RIG.rotation, RIG.translation * 100, 2),
        2: (np.eye(3), np.array([3.75, 0, 0]), 0),
        0: (np.eye(3), np.zeros(3), -1),
    }
    data = []
    for socket, camera in ((0, RIG.left), (1, RIG.left), (2, RIG.right)):
        rotation, move, to = steps[socket]
        xyz = dict(zip("xyz", move.tolist(), strict=True))
        place = {
            "rotationMatrix": rotation.tolist(),
            "toCameraSocket": to,
            "translation": xyz,
            "specTranslation": xyz,
        }
        lens = np.pad(camera.distortion, (0, 9)).tolist()
        about = {"cameraType": 0, "width": 1280, "height": 720, "intrinsicMatrix": camera.matrix.tolist()}
        data.append([socket, {**about, "distortionCoeff": lens, "extrinsics": place}])
    sockets = {"leftCameraSocket": 1, "rightCameraSocket": 2}
    (folder / "oak.json").write_text(json.dumps({"cameraData": data, "stereoRectificationData": sockets}))
    return [folder / "oak.json"]


FORMS: dict[str, Callable[[Path], list[Path]]] = {
    "opencv": opencv,
    "opencv names": lambda folder: opencv(
        folder, names="cameraMatrix1 distCoeffs1 cameraMatrix2 distCoeffs2 R T"
    ),
    "opencv two files": opencv_two_files,
    "opencv xml": opencv_xml,
    "opencv json": opencv_json,
    "ros": ros,
    "ros echo": ros_echo,
    "kalibr": kalibr,
    "kitti": kitti,
    "zed": zed,
    "realsense": realsense,
    "oak": oak,
}
