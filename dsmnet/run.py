"""One training run, from a composed configuration to weights and a table."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from dsmnet.api import build_from_config, load_model
from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, save_config
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.errors import UserError
from dsmnet.evaluation import choose_sets, cross_domain_evaluation
from dsmnet.models.checkpoint import find_weights, load_into, load_what_fits, read_weights, save_weights
from dsmnet.training.compiled import CompiledMatch, Match, match_views
from dsmnet.training.module import StereoModule
from dsmnet.training.recompute import recompute_stages

log = logging.getLogger(__name__)


def run(cfg: DictConfig, output: Path) -> None:
    """Train, then print and write the cross-domain table; with several processes the first one does the rest.

    Raises:
        UserError: an option is impossible, data is missing or broken, or the loss diverges.
    """
    check_apart(output, ["weights.safetensors", "checkpoints"], [cfg.init])
    first = getattr(rank_zero_only, "rank", 0) == 0  # there is no trainer to ask yet
    if first:
        # What is wrong with the evaluation should be known before hours of training.
        sets = choose_sets(cfg, instantiate, brief=True)
        instantiate(cfg.protocol)
        save_config(cfg, output / "config.yaml")
    weights = train(cfg, output)
    if first:
        predictor = load_model(weights)
        cross_domain_evaluation(predictor, cfg, output, build=instantiate, checkpoint=weights, sets=sets)


def train(cfg: DictConfig, output: Path) -> Path:
    """Train as ``cfg`` says; return the weights that had the smallest error on the source's held-back part.

    Raises:
        UserError: an option is impossible, the data is missing, or the loss diverges.
    """
    # Training may start from weights that come with the package, not resume them.
    for option, find in (("resume", Path), ("init", find_weights)):
        if cfg[option] is not None and not find(Path(cfg[option])).is_file():
            raise UserError(f"{option}={cfg[option]}: no such file; expected a checkpoint of tools/train.py")
    if cfg.init_partly and cfg.init is None:
        raise UserError("init_partly=true without init: expected init=CHECKPOINT, of which to take what fits")
    match = _match(cfg)
    pl.seed_everything(cfg.seed, workers=True)
    predictor = build_from_config(cfg)
    if cfg.init is not None:
        tensors, _ = read_weights(Path(cfg.init))
        if cfg.init_partly:
            differences = load_what_fits(predictor.net, tensors, f"init={cfg.init}")
            log.info("init=%s: what fits is taken; %s", cfg.init, differences or "all of it does")
        else:
            load_into(predictor.net, tensors, f"init={cfg.init}")
    if cfg.recompute:
        recompute_stages(predictor.net)
    data = _data(cfg)
    module = StereoModule(
        predictor.net,
        instantiate(cfg.loss),
        instantiate(cfg.optimizer),
        instantiate(cfg.schedule),
        max_disparity=cfg.search_range,
        config=predictor.config,
        gate_lr=cfg.gate_lr,
        match=match,
    )
    trainer: pl.Trainer = instantiate(
        cfg.trainer, output=output, epoch_steps=cfg.loader.epoch_steps, progress=cfg.progress
    )
    if trainer.is_global_zero:
        log.info(
            "%s with norm=%s: %.2f M parameters; %d pairs to train on, %d held back; writing to %s",
            cfg.choices.model,
            cfg.choices.norm,
            sum(p.numel() for p in module.net.parameters()) / 1e6,
            len(data.train_part),
            len(data.validation_part),
            output,
        )
    trainer.fit(module, data, ckpt_path=cfg.resume, weights_only=True)
    if trainer.interrupted:
        raise UserError(f"interrupted; continue with resume={output / 'checkpoints' / 'last.ckpt'}")
    weights = output / "weights.safetensors"
    if trainer.is_global_zero:
        best = output / "checkpoints" / "best.ckpt"
        source = best if best.is_file() else output / "checkpoints" / "last.ckpt"
        tensors, config = read_weights(source)
        load_into(predictor.net, tensors, str(source))
        save_weights(weights, predictor.net, config)
        log.info("weights of %s saved as %s", source.name, weights)
    return weights


def _match(cfg: DictConfig) -> Match:
    """How a training step runs the network, as ``compile`` says."""
    if not cfg.compile:
        return match_views
    for option, instead in (
        ("recompute", "the compiler itself decides what is computed again"),
        ("trainer.profile", "a compiled network has no modules that could be timed"),
    ):
        if OmegaConf.select(cfg, option):
            raise UserError(f"compile=true with {option}=true: expected one of the two, {instead}")
    on_gpu = cfg.trainer.accelerator != "cpu" and torch.cuda.is_available()
    return CompiledMatch("cuda" if on_gpu else "cpu")


def _data(cfg: DictConfig) -> StereoDataModule:
    """The data module that ``cfg`` describes."""
    loader = OmegaConf.to_container(cfg.loader, resolve=True)
    assert isinstance(loader, dict)
    if loader["workers"] == "auto":
        cores = os.cpu_count() or 1
        loader["workers"] = 0 if cores <= 2 else min(cores - 1, 16)
    return StereoDataModule(
        instantiate(cfg.dataset),
        instantiate(cfg.transform),
        max_disparity=cfg.search_range,
        seed=cfg.seed,
        **{str(key): value for key, value in loader.items()},
    )
