"""The benchmarks' file formats, each both read and written: images, disparity maps, masks, calibrations.

A reader raises `FormatError` for a file that is a part only or not of its format, `DataError` for none.
Disparity is float32 [H, W], pixels, 0 where unknown, however a file marks that. Writers make folders.
"""

from __future__ import annotations

from dsmnet.io.calibration import write_calibration, write_kitti_calibration
from dsmnet.io.cameras import read_calibration, read_cameras
from dsmnet.io.disparity import (
    read_disparity,
    write_disparity_pfm,
    write_disparity_png8,
    write_disparity_png16,
)
from dsmnet.io.images import read_grey, read_image, write_image
from dsmnet.io.pfm import read_pfm, write_pfm
from dsmnet.io.rigs.kalibr_rig import write_kalibr_rig
from dsmnet.io.rigs.kitti_rig import write_kitti_rig
from dsmnet.io.rigs.opencv_rig import write_opencv_rig
from dsmnet.io.rigs.ros_rig import write_ros_rig

__all__ = [
    "read_calibration",
    "read_cameras",
    "read_disparity",
    "read_grey",
    "read_image",
    "read_pfm",
    "write_calibration",
    "write_disparity_pfm",
    "write_disparity_png8",
    "write_disparity_png16",
    "write_image",
    "write_kalibr_rig",
    "write_kitti_calibration",
    "write_kitti_rig",
    "write_opencv_rig",
    "write_pfm",
    "write_ros_rig",
]
