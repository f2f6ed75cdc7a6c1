"""Draw a disparity file: `python tools/visualize.py disparity=FILE [left=FILE] [ground_truth=FILE]`.

Writes NAME_color.png (with a legend), NAME_panel.png and, with ground truth, NAME_error.png under
paths.output; with a calibration also NAME_depth.png (millimetres), NAME.ply and
NAME_cloud.html, a page in which the point cloud is turned with the mouse.
"""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from dsmnet.atomic import atomic_write_all, check_apart
from dsmnet.config import tool
from dsmnet.errors import DataError, ShapeError
from dsmnet.inference.cloud_writer import CloudWriter
from dsmnet.inference.files import ResultWriter
from dsmnet.io import read_calibration, read_image, write_image
from dsmnet.io.calibration import kitti_cameras
from dsmnet.io.disparity_file import read_map
from dsmnet.viz import color_disparity, color_error, error_bar, panel, with_bar
from dsmnet.viz.color import check_limits

WRITTEN = (
    *("_color.png", "_panel.png", "_error.png", ".ply", "_cloud.html"),
    *("_depth.png", "_depth.npy", "_depth.pfm"),
)
log = logging.getLogger(__name__)


@tool("visualize")
def main(cfg: DictConfig) -> None:
    """Read what is given, draw what it allows."""
    options = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(options, dict)
    path, limits = Path(str(cfg.disparity)), check_limits(options["limits"])
    cloud = CloudWriter(cfg.max_depth, cfg.edge_filter, cfg.depth, True, cfg.max_points)
    writer = ResultWriter(Path(cfg.paths.output), limits, cfg.color_map, cfg.legend, cloud)
    check_apart(
        writer.folder,
        [path.stem + suffix for suffix in WRITTEN],
        [options[name] for name in ("disparity", "left", "ground_truth", "calib")],
    )
    disparity = read_map(path, cfg.scale, cfg.min_disparity)
    left = None if cfg.left is None else read_image(cfg.left)
    ground_truth = (
        None
        if cfg.ground_truth is None
        else read_map(cfg.ground_truth, cfg.ground_truth_scale, cfg.min_disparity)
    )
    for option, other in (("left", left), ("ground_truth", ground_truth)):
        if other is not None and other.shape[:2] != disparity.shape:
            raise ShapeError(
                f"{option}={cfg[option]} has size {other.shape[:2]}, disparity={path} {disparity.shape}: "
                "expected the same (height, width)"
            )

    pictures = {"color": writer.color(disparity)}
    if ground_truth is not None:
        error = color_error(disparity, ground_truth)
        pictures["error"] = with_bar(error, error_bar(error.shape[1])) if cfg.legend else error
    top = limits[1] if limits else None
    pictures["panel"] = panel(left, disparity, ground_truth, max_disparity=top, title=path.stem)
    with atomic_write_all(writer.folder, path.stem, f"{path.stem}_panel.png") as folder:
        for kind, picture in pictures.items():
            write_image(folder / f"{path.stem}_{kind}.png", picture)
        if cfg.calib is not None:
            colors = color_disparity(disparity, limits, color_map=cfg.color_map) if left is None else left
            try:
                cameras = kitti_cameras(Path(cfg.left)) if cfg.left is not None else (2, 3)
                calibration = read_calibration(cfg.calib, cameras, disparity.shape)
                cloud.write(folder, path.stem, disparity, colors, calibration, needs_points=True)
            except DataError as error:
                raise DataError(f"disparity={path}, calib={cfg.calib}: {error}") from None
    log.info("%s -> %s", ", ".join(f"{path.stem}_{kind}.png" for kind in pictures), writer.folder)
