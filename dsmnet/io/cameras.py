"""Any calibration file of two cameras, recognised by its content; docs/calibration.md lists the forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsmnet.errors import FormatError, UserError
from dsmnet.io.decoding import MOST_TEXT, decoding
from dsmnet.io.entries import parse_entries
from dsmnet.io.images import read_bytes
from dsmnet.io.rigs.kalibr_rig import read_kalibr
from dsmnet.io.rigs.kitti_rig import is_kitti, read_kitti
from dsmnet.io.rigs.middlebury_rig import is_middlebury, read_middlebury
from dsmnet.io.rigs.oak_rig import read_oak
from dsmnet.io.rigs.opencv_rig import is_opencv, read_opencv
from dsmnet.io.rigs.realsense_rig import read_realsense
from dsmnet.io.rigs.ros_rig import is_ros, read_ros
from dsmnet.io.rigs.zed_rig import read_zed
from dsmnet.io.stated_cameras import (
    UNITS,
    Size,
    Stated,
    checked,
    fit_calibration,
    fit_rig,
    ideal,
)
from dsmnet.options import check_choice
from dsmnet.types import Calibration, StereoRig

Paths = Path | str | Sequence[Path | str]


def read_calibration(
    paths: Paths, cameras: tuple[int, int] | None = None, size: Size | None = None, unit: str | None = None
) -> Calibration:
    """Read the calibration of rectified views, with the arguments of `read_cameras`.

    ``max_disparity`` is Middlebury's ``ndisp``; ETH3D writes the image's width there, which bounds nothing.

    Raises:
        FormatError: As `read_cameras`, or the file says nothing of rectified views.
    """
    stated, path = _read(paths, size, cameras, unit)
    if stated.rectified is None:
        raise FormatError(
            f"{path}: cameras with distortion, rotation or one above the other, whose images have to be "
            "rectified; a calibration of rectified views was expected"
        )
    return fit_calibration(stated.rectified, stated.size, size, path)


def read_cameras(
    paths: Paths, size: Size | None = None, cameras: tuple[int, int] | None = None, unit: str | None = None
) -> StereoRig | Calibration:
    """Read a rig where images have to be rectified, the calibration where they are.

    Distortion or rotation tell cameras that are not rectified. KITTI's files hold both, for images of
    different shapes: these say which they are.

    Args:
        paths: One file, or two that belong together: of ROS the left and the right camera's, of OpenCV
            intrinsics and extrinsics.
        size: Height and width of the images. A calibration for another size is scaled, which is said once.
        cameras: Left and right camera of a KITTI rig: (2, 3) are the color ones, (0, 1) the grey ones.
        unit: Unit of lengths, m, cm or mm, in place of the one that the form has.

    Raises:
        FormatError: A file is of no known form, or states what cameras cannot be.
    """
    stated, path = _read(paths, size, cameras, unit)
    rig = stated.rig
    views_are_rectified = rig is None or ideal(rig) is not None
    if rig and size and stated.size and rig.left.size:
        raw, after = (abs(made[1] / made[0] - size[1] / size[0]) for made in (rig.left.size, stated.size))
        views_are_rectified |= after < raw
    if rig is None or (views_are_rectified and stated.rectified is not None):
        assert stated.rectified is not None
        return fit_calibration(stated.rectified, stated.size, size, path)
    return fit_rig(rig, size, path)


def belong_together(paths: Sequence[Path]) -> bool:
    """Whether files state two cameras together that the first of them alone does not."""
    try:
        read_cameras(paths)
    except UserError:
        return False
    try:
        read_cameras(paths[0])
    except UserError:
        return True
    return False


def _read(
    paths: Paths, size: Size | None, cameras: tuple[int, int] | None, unit: str | None
) -> tuple[Stated, Path | str]:
    """Return what files state, one of both at least, and the file to name in messages."""
    check_choice("unit", unit, (*UNITS, None))
    files = [paths] if isinstance(paths, Path | str) else list(paths)
    if not files:
        raise UserError("calib=[]: a calibration file was expected")
    data = [read_bytes(file, MOST_TEXT) for file in files]
    for file, content in zip(files, data, strict=True):
        if b"\0" in content:
            raise FormatError(f"{file}: no calibration: a binary file, where text in UTF-8 was expected")
    path = files[-1]
    with decoding(path, "not a calibration"):
        texts = [content.decode("utf-8-sig", "replace") for content in data]
        stated = _recognise(files, texts, size, cameras or (2, 3), unit)
        if stated.rectified is None and stated.rig is None:
            raise FormatError(f"{path}: rectified cameras one above the other, but side by side was expected")
        if stated.rectified is None and stated.rig is not None:
            stated = stated._replace(rectified=ideal(stated.rig), size=stated.rig.left.size)
        if stated.rectified is not None:
            checked(stated.rectified, path)
    return stated, path


def _recognise(
    files: Sequence[Path | str],
    texts: Sequence[str],
    size: Size | None,
    pair: tuple[int, int],
    unit: str | None,
) -> Stated:
    path, text = files[0], texts[0]
    if is_middlebury(text):
        return read_middlebury(text, path, unit)
    if is_kitti(text):
        return read_kitti(text, path, pair, unit)
    entries = [parse_entries(text, path) for path, text in zip(files, texts, strict=True)]
    first = entries[0]
    if any(map(is_ros, entries)):
        if len(entries) != 2:
            raise FormatError(f"{path}: camera_info of one camera; two files, left and right, were expected")
        return read_ros(entries[0], entries[1], unit)
    if "cam0" in first:
        return read_kalibr(first, unit)
    if "cameraData" in first:
        return read_oak(first, unit)
    if "STEREO" in first:
        return read_zed(first, size, unit)
    if any(map(is_opencv, entries)):
        return read_opencv(entries, unit)
    if "extrinsics" in first or "rectified.0.fx" in first:
        return read_realsense(first, size, unit)
    raise FormatError(
        f"{path}: no calibration of a known form: Middlebury, KITTI, ETH3D, OpenCV, ROS, Kalibr, ZED, "
        "RealSense or OAK"
    )
