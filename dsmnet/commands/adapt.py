"""Adaptation without labels: python tools/adapt.py [method=self_training] checkpoint=PATH dataset=kitti2015.

method=adabn gives a network's batch norms the statistics of the target's images and writes adapted.ckpt.
method=self_training trains any network on its own filtered disparities of the target; a guard judges every round
on pairs that were held out and on the source, and refuses what does harm. It writes weights.safetensors, the
weights of the last round that was accepted, or the old ones, and adapted.png. An interrupted run goes on when
called again. Both write adapt.json, with the error before and after where the target has ground truth.
"""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet import load_model
from dsmnet.adaptation import adapt, batch_norms
from dsmnet.adaptation.matchers import matcher_of
from dsmnet.adaptation.self_training import SelfTraining, check_checkpoint, check_same_options
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.atomic import check_apart, write_text
from dsmnet.config import all_pairs, instantiate, is_endless, save_config, tool
from dsmnet.errors import DataError, UserError, count
from dsmnet.evaluation import evaluate
from dsmnet.evaluation.report import show_results
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.io.images import write_image
from dsmnet.io.pairs import files_of
from dsmnet.models.checkpoint import find_weights, save_weights
from dsmnet.options import check_choice

log = logging.getLogger(__name__)


@tool("adapt")
def main(cfg: DictConfig) -> None:
    """Adapt, save, and compare with the network as it was."""
    check_choice("method", cfg.method, ("adabn", "self_training"))
    output, name = Path(cfg.paths.output), cfg.choices.dataset
    source = str(cfg.checkpoint or DEFAULT_WEIGHTS.name)
    target, ground_truth = target_and_ground_truth(cfg)
    weights = "adapted.ckpt" if cfg.method == "adabn" else "weights.safetensors"
    written = ("config.yaml", weights, "adapt.json", "adapted.png", "round1", "round2")
    check_apart(output, written, [find_weights(Path(source)), *files_of(target)])
    before = load_model(cfg.checkpoint, device=cfg.device)
    adapted, record = (_adabn if cfg.method == "adabn" else _self_training)(cfg, before, target, source)
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


def _adabn(
    cfg: DictConfig, before: StereoPredictor, target: Any, source: str
) -> tuple[StereoPredictor, dict[str, Any]]:
    """Return a network whose batch norms are fitted to the target, and the record."""
    if not batch_norms(before):
        raise UserError(
            f"checkpoint={source}: norm={before.config['norm']}, norm3d={before.config['norm3d']} keep no batch "
            "statistics, so there is nothing to adapt; expected a network with norm=batch, batch_instance, "
            "ibn_a or ibn_b, or method=self_training"
        )
    save_config(cfg, Path(cfg.paths.output) / "config.yaml")
    net = copy.deepcopy(before)
    images = cfg.images or (32 if is_endless(cfg.dataset) else None)
    options = {"max_disparity": cfg.max_disparity, "progress": cfg.progress}
    done = adapt(net, target, images=images, mode=cfg.mode, prior=cfg.prior, **options)
    net.config["adapted"] = {"checkpoint": source, "dataset": cfg.choices.dataset, **done.to_dict()}
    norms, pairs = count(len(done.layers), "batch norm"), count(done.items, "pair")
    log.info("%s adapted to %s of %s", norms, pairs, cfg.choices.dataset)
    record = {"model": net.config["model"], "norm": net.config["norm"], "adaptation": done.to_dict()}
    return net, record


def _self_training(
    cfg: DictConfig, before: StereoPredictor, target: Any, source: str
) -> tuple[StereoPredictor, dict[str, Any]]:
    """Return the network of the last accepted round, and the record."""
    check_checkpoint(before)
    output, options = Path(cfg.paths.output), OmegaConf.to_container(cfg, resolve=True)
    run = SelfTraining(
        checkpoint=find_weights(Path(cfg.checkpoint)) if cfg.checkpoint else DEFAULT_WEIGHTS,
        target=target,
        schedule=instantiate(cfg.self_training),
        rules=instantiate(cfg.labels),
        second=matcher_of(cfg.second, "second", cfg.device),
        teacher=None if cfg.teacher is None else matcher_of(cfg.teacher, "teacher", cfg.device),
        max_disparity=cfg.max_disparity,
        output=output,
        seed=cfg.seed,
        progress=cfg.progress,
        source={name: options[name] for name in ("dataset", "labels", "teacher", "second", "max_disparity")},
    )
    check_same_options(output / "config.yaml", cfg)
    save_config(cfg, output / "config.yaml")
    adapted, record = run.run()
    net = copy.deepcopy(adapted)
    net.config["adapted"] = {"checkpoint": source, "dataset": cfg.choices.dataset, "method": "self_training"}
    write_image(output / "adapted.png", run.picture(before, adapted))
    return net, {"model": net.config["model"], "norm": net.config["norm"], "adaptation": record}


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
