"""Predict disparity: python tools/predict.py left=FILE right=FILE [checkpoint=PATH] [calib=FILE].

One pair, two folders or globs of equally many images, or two videos, of any size. Writes per pair NAME.pfm,
NAME.png (16-bit, disparity * 256), NAME_color.png and, with a calibration, NAME_depth.png (millimetres),
NAME.ply and, with html=true, NAME_cloud.html under paths.output; with confidence=true also
NAME_confidence.png (16-bit, confidence * 65535). With resume=true an interrupted run goes on.
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
from dsmnet.inference.record import NAME as RECORD
from dsmnet.inference.record import PredictionRecord
from dsmnet.inference.shared_cores import SharedCores
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
    pairs = pair_source(options["left"], options["right"], options["calib"], cfg.layout)
    if cfg.html and options["calib"] is None:
        raise UserError("html=true without calib: a page needs depth; expected calib=FILE as well")
    cloud = CloudWriter(cfg.max_depth, cfg.edge_filter, cfg.depth, cfg.html, cfg.max_points)
    writer = ResultWriter(Path(cfg.paths.output), options["limits"], cfg.color_map, cfg.legend, cloud)
    written = [*result_names(pairs), RECORD, VIDEO]
    check_apart(writer.folder, written, [options["checkpoint"], *files_of(list(pairs))])
    cores = SharedCores()
    net = load_model(
        cfg.checkpoint,
        cfg.device,
        backend=cfg.backend,
        precision=cfg.precision,
        cuda_graphs=cfg.cuda_graphs,
        iterations=cfg.iterations,
    )
    matcher = in_tiles(net, cfg.tile, cfg.overlap, cfg.memory, cfg.progress)
    summary = predict_files(
        matcher,
        pairs,
        writer,
        prediction,
        record=PredictionRecord(writer.folder, options, cfg.resume),
        ahead=cfg.ahead,
        watch=lambda pairs: cores.share(track(pairs, "predict", enabled=cfg.progress)),
    )
    log.info("%s -> %s", count(summary.done, "pair"), writer.folder)
    if cfg.color_video is not None:
        names = [pair.name for pair in pairs]
        log.info("wrote %s", write_color_video(writer.folder, names, cfg.color_video))
    summary.check()
