"""Predict disparity: python tools/predict.py left=FILE right=FILE [checkpoint=PATH] [calib=FILE].

One pair, two folders or globs of equally many images, or two videos, of any size. Writes per pair NAME.pfm,
NAME.png (16-bit, disparity * 256), NAME_color.png and, with a calibration, NAME_depth.png (millimetres),
NAME.ply and, with html=true, NAME_cloud.html under paths.output; with confidence=true also
NAME_confidence.png (16-bit, confidence * 65535). A calibration of raw cameras rectifies the views first, and
NAME_rectified.png is the left one that the files belong to; rectify=auto does without one.
With resume=true an interrupted run goes on.
"""

from __future__ import annotations

import logging
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
from dsmnet.inference.sources import pair_source
from dsmnet.inference.tiled import in_tiles
from dsmnet.io.pairs import files_of, result_names
from dsmnet.progress import track

log = logging.getLogger(__name__)


@tool("predict")
def main(cfg: DictConfig) -> None:
    """Find the pairs, load the network, match."""
    options: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    prediction = Prediction(cfg.max_disparity, cfg.confidence, cfg.min_confidence)
    check_color_video(cfg.color_video, options["limits"])
    views = RawViews(cfg.rectify, cfg.frame, cfg.alpha, cfg.min_disparity)
    where = options["left"], options["right"], options["calib"], cfg.layout
    pairs = pair_source(*where)
    for option in ("html=true", "frame=raw"):
        if str(cfg[option.split("=")[0]]).lower() == option.split("=")[1] and options["calib"] is None:
            raise UserError(f"{option} without calib: it needs depth; expected calib=FILE as well")
    cloud = CloudWriter(cfg.max_depth, cfg.edge_filter, cfg.depth, cfg.html, cfg.max_points)
    writer = ResultWriter(
        Path(cfg.paths.output), options["limits"], cfg.color_map, cfg.legend, cloud, cfg.frame
    )
    written = [*result_names(pairs), RECORD, VIDEO]
    check_apart(writer.folder, written, [options["checkpoint"], *files_of(list(pairs))])
    cores = SharedCores()
    net = load_model(
        cfg.checkpoint,
        cfg.device,
        backend=cfg.backend,
        precision=cfg.precision,
        cuda_graphs=cfg.cuda_graphs,
    )
    tiled = in_tiles(net, cfg.tile, cfg.overlap, cfg.memory, cfg.progress)
    matcher = from_min_disparity(tiled, cfg.min_disparity)
    if cfg.rectify is not None:
        views.estimate_from(pair_source(*where))
    summary = predict_files(
        matcher,
        pairs,
        writer,
        prediction,
        views=views,
        record=PredictionRecord(writer.folder, options, cfg.resume),
        ahead=cfg.ahead,
        watch=lambda pairs: cores.share(track(pairs, "predict", enabled=cfg.progress)),
    )
    log.info("%s -> %s", count(summary.done, "pair"), writer.folder)
    if cfg.color_video is not None:
        names = [pair.name for pair in pairs]
        log.info("wrote %s", write_color_video(writer.folder, names, cfg.color_video))
    summary.check()
