"""Adaptation without labels: python tools/adapt.py [method=self_training] checkpoint=PATH dataset=kitti2015.

method=adabn gives a network's batch norms the statistics of the target's images and writes adapted.ckpt.
method=self_training trains any network on its own filtered disparities of the target; a guard judges every
round on pairs that were held out and on the source, and refuses what does harm. It writes
weights.safetensors, of the last round that was accepted or the old ones, and adapted.png. An interrupted run
goes on when called again. Both write adapt.json, with the error before and after where the target has any
ground truth.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dsmnet import load_model
from dsmnet.adaptation_methods import METHODS
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart, write_text
from dsmnet.config import all_pairs, instantiate, is_endless, tool
from dsmnet.datasets.health_check import check_some_rows
from dsmnet.errors import DataError
from dsmnet.evaluation import evaluate
from dsmnet.evaluation.report import show_results
from dsmnet.io.pairs import files_of
from dsmnet.models.checkpoint import find_weights, save_weights
from dsmnet.options import check_choice

log = logging.getLogger(__name__)


@tool("adapt")
def main(cfg: DictConfig) -> None:
    """Adapt, save, and compare with the network as it was."""
    check_choice("method", cfg.method, METHODS)
    output, name = Path(cfg.paths.output), cfg.choices.dataset
    source = str(cfg.checkpoint or DEFAULT_WEIGHTS.name)
    target, ground_truth = target_and_ground_truth(cfg)
    weights = "adapted.ckpt" if cfg.method == "adabn" else "weights.safetensors"
    written = ("config.yaml", weights, "adapt.json", "adapted.png")
    rounds = [f"round{number + 1}" for number in range(cfg.self_training.rounds)]
    check_apart(output, [*written, *rounds], [find_weights(Path(source)), *files_of(target)])
    before = load_model(cfg.checkpoint, device=cfg.device, iterations=cfg.iterations)
    if not is_endless(cfg.dataset):
        check_some_rows(target)
    adapted, record = METHODS[cfg.method](cfg, before, target, source)
    save_weights(output / weights, adapted.net, adapted.config)
    record = {
        "method": cfg.method,
        "checkpoint": source,
        "dataset": name,
        **record,
        "before": None,
        "after": None,
    }
    if ground_truth is not None:
        label = "before AdaBN" if cfg.method == "adabn" else "before"
        results = evaluate(
            adapted,
            {name: ground_truth},
            instantiate(cfg.protocol),
            baselines={label: before},
            checkpoint=f"{source}, adapted",
            max_disparity=cfg.max_disparity,
            progress=cfg.progress,
        )
        show_results(results)
        record |= {"protocol": results.protocol.to_dict(), "max_disparity": results.max_disparity}
        record["before"] = results.baselines[label][name].to_dict()
        record["after"] = results.sets[name].to_dict()
    write_text(output / "adapt.json", json.dumps(record, indent=2) + "\n")
    log.info("wrote %s and %s", weights, output / "adapt.json")


def target_and_ground_truth(cfg: DictConfig) -> tuple[Any, Any]:
    """Return all pairs of the target, and those with ground truth that are to be scored."""
    target = all_pairs(cfg.dataset)
    if not cfg.evaluate or is_endless(cfg.dataset):
        return target, target if cfg.evaluate else None
    try:
        return target, instantiate(cfg.dataset, require_ground_truth=True)
    except DataError:  # the target as a whole has been read
        log.info("no pair has ground truth, so there is no error before and after")
        return target, None
