"""One training run, from a composed configuration to weights and a table."""

from __future__ import annotations

import logging
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from dsmnet.api import build_from_config, load_model
from dsmnet.config import instantiate
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.errors import UserError
from dsmnet.evaluation import cross_domain_evaluation
from dsmnet.models.checkpoint import load_into, read_weights, save_weights
from dsmnet.training.module import StereoModule

log = logging.getLogger(__name__)


def train(cfg: DictConfig, output: Path) -> Path:
    """Train as ``cfg`` says; return the weights that had the smallest error on the source's held-back part.

    Raises:
        UserError: an option is impossible, the data is missing, or the loss diverges.
    """
    for option in ("resume", "init"):
        if cfg[option] is not None and not Path(cfg[option]).is_file():
            raise UserError(f"{option}={cfg[option]}: no such file; expected a checkpoint of tools/train.py")
    pl.seed_everything(cfg.seed, workers=True)
    predictor = build_from_config(cfg)
    if cfg.init is not None:
        tensors, _ = read_weights(Path(cfg.init))
        load_into(predictor.net, tensors, f"init={cfg.init}")
    loader = OmegaConf.to_container(cfg.loader, resolve=True)
    assert isinstance(loader, dict)
    data = StereoDataModule(
        instantiate(cfg.dataset),
        instantiate(cfg.transform),
        max_disparity=cfg.search_range,
        seed=cfg.seed,
        **{str(key): value for key, value in loader.items()},
    )
    module = StereoModule(
        predictor.net,
        instantiate(cfg.loss),
        instantiate(cfg.optimizer),
        instantiate(cfg.schedule),
        max_disparity=cfg.search_range,
        config=predictor.config,
    )
    trainer: pl.Trainer = instantiate(
        cfg.trainer, output=output, epoch_steps=cfg.loader.epoch_steps, progress=cfg.progress
    )
    log.info(
        "%s with norm=%s: %.2f M parameters; %d pairs to train on, %d held back; writing to %s",
        *(cfg.choices[key] for key in ("model", "norm")),
        sum(p.numel() for p in module.net.parameters()) / 1e6,
        len(data.train_part),
        len(data.validation_part),
        output,
    )
    trainer.fit(module, data, ckpt_path=cfg.resume, weights_only=True)
    if trainer.interrupted:
        raise UserError(f"interrupted; continue with resume={output / 'checkpoints' / 'last.ckpt'}")
    best = output / "checkpoints" / "best.ckpt"
    source = best if best.is_file() else output / "checkpoints" / "last.ckpt"
    tensors, config = read_weights(source)
    load_into(predictor.net, tensors, str(source))
    weights = output / "weights.safetensors"
    save_weights(weights, predictor.net, config)
    log.info("weights of %s saved as %s", source.name, weights)
    return weights


def evaluate_run(cfg: DictConfig, weights: Path, output: Path) -> None:
    """Print and write the cross-domain table of the weights that a run ended with."""
    predictor = load_model(weights)
    cross_domain_evaluation(predictor, cfg, output, build=instantiate, checkpoint=weights)
