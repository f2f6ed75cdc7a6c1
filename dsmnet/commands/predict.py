"""Predict disparity: `python tools/predict.py left=FILE right=FILE [checkpoint=PATH] [calib=FILE]`.

One pair, two folders or globs of equally many images, two videos, a ROS bag or cameras, of any size. Writes
per pair NAME.pfm, NAME.png (16-bit, disparity * 256), NAME_color.png and, with a calibration, NAME_depth.png
(millimetres), NAME.ply and, with html=true, NAME_cloud.html under paths.output; with confidence=true also
NAME_confidence.png (16-bit, confidence * 65535). A calibration of raw cameras rectifies the views first, and
NAME_rectified.png is the left one that the files belong to; rectify=auto does without one. With resume=true
an interrupted run goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sized
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.atomic import check_apart
from dsmnet.config import tool
from dsmnet.errors import UserError, count
from dsmnet.inference.batch import Prediction, predict_files
from dsmnet.inference.cloud_writer import CloudWriter
from dsmnet.inference.color_video import NAME as VIDEO
from dsmnet.inference.color_video import check_color_video, write_color_video
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.raw_views import RawViews
from dsmnet.inference.record import NAME as RECORD
from dsmnet.inference.record import PredictionRecord
from dsmnet.inference.shared_cores import SharedCores
from dsmnet.inference.shifted import from_min_disparity
from dsmnet.inference.sources import holds_both, pair_source, source_options
from dsmnet.inference.temporal_filter import TemporalFilter
from dsmnet.inference.tiled import in_tiles
from dsmnet.inference.viewer import check_viewer, open_viewer
from dsmnet.io.pairs import files_of, result_names
from dsmnet.options import check_choice
from dsmnet.progress import track

log = logging.getLogger(__name__)


@tool("predict")
def main(cfg: DictConfig) -> None:
    """Find the pairs, load the network, match."""
    if OmegaConf.is_missing(cfg, "right") and holds_both(cfg.left, cfg.layout):
        cfg.right = None
    options: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    where = source_options(options)
    prediction = Prediction(cfg.max_disparity, cfg.confidence, cfg.min_confidence)
    check_color_video(cfg.color_video, options["limits"])
    smooth = TemporalFilter(cfg.temporal_filter, cfg.temporal_reset) if cfg.temporal_filter else None
    views = RawViews(cfg.rectify, cfg.frame, cfg.alpha, cfg.min_disparity)
    pairs = pair_source(**where)
    for option in ("resume", "rectify"):
        if pairs.live and cfg[option]:
            raise UserError(f"{option}={str(cfg[option]).lower()} left={cfg.left}: a camera does not go back")
    for option, value in (("html", True), ("frame", "raw")):
        if cfg[option] == value and not (options["calib"] or pairs.calibration or pairs.rig):
            needed = "it needs depth; expected calib=FILE as well"
            raise UserError(f"{option}={str(value).lower()} without calib: {needed}")
    cloud = CloudWriter(cfg.max_depth, cfg.edge_filter, cfg.depth, cfg.html, cfg.max_points)
    writer = ResultWriter(
        Path(cfg.paths.output), options["limits"], cfg.color_map, cfg.legend, cloud, cfg.frame
    )
    saves = not pairs.live if check_choice("save", cfg.save, ("auto", True, False)) == "auto" else cfg.save
    if cfg.color_video is not None and not saves:
        raise UserError(f"color_video={cfg.color_video}: it is made of saved pictures; expected save=true")
    check_viewer(cfg.viewer)
    known = list(pairs) if isinstance(pairs, Sized) else []  # a stream's names are none that it is read from
    written = [*result_names(known), RECORD, VIDEO]
    check_apart(writer.folder, written, [options["checkpoint"], *files_of(known)])
    cores, told = SharedCores(), getattr(pairs, "status", "predict")
    how = {name: cfg[name] for name in ("backend", "precision", "cuda_graphs", "iterations")}
    net = load_model(cfg.checkpoint, cfg.device, **how)
    tiled = in_tiles(net, cfg.tile, cfg.overlap, cfg.memory, cfg.progress)
    if cfg.rectify is not None:
        views.estimate_from(pair_source(**where))
    with open_viewer(cfg.viewer, writer) as shown:
        summary = predict_files(
            from_min_disparity(tiled, cfg.min_disparity),
            pairs,
            writer,
            prediction,
            views=views,
            record=PredictionRecord(writer.folder, options, cfg.resume) if saves else None,
            ahead=cfg.ahead,
            watch=lambda pairs: cores.share(track(pairs, told, enabled=cfg.progress)),
            frames=cfg.frames,
            smooth=smooth,
            save=saves,
            outputs=shown,
        )
    log.info("%s -> %s", count(summary.done, "pair"), writer.folder if saves else "no files of each pair")
    if cfg.color_video is not None:
        log.info("wrote %s", write_color_video(writer.folder, summary.names, cfg.color_video))
    summary.check()
