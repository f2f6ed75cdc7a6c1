"""Average weights: `python tools/average.py checkpoint=[A,B,...] [shares=[0.5,0.5,...]]`.

Writes weights.safetensors, the mean of networks that were trained on from a common start, under paths.output.
"""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig

from dsmnet.atomic import check_apart
from dsmnet.config import listed, tool
from dsmnet.models.checkpoint import save_weights
from dsmnet.weight_average import average_models

log = logging.getLogger(__name__)


@tool("average")
def main(cfg: DictConfig) -> None:
    """Write the mean."""
    output, sources = Path(cfg.paths.output), [str(path) for path in listed(cfg.checkpoint)]
    check_apart(output, ["weights.safetensors"], sources)
    mean = average_models(sources, listed(cfg.shares) or None)
    save_weights(output / "weights.safetensors", mean.net, mean.config)
    log.info("wrote %s", output / "weights.safetensors")
