"""Result files of a pair."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dsmnet.atomic import atomic_write_all
from dsmnet.inference.batch import MatchedPair
from dsmnet.inference.cloud_writer import CloudWriter
from dsmnet.inference.raw_views import LoadedPair
from dsmnet.io import write_image, write_pfm
from dsmnet.io.disparity import write_disparity_png16
from dsmnet.types import DisparityMap, Image
from dsmnet.viz.color import COLOR_MAP, check_limits, color_disparity, color_table, disparity_range
from dsmnet.viz.legend import disparity_bar, with_bar
from dsmnet.viz.pointcloud import depth_from_disparity

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResultWriter:
    """Writes NAME.pfm, NAME.png and NAME_color.png of a pair, and with a calibration what `cloud` does.

    A confidence becomes NAME_confidence.png, 16 bit, 65535 times the value.
    """

    folder: Path
    limits: Sequence[float] | None = None  # of the colors, pixels; else percentiles of each map
    color_map: str = COLOR_MAP  # a name that matplotlib knows
    legend: bool = True
    cloud: CloudWriter = field(default_factory=CloudWriter)
    frame: str = "rectified"  # view that NAME_depth belongs to, or ``raw``

    def __post_init__(self) -> None:
        check_limits(self.limits)
        color_table(self.color_map)

    def color(self, disparity: DisparityMap) -> Image:
        """Return the color map, with its legend where that is wanted."""
        limits = check_limits(self.limits) or disparity_range(disparity)
        picture = color_disparity(disparity, limits, color_map=self.color_map)
        if not self.legend:
            return picture
        return with_bar(picture, disparity_bar(picture.shape[1], limits, self.color_map))

    def write(self, name: str, loaded: LoadedPair, matched: MatchedPair) -> None:
        """Write the files of one pair, all of them or none; NAME.pfm comes last.

        Of a pair that was rectified by its calibration there is NAME_rectified.png too, the left view that
        the files belong to; with `frame` ``raw``, NAME_depth belongs to the raw left view.
        """
        disparity, left, rectification = matched.disparity, loaded.result_left, loaded.rectification
        with atomic_write_all(self.folder, name, f"{name}.pfm") as folder:
            calibration = loaded.calibration
            if calibration is not None:  # first: it is what can fail
                depth = None
                if self.frame == "raw" and rectification is not None:  # along the axis of the raw camera
                    depth = depth_from_disparity(rectification.in_raw(disparity), calibration)
                    depth *= rectification.look_up()[1]
                self.cloud.write(folder, name, disparity, left, calibration, depth_map=depth)
            if rectification is not None and not rectification.in_raw_left:
                write_image(folder / f"{name}_rectified.png", left)
            write_pfm(folder / f"{name}.pfm", disparity)
            write_disparity_png16(folder / f"{name}.png", disparity)
            write_image(folder / f"{name}_color.png", self.color(disparity))
            if matched.confidence is not None:
                stored = np.rint(matched.confidence * 65535).astype(np.uint16)
                write_image(folder / f"{name}_confidence.png", stored)
