"""A disparity map as metric colored points, and as a PLY file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, ShapeError
from dsmnet.types import Calibration, DisparityMap, Image, Mask
from dsmnet.viz.color import known_pixels
from dsmnet.viz.edges import flying_pixels


def depth_from_disparity(disparity: DisparityMap, calibration: Calibration) -> NDArray[np.float32]:
    """Return depth in metres, ``focal * baseline / (disparity + doffs)``; 0 where that is unknown."""
    focal, baseline = focal_and_baseline(calibration)
    shift = np.where(known_pixels(disparity), disparity + calibration.doffs, 0)
    depth = np.zeros(disparity.shape, np.float32)
    np.divide(focal * baseline, shift, out=depth, where=shift > 0)
    return depth


def kept_pixels(
    disparity: DisparityMap,
    calibration: Calibration,
    max_depth: float | None = None,
    edge_filter: bool = False,
) -> Mask:
    """Return the pixels [H, W] that `point_cloud` makes points of; the arguments are its own."""
    depth = depth_from_disparity(disparity, calibration)
    kept = (depth > 0) & (depth <= (np.inf if max_depth is None else max_depth))
    return kept & ~flying_pixels(disparity, calibration.doffs) if edge_filter else kept


def point_cloud(
    disparity: DisparityMap,
    image: Image,
    calibration: Calibration,
    max_depth: float | None = None,
    edge_filter: bool = False,
) -> tuple[NDArray[np.float32], Image]:
    """Back-project every known pixel: x to the right, y down, z forward from the left camera, metres.

    Args:
        disparity: [H, W], pixels; 0 or not finite where unknown.
        image: The left view, RGB [H, W, 3].
        calibration: Calibration of the images at this size; the principal point defaults to the middle.
        max_depth: Metres; what lies farther is left out.
        edge_filter: Leave out `flying_pixels` too.

    Returns:
        Points [N, 3] in metres, in row-major order of the pixels, and their colors, RGB [N, 3].
    """
    if image.shape[:2] != disparity.shape:
        raise ShapeError(f"image {image.shape[:2]} and disparity {disparity.shape} differ in size")
    focal, _ = focal_and_baseline(calibration)
    depth = depth_from_disparity(disparity, calibration)
    rows, columns = np.nonzero(kept_pixels(disparity, calibration, max_depth, edge_filter))
    cx, cy = principal_point(calibration, disparity.shape)
    z = depth[rows, columns]
    x, y = (columns - cx) * z / focal, (rows - cy) * z / focal
    return np.stack([x, y, z], axis=-1).astype(np.float32), image[rows, columns]


def principal_point(calibration: Calibration, size: tuple[int, ...]) -> tuple[float, float]:
    """Return (cx, cy), pixels, of a view of `size` (height, width): its middle where none is stated."""
    height, width = size
    cx = (width - 1) / 2 if calibration.cx is None else calibration.cx
    cy = (height - 1) / 2 if calibration.cy is None else calibration.cy
    return cx, cy


def write_ply(path: Path, points: NDArray[np.float32], colors: Image) -> None:
    """Write points [N, 3], metres, of colors RGB [N, 3] as PLY 1.0, binary little endian."""
    if points.shape != colors.shape:
        raise ShapeError(f"points {points.shape} and colors {colors.shape} must both be [N, 3]")
    vertices = np.empty(len(points), [("point", "<f4", 3), ("color", "u1", 3)])
    vertices["point"], vertices["color"] = points, colors
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment metres; x right, y down, z forward from the left camera",
        f"element vertex {len(points)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        "end_header",
    ]
    path.write_bytes(("\n".join(header) + "\n").encode("ascii") + vertices.tobytes())


def focal_and_baseline(calibration: Calibration) -> tuple[float, float]:
    """Return the focal length in pixels and the baseline in metres; DataError where depth lacks one."""
    focal, baseline = calibration.focal, calibration.baseline
    if focal is None or baseline is None:
        lacking = [name for name in ("focal", "baseline") if getattr(calibration, name) is None]
        missing = " and no ".join(lacking).replace("focal", "focal length")
        raise DataError(
            f"the calibration states no {missing}: depth needs both the focal length and the baseline"
        )
    if not (focal > 0 and baseline > 0):
        raise DataError(
            f"the calibration states a focal length of {focal:g} px and a baseline of {baseline:g} m: "
            "both must be positive (are the views exchanged?)"
        )
    return focal, baseline
