"""Make an upload: `python tools/submit.py upload=kitti2015 [checkpoint=PATH] [method=NAME] [split=test]`.

Writes NAME.pfm of each pair and predictions.jsonl (run times) while it predicts, then METHOD.zip in the
benchmark's form, and checks it, all under paths.output. An interrupted run goes on with resume=true and the
same paths.output. With validate=FILE.zip it checks an archive and predicts nothing.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, tool
from dsmnet.errors import UserError, count, first_of
from dsmnet.inference.batch import Prediction, predict_files
from dsmnet.inference.record import NAME, PredictionRecord
from dsmnet.inference.tiled import in_tiles
from dsmnet.inference.timing import needs_warm_up
from dsmnet.io.images import read_views
from dsmnet.io.pairs import files_of
from dsmnet.models.checkpoint import find_weights
from dsmnet.options import check_choice
from dsmnet.progress import track
from dsmnet.submission import (
    MapWriter,
    check_method,
    lacking_pairs,
    method_of,
    pack_upload,
    upload_entries,
    validate_upload,
)

log = logging.getLogger(__name__)


@tool("submit")
def main(cfg: DictConfig) -> None:
    """Predict and pack, unless an archive is given; then check the archive."""
    form, node = instantiate(cfg.upload.form), cfg.upload.dataset
    datasets = {}
    for node.split in cfg.upload.splits[check_choice("split", cfg.split, tuple(cfg.upload.splits))]:
        datasets[node.split] = instantiate(node)
    partial = lacking_pairs(datasets, node)
    if cfg.validate is None:
        archive, entries = write(cfg, form, datasets, partial)
    else:
        archive = Path(cfg.validate).expanduser()
        entries = upload_entries(form, datasets, str(cfg.method or method_of(archive, form) or "METHOD"))
    problems = validate_upload(archive, form, entries)
    for problem in first_of(problems):
        log.error("%s", problem)
    if problems:
        raise UserError(f"{archive}: problems: {len(problems)}, listed above")
    if partial and not cfg.partial:
        raise UserError(f"{archive}: partial, {partial}; the benchmark wants all (partial=true accepts it)")
    state = f"partial: {partial}" if partial else "complete"
    log.info("%s: %s, %s", archive, count(len(entries), "pair"), state)


def write(cfg: DictConfig, form: Any, datasets: dict[str, Any], partial: str) -> tuple[Path, list[Any]]:
    """Predict what is not there yet, and pack it."""
    output, weights = Path(cfg.paths.output), find_weights(Path(cfg.checkpoint or DEFAULT_WEIGHTS))
    prediction = Prediction(cfg.max_disparity)
    net = load_model(cfg.checkpoint, device=cfg.device, iterations=cfg.iterations)
    method = check_method(str(cfg.method or net.config["model"]))
    entries = upload_entries(form, datasets, method)
    if partial:
        log.warning("partial: %s", partial)
    pairs = [entry.pair for entry in entries]
    written = [NAME, f"{method}.zip", *(f"{pair.name}.pfm" for pair in pairs)]
    check_apart(
        output, written, [weights, *(file for dataset in datasets.values() for file in files_of(dataset))]
    )
    options = {key: cfg[key] for key in ("max_disparity", "tile", "overlap", "memory")}
    options |= {"weights": hashlib.sha256(weights.read_bytes()).hexdigest(), "backend": net.device.type}
    options |= {"dataset": OmegaConf.to_container(cfg.upload.dataset, resolve=True)}
    record = PredictionRecord(output, options, cfg.resume)
    matcher = in_tiles(net, cfg.tile, cfg.overlap, cfg.memory)
    if needs_warm_up(net) and any(pair not in record for pair in pairs):
        matcher.predict(*read_views(pairs[0].left, pairs[0].right))  # the run times are part of the upload
    watch = functools.partial(track, description=f"{method} on {cfg.choices.upload}", enabled=cfg.progress)
    predict_files(matcher, pairs, MapWriter(output), prediction, record=record, watch=watch).check()
    archive = output / f"{method}.zip"
    seconds = {pair.name: record.seconds(pair) for pair in pairs}
    comment = f"partial: {partial}" if partial else ""
    pack_upload(archive, entries, form, output, seconds, comment)
    return archive, entries
