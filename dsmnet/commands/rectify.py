"""Rectify pairs: python tools/rectify.py left=FILE right=FILE calib=FILE, or rectify=auto in place of calib=.

One pair, two folders or globs of equally many images, two videos, or a bag. Writes left/NAME.png and
right/NAME.png of each pair, whose rows meet, calib.txt as Middlebury has it, which predict takes, and
rectify.json: how the views were turned, the valid region, and how far the rows differed before and after.
Views of cameras that stand one above the other are turned by 90 degrees.
"""

from __future__ import annotations

import logging
from collections.abc import Sized
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet.atomic import check_apart
from dsmnet.config import tool
from dsmnet.errors import UserError, count
from dsmnet.inference.batch import BatchSummary
from dsmnet.inference.raw_views import RawViews
from dsmnet.inference.rectified_writer import CALIBRATION, RECORD, RectifiedWriter
from dsmnet.inference.sources import StreamOptions, holds_both, pair_source
from dsmnet.io.pairs import files_of
from dsmnet.io.video import EndOfVideo
from dsmnet.progress import track

log = logging.getLogger(__name__)


@tool("rectify")
def main(cfg: DictConfig) -> None:
    """Find the pairs, warp them, measure their rows."""
    if OmegaConf.is_missing(cfg, "right") and holds_both(cfg.left, cfg.layout):
        cfg.right = None
    options: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    views = RawViews(cfg.rectify, alpha=cfg.alpha, check=False)
    where = *(options[name] for name in ("left", "right", "calib", "layout")), StreamOptions.of(options)
    pairs = pair_source(*where)
    if pairs.live:
        raise UserError(f"left={cfg.left}: a camera has no end; expected files, videos or a bag")
    if cfg.rectify is None and options["calib"] is None and pairs.rig is None:
        raise UserError("calib=null rectify=null: expected calib=FILE of the raw cameras, or rectify=auto")
    known = list(pairs) if isinstance(pairs, Sized) else []  # a stream's names are none that it is read from
    names = [f"{side}/{pair.name}.png" for pair in known for side in ("left", "right")]
    names += [CALIBRATION, RECORD, *(f"calib/{pair.name}.txt" for pair in known)]
    output = Path(cfg.paths.output)
    check_apart(output, names, files_of(known))
    if cfg.rectify is not None:
        views.estimate_from(pair_source(*where))
    writer = RectifiedWriter(output, len({pair.calibration for pair in known}) <= 1)
    summary, worst = BatchSummary(0), 0.0
    for pair in track(known or pairs, "rectify", enabled=cfg.progress):
        summary.total += 1
        try:
            loaded = views.load(pairs, pair)
            if loaded.rectification is None:
                raise UserError(f"calib={pair.calibration}: it is one of pairs that are rectified already")
            rows = writer.add(pair, loaded.raw or (loaded.left, loaded.right), loaded)
        except (UserError, OSError) as error:
            summary.fail(pair, error)
            if isinstance(error, EndOfVideo):
                break
            continue
        summary.done += 1
        worst = max(worst, rows.deviation)
        for warning in rows.warnings(remedy="the calibration, or the estimate, does not hold for this pair"):
            log.warning("%s: %s", pair.name, warning)
    if summary.done:
        log.info("%s -> %s", count(summary.done, "pair"), writer.finish())
        log.info("rows differ by %.2f px at most", worst)
    summary.check()
