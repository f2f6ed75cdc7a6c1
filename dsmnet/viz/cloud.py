"""A point cloud to look at: bounded in size, with the camera that saw it and the point to turn it around."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError
from dsmnet.types import Calibration, DisparityMap, Image, Mask
from dsmnet.viz.color import known_pixels
from dsmnet.viz.edges import surface_slopes
from dsmnet.viz.pointcloud import focal_and_baseline, kept_pixels, point_cloud, principal_point

Points = NDArray[np.float32]  # [N, 3], metres: x right, y down, z forward

# Powers of the inverse of the plastic number: the R2 sequence of Roberts, "The unreasonable effectiveness of
# quasirandom sequences", 2018.
_IRRATIONAL = (0.5698402909980532, 0.7548776662466927)

UNEVEN = 1.5  # where points were left out, neighbours may be farther apart than on average


class Pinhole(NamedTuple):
    """A camera at the origin that looks along z: picture size, focal length, principal point; pixels."""

    height: int
    width: int
    focal: float
    cx: float
    cy: float


class Cloud(NamedTuple):
    """Points, their colors, and how they were seen."""

    points: Points  # [N, 3], metres: x right, y down, z forward from the left camera
    colors: Image  # RGB [N, 3]
    camera: Pinhole  # the left camera
    slopes: NDArray[np.float32]  # [N, 2], change of 1 / z, 1 / metres, to the next pixel right and down
    step: float  # pixels between neighbouring points, on average: 1 where none is left out

    @property
    def middle(self) -> tuple[float, float, float]:
        """The point in the middle of the view, as far away as half of all points are; metres."""
        z = float(np.median(self.points[:, 2]))
        camera = self.camera
        x, y = (camera.width - 1) / 2 - camera.cx, (camera.height - 1) / 2 - camera.cy
        return x / camera.focal * z, y / camera.focal * z, z


def build_cloud(
    disparity: DisparityMap,
    image: Image,
    calibration: Calibration,
    max_depth: float | None = None,
    edge_filter: bool = True,
    max_points: int = 400_000,
) -> Cloud:
    """Make at most `max_points` points of a disparity map, evenly over the image; else as `point_cloud`."""
    focal, baseline = focal_and_baseline(calibration)
    kept = kept_pixels(disparity, calibration, max_depth, edge_filter)
    if not kept.any():
        known = int(known_pixels(disparity).sum())
        raise DataError(
            f"no point to show: {known} of {disparity.size} pixels have a disparity"
            + (f", and none of them lies within max_depth={max_depth:g} m" if known and max_depth else "")
        )
    kept, step = _thinned(kept, max_points)
    points, colors = point_cloud(np.where(kept, disparity, 0), image, calibration)
    height, width = disparity.shape
    camera = Pinhole(height, width, focal, *principal_point(calibration, disparity.shape))
    slopes = surface_slopes(disparity, calibration.doffs)[kept] / np.float32(focal * baseline)
    return Cloud(points, colors, camera, slopes, step)


def _thinned(kept: Mask, limit: int) -> tuple[Mask, float]:
    """Return the mask with pixels left out until `limit` stay, and how far apart those are.

    Whole rows or columns left out would be lines in every view. The multiples of two irrational numbers are
    spread evenly, and so are the pixels at which their sum is small: no two of those left out touch while
    most are kept.
    """
    count = int(np.count_nonzero(kept))
    if count <= limit:
        return kept, 1.0
    rows, columns = np.ogrid[: kept.shape[0], : kept.shape[1]]
    order = (rows * _IRRATIONAL[0] + columns * _IRRATIONAL[1]) % 1
    bound = np.partition(order[kept], limit)[limit]
    return kept & (order < bound), math.sqrt(count / limit)
