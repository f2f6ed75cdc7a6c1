"""OpenCV's FileStorage (YAML, XML, JSON) with the names of its stereo_calib sample, in one file or several.

These are M1 D1 M2 D2 in intrinsics.yml, R T R1 R2 P1 P2 Q in extrinsics.yml. cameraMatrix1, dist_coeffs_left,
LEFT.K and the like are read too: case, underscores and where the side stands play no part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2

from dsmnet.io.entries import Entries
from dsmnet.io.images import write_bytes
from dsmnet.io.stated_cameras import UNITS, Size, Stated, camera, from_projections, rectified, rig
from dsmnet.types import Camera, StereoRig

_MATRIX = ("m", "k", "cameramatrix", "intrinsicmatrix", "mtx")
_DISTORTION = ("d", "distcoeffs", "distortioncoefficients", "distortion", "dist")
_LEFT, _RIGHT = ("1", "left", "l"), ("2", "right", "r")
_SIZES = [(f"{kind}width", f"{kind}height") for kind in ("image", "", "left", "camera")]


def _names(kinds: Sequence[str], side: Sequence[str]) -> list[str]:
    return [name for kind in kinds for mark in side for name in (kind + mark, mark + kind)]


_KNOWN = {*_names(_MATRIX, _LEFT), "p1", "q"}


def is_opencv(entries: Entries) -> bool:
    """Whether a file has a name that tells this form."""
    return not _KNOWN.isdisjoint(map(_plain, entries.values))


def read_opencv(files: Sequence[Entries], unit: str | None) -> Stated:
    """Read the entries of all files together."""
    merged = {_plain(key): value for file in files for key, value in file.values.items()}
    entries = Entries(files[-1].path, merged)
    if unit is None and "unit" in entries:
        unit = entries.text("unit")
        if unit not in UNITS:
            raise entries.error("unit", "m, cm or mm was expected")
    width, height = next((names for names in _SIZES if names[0] in entries), ("imagesize", ""))
    size = entries.size(width, height)
    (r1, p1), (r2, p2) = (
        (entries.name(*_names("r", side)), entries.name(*_names("p", side))) for side in (_LEFT, _RIGHT)
    )
    found, calibration, cameras = None, None, None
    if any(name in entries for name in _names(_MATRIX, _LEFT)) or not {p1, "q"} & {*merged}:
        cameras = _camera(entries, _LEFT, size), _camera(entries, _RIGHT, size)
    if p1 in entries:
        turns = (entries.rotation(r1), entries.rotation(r2)) if r1 in entries else None
        first, second = entries.projection(p1), entries.projection(p2)
        calibration, rotation, translation = from_projections(entries, p2, first, second, unit, turns)
        if cameras and turns and "r" not in entries:
            found = rig(entries, p2, cameras, rotation, translation, unit)
    elif "q" in entries:
        q = entries.matrix("q", 4, 4)  # [X Y Z W] = Q [x y disparity 1]
        if q[0, 0] != 1 or q[1, 1] != 1 or q[3, 2] == 0 or q[2, 3] <= 1e-3:
            raise entries.error("q", "a 4x4 matrix of cv2.stereoRectify was expected")
        values = q[2, 3], 1 / q[3, 2], -q[0, 3], -q[1, 3], q[3, 3] / q[3, 2]
        calibration = rectified(entries, "q", values, unit)
    if cameras and found is None:
        found = rig(entries, "t", cameras, entries.rotation("r"), entries.numbers("t", 3), unit)
    return Stated(found, calibration, size)


def write_opencv_rig(path: Path | str, cameras: StereoRig) -> None:
    """Write both cameras to one file, ``.yml``, ``.xml`` or ``.json``, in metres."""
    file = cv2.FileStorage(Path(path).suffix.lower(), cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)
    for side, one in (("1", cameras.left), ("2", cameras.right)):
        file.write(f"M{side}", one.matrix)
        file.write(f"D{side}", one.distortion[None])
    if cameras.left.size is not None:
        file.write("image_width", cameras.left.size[1])
        file.write("image_height", cameras.left.size[0])
    file.write("fisheye_model", int(cameras.left.fisheye))
    file.write("R", cameras.rotation)
    file.write("T", cameras.translation[:, None])
    file.write("unit", "m")
    write_bytes(path, file.releaseAndGetString().encode("utf-8"))


def _plain(key: object) -> str:
    return re.sub(r"[\W_]", "", str(key)[:64]).lower()


def _camera(entries: Entries, side: Sequence[str], size: Size | None) -> Camera:
    key, lens = (entries.name(*_names(kinds, side)) for kinds in (_MATRIX, _DISTORTION))
    fisheye = entries.text(entries.name("fisheyemodel", "fisheye")) in ("1", "1.", "true")
    return camera(entries, key, entries.matrix(key, 3, 3), entries.numbers(lens), size, fisheye)
