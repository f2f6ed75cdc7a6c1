"""Methods of tools/adapt.py: from its options to an adapted network and the record of adapt.json."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dsmnet.adaptation import adapt, batch_norms
from dsmnet.api import DEFAULT_WEIGHTS, load_model
from dsmnet.config import instantiate, is_endless, save_config
from dsmnet.errors import UserError, count
from dsmnet.evaluation.sgbm import SGBM
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.io.images import write_image
from dsmnet.models.checkpoint import find_weights
from dsmnet.self_training import SelfTraining, check_same_options, check_trainable
from dsmnet.types import Matcher

log = logging.getLogger(__name__)

# What the labels of a target depend on.
LABEL_OPTIONS = ("dataset", "labels", "teacher", "second", "max_disparity")


def adapt_by_adabn(
    cfg: DictConfig, before: StereoPredictor, target: Any, source: str
) -> tuple[StereoPredictor, dict[str, Any]]:
    """Return a network whose batch norms are fitted to the target, and the record."""
    if not batch_norms(before):
        raise UserError(
            f"checkpoint={source}: norm={before.config['norm']}, norm3d={before.config['norm3d']} keep no "
            "batch statistics, so there is nothing to adapt; expected a network with norm=batch, "
            "batch_instance, ibn_a or ibn_b, or method=self_training"
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


def adapt_by_self_training(
    cfg: DictConfig, before: StereoPredictor, target: Any, source: str
) -> tuple[StereoPredictor, dict[str, Any]]:
    """Return the network of the last accepted round, and the record."""
    check_trainable(before)
    output = Path(cfg.paths.output)
    options: Any = OmegaConf.to_container(cfg, resolve=True)
    run = SelfTraining(
        network=before,
        checkpoint=find_weights(Path(cfg.checkpoint)) if cfg.checkpoint else DEFAULT_WEIGHTS,
        target=target,
        plan=instantiate(cfg.self_training),
        rules=instantiate(cfg.labels),
        second=None if cfg.second is None else matcher_of(cfg.second, "second", cfg.device),
        teacher=None if cfg.teacher is None else matcher_of(cfg.teacher, "teacher", cfg.device),
        max_disparity=cfg.max_disparity,
        output=output,
        seed=cfg.seed,
        progress=cfg.progress,
        source={name: options[name] for name in LABEL_OPTIONS},
    )
    check_same_options(output / "config.yaml", cfg)
    save_config(cfg, output / "config.yaml")
    adapted, record = run.run()
    net = copy.deepcopy(adapted)
    net.config["adapted"] = {"checkpoint": source, "dataset": cfg.choices.dataset, "method": "self_training"}
    write_image(output / "adapted.png", run.picture(before, adapted))
    return net, {"model": net.config["model"], "norm": net.config["norm"], "adaptation": record}


def matcher_of(name: str | None, option: str, device: str = "auto", precision: str = "float32") -> Matcher:
    """Return the matcher of an option: ``sgbm``, a checkpoint or an export; None for `dsmnet_lite`."""
    if name == "sgbm":
        return SGBM()
    try:
        return load_model(name, device, precision=precision)
    except UserError as error:
        raise type(error)(str(error).replace("checkpoint=", f"{option}=", 1)) from None


METHODS = {"adabn": adapt_by_adabn, "self_training": adapt_by_self_training}
