"""Disparity as pictures: color map, error map, panels, contact sheets, point cloud; runs as dots."""

from dsmnet.viz.color import color_disparity, color_error, disparity_range, known_pixels
from dsmnet.viz.dotplot import dot_plot
from dsmnet.viz.legend import disparity_bar, error_bar, with_bar
from dsmnet.viz.panel import panel
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud, write_ply
from dsmnet.viz.sheet import sheet

__all__ = [
    "color_disparity",
    "color_error",
    "depth_from_disparity",
    "disparity_bar",
    "disparity_range",
    "dot_plot",
    "error_bar",
    "known_pixels",
    "panel",
    "point_cloud",
    "sheet",
    "with_bar",
    "write_ply",
]
