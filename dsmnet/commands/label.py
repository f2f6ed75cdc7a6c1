"""Pseudo-labels: `python tools/label.py dataset=folder dataset.left=DIR dataset.right=DIR [teacher=PATH]`.

A teacher matches the pairs of any data set, folder or video; what independent checks do not contradict is
written as left/NAME.png, right/NAME.png and disparity/NAME.png (16 bit, 256 times the disparity, 0 unknown)
under paths.output. An interrupted run goes on when called again; part=K parts=N labels the K-th of N parts,
in as many processes. To train on it: dataset=folder dataset.left=DIR/left dataset.right=DIR/right
dataset.disparity=DIR/disparity dataset.pairing=name transform=self_training.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet.adaptation.labelled_set import VIEWS, mean_scores, write_labels
from dsmnet.adaptation_methods import LABEL_OPTIONS, matcher_of
from dsmnet.atomic import check_apart
from dsmnet.config import all_pairs, instantiate, tool
from dsmnet.errors import count
from dsmnet.io.pairs import files_of
from dsmnet.options import check_whole

log = logging.getLogger(__name__)

_SAID = {
    "density": "share of all pixels: with a disparity of the teacher, that each check passes, that all pass",
    "known": "share of the pixels with ground truth, likewise",
    "d1": "D1 of those: percentage with an error above 3 px and 5 %",
}


@tool("label")
def main(cfg: DictConfig) -> None:
    """Label the pairs of a data set."""
    output = Path(cfg.paths.output)
    parts = check_whole("parts", cfg.parts)
    part = check_whole("part", cfg.part, least=0, most=parts - 1)
    rules = instantiate(cfg.labels)
    teacher = matcher_of(cfg.teacher, "teacher", cfg.device, cfg.precision)
    second = None if cfg.second is None else matcher_of(cfg.second, "second", cfg.device, cfg.precision)
    pairs = all_pairs(cfg.dataset)
    check_apart(output, VIEWS, files_of(pairs))
    options: Any = OmegaConf.to_container(cfg, resolve=True)
    source = {name: options[name] for name in LABEL_OPTIONS}
    found = write_labels(
        pairs,
        range(part, len(pairs), parts),
        teacher,
        second,
        rules,
        output,
        max_disparity=cfg.max_disparity,
        source=source,
        progress=cfg.progress,
    )
    for measure, row in mean_scores(found).items():
        log.info("%s: %s", _SAID[measure], ", ".join(f"{rule} {value:.4g}" for rule, value in row.items()))
    log.info("%s -> %s", count(len(found), "pair"), output)
