"""Predict disparity: python tools/predict.py left=FILE right=FILE [checkpoint=PATH] [calib=FILE].

One pair, or two folders or globs of equally many images, of any size. Writes per pair NAME.pfm, NAME.png
(16-bit, disparity * 256), NAME_colour.png and, with a calibration, NAME.ply under paths.output.
"""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.config import tool
from dsmnet.data.pairs import pair_files
from dsmnet.inference.files import ResultWriter, predict_files
from dsmnet.inference.progress import track
from dsmnet.inference.tiled import in_tiles

log = logging.getLogger(__name__)


@tool("predict")
def main(cfg: DictConfig) -> None:
    """Find the pairs, load the network, match."""
    options = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(options, dict)
    pairs = pair_files(options["left"], options["right"], options["calib"])
    writer = ResultWriter(
        Path(cfg.paths.output), options["limits"], cfg.colour_map, cfg.legend, cfg.max_depth
    )
    net = load_model(cfg.checkpoint, device=cfg.device)
    net = in_tiles(net, cfg.tile, cfg.overlap, cfg.memory, cfg.progress)
    done = predict_files(net, track(pairs, "predict", enabled=cfg.progress), writer, cfg.max_disparity)
    log.info("%d pairs -> %s", done, writer.folder)


if __name__ == "__main__":
    main()
