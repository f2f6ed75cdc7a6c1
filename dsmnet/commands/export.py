"""Export: `python tools/export.py [checkpoint=PATH] format=onnx|openvino|torch_export [max_disparity=192]`.

Writes the network as a file for views of any size, or of one (ONNX, OpenVINO's .xml and .bin, or torch's
.pt2), compares it with torch on pairs of several sizes, and writes parity.json, all under paths.output.
tools/predict.py and tools/evaluate.py take the file as checkpoint=.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.api import DEFAULT_WEIGHTS, load_written
from dsmnet.atomic import check_apart
from dsmnet.config import tool
from dsmnet.export import SUFFIXES, export
from dsmnet.export.parity import check_parity, write_parity
from dsmnet.inference.search import resolve_max_disparity

log = logging.getLogger(__name__)

TOLERANCES = {"float32": 0.05, "float16": 0.1, "int8": 0.5}  # pixels, mean over an image


@tool("export")
def main(cfg: DictConfig) -> None:
    """Load the network, write the file, compare."""
    parity: Any = OmegaConf.to_container(cfg.parity, resolve=True)
    size: Any = OmegaConf.to_container(cfg.size) if OmegaConf.is_list(cfg.size) else cfg.size
    output = Path(cfg.paths.output)
    max_disparity = resolve_max_disparity(cfg.max_disparity)
    network = load_model(cfg.checkpoint, device="cpu", iterations=cfg.iterations)
    name = cfg.name or Path(cfg.checkpoint or DEFAULT_WEIGHTS).stem
    stems = {str(name), Path(name).stem}
    written = [stem + suffix for stem in stems for suffix in (*SUFFIXES, ".bin")]
    check_apart(output, [*written, "parity.json"], [cfg.checkpoint])
    file = export(network, output / name, cfg.format, max_disparity, size, cfg.precision, cfg.images)
    sizes = [size] if size else parity["sizes"]
    tolerance = TOLERANCES[cfg.precision] if parity["tolerance"] is None else parity["tolerance"]
    found = check_parity(network, load_written(file, own=True), sizes, max_disparity, tolerance)
    write_parity(output / "parity.json", file, tolerance, found)
    for entry in found:
        log.info("%s: %.2g px from torch, %.2g at most", entry["size"], entry["mean"], entry["largest"])
    if cfg.precision == "int8":
        log.info("int8: EPE of dsmnet_lite +9 % at most, bad-1 +12 % (docs/performance.md)")
    log.info("wrote %s", file)
