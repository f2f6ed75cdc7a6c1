"""Files in three dimensions: metric depth, a point cloud, and a page to turn it in."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import UserError
from dsmnet.io import write_image, write_pfm
from dsmnet.io.npy import write_npy
from dsmnet.options import check_choice, check_number, check_whole
from dsmnet.types import Calibration, DisparityMap, Image
from dsmnet.viz.cloud import build_cloud
from dsmnet.viz.cloud_page import render_cloud
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud, write_ply

log = logging.getLogger(__name__)

MAX_POINTS = 400_000
DEPTH_SUFFIXES = ("png", "npy", "pfm")
_MILLIMETRES = 2**16 - 1  # the farthest that 16 bits hold


@dataclass(frozen=True)
class CloudWriter:
    """Writes NAME_depth.png and NAME.ply of a disparity map, and on demand NAME_cloud.html.

    A `UserError` says which option is not what it should be.
    """

    max_depth: float | None = None  # metres; points beyond are left out of the cloud, not of the depth map
    edge_filter: bool = True  # leave out the points of blurred depth edges, see `dsmnet.viz.edges`
    depth: str | None = "png"  # form of the depth map, see `write_depth`; None writes none
    html: bool = False
    max_points: int = MAX_POINTS  # of the page; NAME.ply has all

    def __post_init__(self) -> None:
        for option in ("edge_filter", "html"):
            if not isinstance(getattr(self, option), bool):
                raise UserError(f"{option}={getattr(self, option)}: expected true or false")
        if self.max_depth is not None:
            check_number("max_depth", self.max_depth, above=0, unit="metres")
        check_choice("depth", self.depth, (*DEPTH_SUFFIXES, None))
        check_whole("max_points", self.max_points, unit="points")

    def write(
        self,
        folder: Path,
        name: str,
        disparity: DisparityMap,
        left: Image,
        calibration: Calibration,
        needs_points: bool = False,
        depth_map: NDArray[np.float32] | None = None,
    ) -> None:
        """Write the files of a prediction; `needs_points` refuses a page without one, else it is left out.

        A `depth_map`, metres, is written in the place of that of the disparity.

        Raises:
            DataError: The calibration does not say the focal length or the baseline, or points are lacking.
            ShapeError: The left view has another size.
        """
        points, colors = point_cloud(disparity, left, calibration, self.max_depth, self.edge_filter)
        write_ply(folder / f"{name}.ply", points, colors)
        if self.depth is not None:
            depth = depth_from_disparity(disparity, calibration) if depth_map is None else depth_map
            write_depth(folder / f"{name}_depth.{self.depth}", depth)
        if len(points) < disparity.size:
            log.info("%s.ply: %d of %d pixels are points", name, len(points), disparity.size)
        if self.html and (len(points) or needs_points):
            chosen = self.max_depth, self.edge_filter, self.max_points
            page = render_cloud(build_cloud(disparity, left, calibration, *chosen), name)
            (folder / f"{name}_cloud.html").write_text(page, encoding="utf-8")
        elif self.html:
            log.warning("%s: not one point, so no page", name)


def write_depth(path: Path, depth: NDArray[np.float32]) -> None:
    """Write depth [H, W] in metres, 0 where unknown, as depth cameras do; the suffix tells the format.

    A .png has 16-bit millimetres, 0 from 65.535 m on too, .npy and .pfm float32 metres.
    """
    if path.suffix == ".pfm":
        write_pfm(path, depth)
    elif path.suffix == ".npy":
        write_npy(path, depth)
    else:
        millimetres = np.rint(depth.astype(np.float64) * 1000)
        too_far = millimetres > _MILLIMETRES
        if too_far.any():
            log.info(
                "%s: %d pixels are beyond the %.3f m that it holds, stored as unknown (depth=npy has all)",
                *(path.name, too_far.sum(), _MILLIMETRES / 1000),
            )
        write_image(path, np.where(too_far, 0, millimetres).astype(np.uint16))
