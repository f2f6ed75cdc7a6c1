"""AdaBN: python tools/adapt.py checkpoint=PATH dataset=kitti2015.

Gives a network's batch norms the statistics of the target's images, both views, without labels. Writes
adapted.ckpt, which every tool takes as checkpoint=, and adapt.json with the error before and after where the
target has ground truth.
"""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dsmnet import load_model
from dsmnet.adaptation import adapt, batch_norms
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart, write_text
from dsmnet.config import all_pairs, instantiate, is_endless, save_config, tool
from dsmnet.errors import DataError, UserError, count
from dsmnet.evaluation import evaluate
from dsmnet.evaluation.report import show_results
from dsmnet.io.pairs import files_of
from dsmnet.models.checkpoint import find_weights, save_weights

log = logging.getLogger(__name__)


@tool("adapt")
def main(cfg: DictConfig) -> None:
    """Adapt, save, and compare with the network as it was."""
    output, name = Path(cfg.paths.output), cfg.choices.dataset
    net = load_model(cfg.checkpoint, device=cfg.device)
    source = str(cfg.checkpoint or DEFAULT_WEIGHTS.name)
    if not batch_norms(net):
        raise UserError(
            f"checkpoint={source}: norm={net.config['norm']}, norm3d={net.config['norm3d']} keep no batch "
            "statistics, so there is nothing to adapt; expected a network with norm=batch, batch_instance, "
            "ibn_a or ibn_b"
        )
    target, ground_truth = target_and_ground_truth(cfg)
    written = ("config.yaml", "adapted.ckpt", "adapt.json")
    check_apart(output, written, [find_weights(Path(source)), *files_of(target)])
    save_config(cfg, output / "config.yaml")

    before = copy.deepcopy(net)
    images = cfg.images or (32 if is_endless(cfg.dataset) else None)
    options = {"max_disparity": cfg.max_disparity, "progress": cfg.progress}
    done = adapt(net, target, images=images, mode=cfg.mode, prior=cfg.prior, **options)
    net.config["adapted"] = {"checkpoint": source, "dataset": name, **done.to_dict()}
    save_weights(output / "adapted.ckpt", net.net, net.config)
    norms, pairs = count(len(done.layers), "batch norm"), count(done.items, "pair")
    log.info("%s adapted to %s of %s", norms, pairs, name)

    record: dict[str, Any] = {"checkpoint": source, "dataset": name}
    record |= {"model": net.config["model"], "norm": net.config["norm"], "adaptation": done.to_dict()}
    record |= {"before": None, "after": None}
    if ground_truth is not None:
        results = evaluate(
            net,
            {name: ground_truth},
            instantiate(cfg.protocol),
            baselines={"before AdaBN": before},
            checkpoint=f"{source}, adapted",
            **options,
        )
        show_results(results)
        record |= {"protocol": results.protocol.to_dict(), "max_disparity": results.max_disparity}
        record["before"] = results.baselines["before AdaBN"][name].to_dict()
        record["after"] = results.sets[name].to_dict()
    write_text(output / "adapt.json", json.dumps(record, indent=2) + "\n")
    log.info("wrote adapted.ckpt and %s", output / "adapt.json")


def target_and_ground_truth(cfg: DictConfig) -> tuple[Any, Any]:
    """Return all pairs of the target, and those with ground truth that are to be scored."""
    target = all_pairs(cfg.dataset)
    if not cfg.evaluate or is_endless(cfg.dataset):
        return target, target if cfg.evaluate else None
    try:
        return target, instantiate(cfg.dataset, require_ground_truth=True)
    except DataError as error:
        log.warning("no error before and after: %s", error)
        return target, None
