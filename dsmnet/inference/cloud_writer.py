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
from dsmnet.viz.cloud import Cloud, build_cloud
from dsmnet.viz.cloud_page import render_cloud
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud, write_ply

log = logging.getLogger(__name__)

MAX_POINTS = 400_000
DEPTH_SUFFIXES = ("png", "npy", "pfm")
_MILLIMETRES = 2**16 - 1  # the farthest that 16 bits hold


@dataclass(frozen=True)
class CloudWriter:
    """Writes NAME_depth.png and NAME.ply of a disparity map, and on demand NAME_cloud.html.

    Args:
        max_depth: Metres; points beyond are left out of the point cloud, not of the depth map.
        edge_filter: Leave out the points of blurred depth edges, see `dsmnet.viz.edges`.
        depth: Form of the depth map: ``png`` (16 bit, millimetres, 0 unknown or beyond 65.535 m), ``npy`` or
            ``pfm`` (float32, metres, 0 unknown); None writes none.
        html: Write NAME_cloud.html.
        max_points: Points of the page at most; NAME.ply has all.

    Raises:
        UserError: An option is not what it should be.
    """

    max_depth: float | None = None
    edge_filter: bool = True
    depth: str | None = "png"
    html: bool = False
    max_points: int = MAX_POINTS

    def __post_init__(self) -> None:
        for option in ("edge_filter", "html"):
            if not isinstance(getattr(self, option), bool):
                raise UserError(f"{option}={getattr(self, option)}: expected true or false")
        if self.max_depth is not None:
            check_number("max_depth", self.max_depth, above=0, unit="metres")
        check_choice("depth", self.depth, (*DEPTH_SUFFIXES, None))
        check_whole("max_points", self.max_points, unit="points")

    def write(
        self, folder: Path, name: str, disparity: DisparityMap, left: Image, calibration: Calibration
    ) -> None:
        """Write the files of a prediction.

        Raises:
            DataError: The calibration does not say the focal length or the baseline.
            ShapeError: The left view has another size.
        """
        points, colors = point_cloud(disparity, left, calibration, self.max_depth, self.edge_filter)
        write_ply(folder / f"{name}.ply", points, colors)
        if self.depth is not None:
            write_depth(folder / f"{name}_depth.{self.depth}", depth_from_disparity(disparity, calibration))
        if len(points) < disparity.size:
            log.info("%s.ply: %d of %d pixels are points", name, len(points), disparity.size)
        if self.html and len(points):
            self._write_page(folder, name, self.cloud(disparity, left, calibration))
        elif self.html:
            log.warning("%s: not one point, so no page", name)

    def draw(
        self, folder: Path, name: str, disparity: DisparityMap, left: Image, calibration: Calibration
    ) -> None:
        """Write the files of `write`, and the page in any case.

        Raises:
            DataError: The calibration lacks the focal length or the baseline, or there is not one point.
            ShapeError: The left view has another size.
        """
        cloud = self.cloud(disparity, left, calibration)
        self.write(folder, name, disparity, left, calibration)
        if not self.html:
            self._write_page(folder, name, cloud)
        log.info("%s.ply and %s_cloud.html are drawn", name, name)

    def cloud(self, disparity: DisparityMap, left: Image, calibration: Calibration) -> Cloud:
        """Return at most `max_points` points."""
        return build_cloud(disparity, left, calibration, self.max_depth, self.edge_filter, self.max_points)

    def _write_page(self, folder: Path, name: str, cloud: Cloud) -> None:
        (folder / f"{name}_cloud.html").write_text(render_cloud(cloud, name), encoding="utf-8")


def write_depth(path: Path, depth: NDArray[np.float32]) -> None:
    """Write depth as depth cameras do: millimetres in a 16-bit PNG, or float32 metres in .npy and .pfm.

    Args:
        path: File, whose suffix tells the format.
        depth: Depth, [H, W], metres, 0 where unknown; a PNG has 0 from 65.535 m on, too.
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
                path.name,
                too_far.sum(),
                _MILLIMETRES / 1000,
            )
        write_image(path, np.where(too_far, 0, millimetres).astype(np.uint16))
