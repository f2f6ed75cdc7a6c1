"""Rectify pairs: python tools/rectify.py left=FILE right=FILE calib=FILE, or rectify=auto in place of calib=.

One pair, two folders or globs of equally many images, two videos, or a bag. Writes left/NAME.png and
right/NAME.png of each pair, whose rows meet, and calib.txt as Middlebury has it, which predict takes; where
pairs have different calibrations, calib/NAME.txt of each. Views of cameras that stand one above the other are
turned by 90 degrees. rectify.json has, by pair, how it was rectified and how its rows differ now.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sized
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet.atomic import check_apart, write_text
from dsmnet.config import tool
from dsmnet.errors import UserError, count
from dsmnet.inference.batch import BatchSummary
from dsmnet.inference.raw_views import RawViews
from dsmnet.inference.rectified_files import describe_rectified, write_rectified
from dsmnet.inference.sources import holds_both, pair_source, source_options
from dsmnet.io.pairs import files_of
from dsmnet.io.video import EndOfVideo
from dsmnet.progress import track
from dsmnet.rectification import check_rows

log = logging.getLogger(__name__)


@tool("rectify")
def main(cfg: DictConfig) -> None:
    """Find the pairs, warp them, measure their rows."""
    if OmegaConf.is_missing(cfg, "right") and holds_both(cfg.left, cfg.layout):
        cfg.right = None
    options: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    where = source_options(options)
    views = RawViews(cfg.rectify, alpha=cfg.alpha, check=False)
    pairs = pair_source(**where)
    if pairs.live:
        raise UserError(f"left={cfg.left}: a camera has no end; expected files, videos or a bag")
    if cfg.rectify is None and where["calib"] is None and pairs.rig is None:
        raise UserError("calib=null rectify=null: expected calib=FILE of the raw cameras, or rectify=auto")
    known = list(pairs) if isinstance(pairs, Sized) else []  # a stream's names are none that it is read from
    names = [f"{side}/{pair.name}.png" for pair in known for side in ("left", "right")]
    names += ["calib.txt", "rectify.json", *(f"calib/{pair.name}.txt" for pair in known)]
    output, one_calibration = Path(cfg.paths.output), len({pair.calibration for pair in known}) <= 1
    check_apart(output, names, files_of(known))
    if cfg.rectify is not None:
        views.estimate_from(pair_source(**where))
    summary, worst, record = BatchSummary(0), 0.0, dict[str, Any]()
    for pair in track(known or pairs, "rectify", enabled=cfg.progress):
        summary.total += 1
        try:
            loaded = views.load(pairs, pair)
            found = loaded.rectification
            if found is None:
                raise UserError(f"calib={pair.calibration}: it is one of pairs that are rectified already")
            calibration = "calib" if one_calibration else f"calib/{pair.name}"
            write_rectified(output, pair.name, loaded, found, calibration)
        except (UserError, OSError) as error:
            summary.fail(pair, error)
            if isinstance(error, EndOfVideo):
                break
            continue
        summary.done += 1
        rows = check_rows(loaded.left, loaded.right)
        worst = max(worst, rows.deviation)
        record[pair.name] = describe_rectified(pair.calibration, found, rows)
        for warning in rows.warnings(remedy="the calibration, or the estimate, does not hold for this pair"):
            log.warning("%s: %s", pair.name, warning)
    if summary.done:
        write_text(output / "rectify.json", json.dumps({"pairs": record}, indent=2) + "\n")
        log.info("%s -> %s; rows differ by %.2f px at most", count(summary.done, "pair"), output, worst)
    summary.check()
