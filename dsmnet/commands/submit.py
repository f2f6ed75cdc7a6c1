"""Make an upload: python tools/submit.py benchmark=kitti2015 [checkpoint=PATH] [method=NAME] [split=test].

Writes files/ and submission.json (run times) while it predicts, then METHOD.zip in the benchmark's form, and
checks it, all under paths.output. An interrupted run goes on with the same paths.output. With
validate=FILE.zip it checks an archive and predicts nothing.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, tool
from dsmnet.datasets.base import choose
from dsmnet.errors import UserError, count, first_of
from dsmnet.inference.tiled import in_tiles
from dsmnet.io.pairs import files_of
from dsmnet.models.checkpoint import find_weights
from dsmnet.progress import track
from dsmnet.submission import expected_answers, lacking, method_of, pack, predict_answers, validate
from dsmnet.submission.form import check_method
from dsmnet.submission.record import Record, fingerprint

log = logging.getLogger(__name__)


@tool("submit")
def main(cfg: DictConfig) -> None:
    """Predict and pack, unless an archive is given; then check the archive."""
    form, node = instantiate(cfg.benchmark.form), cfg.benchmark.dataset
    datasets = {}
    for node.split in cfg.benchmark.splits[choose("split", cfg.split, tuple(cfg.benchmark.splits))]:
        datasets[node.split] = instantiate(node)
    partial = lacking(datasets, node)
    if cfg.validate is None:
        archive, answers = write(cfg, form, datasets, partial)
    else:
        archive = Path(cfg.validate).expanduser()
        answers = expected_answers(form, datasets, str(cfg.method or method_of(archive, form) or "METHOD"))
    problems = validate(archive, form, answers)
    for problem in first_of(problems):
        log.error("%s", problem)
    if problems:
        raise UserError(f"{archive}: problems: {len(problems)}, listed above")
    if partial and not cfg.partial:
        raise UserError(f"{archive}: partial, {partial}; the benchmark wants all (partial=true accepts it)")
    state = f"partial: {partial}" if partial else "complete"
    log.info("%s: %s, %s", archive, count(len(answers), "answer"), state)


def write(cfg: DictConfig, form: Any, datasets: dict[str, Any], partial: str) -> tuple[Path, list[Any]]:
    """Predict what is not there yet, and pack it."""
    output, weights = Path(cfg.paths.output), find_weights(Path(cfg.checkpoint or DEFAULT_WEIGHTS))
    net = load_model(cfg.checkpoint, device=cfg.device)
    method = check_method(str(cfg.method or net.config["model"]))
    answers = expected_answers(form, datasets, method)
    if partial:
        log.warning("partial: %s", partial)
    made_by = {"weights": fingerprint(weights), "device": net.device.type, "method": method}
    made_by |= {"max_disparity": cfg.max_disparity}
    made_by |= {key: cfg[key] for key in ("tile", "overlap", "memory")}
    made_by |= {"dataset": OmegaConf.to_container(cfg.benchmark.dataset, resolve=True)}
    read = [file for dataset in datasets.values() for file in files_of(dataset)]
    check_apart(output, ["files", "submission.json", f"{method}.zip"], [weights, *read])
    record = Record(output / "submission.json", made_by)
    watch = functools.partial(track, description=f"{method} on {cfg.choices.benchmark}", enabled=cfg.progress)
    matcher = in_tiles(net, cfg.tile, cfg.overlap, cfg.memory)
    kept = predict_answers(matcher, answers, form, output / "files", record, cfg.max_disparity, watch)
    if kept:
        log.info("%d of %s there from an earlier run", kept, count(len(answers), "answer", "was", "were"))
    archive = output / f"{method}.zip"
    pack(archive, answers, output / "files", f"partial: {partial}" if partial else "")
    return archive, answers


if __name__ == "__main__":
    main()
