"""One training run, from a composed configuration to weights and a table."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from dsmnet.api import build_from_config, load_model, weights_for
from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, recipe_settings, save_config
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.ending import Interrupted
from dsmnet.errors import IN_WORKER, UserError
from dsmnet.evaluation import choose_sets, cross_domain_evaluation
from dsmnet.evaluation.sets import leave_out_trained
from dsmnet.models.checkpoint import check_exists, check_resumable, find_weights, read_weights, save_weights
from dsmnet.models.state_dict import load_into, load_what_fits
from dsmnet.models.stereo_net import StereoNet
from dsmnet.options import check_whole
from dsmnet.processes import by_first, by_srun, by_torchrun, is_first, is_first_of_node
from dsmnet.training.compiled import CompiledMatch, Match, match_views
from dsmnet.training.distillation import SelfDistillation
from dsmnet.training.gates import make_optimizer
from dsmnet.training.module import StereoModule
from dsmnet.training.recompute import recompute_stages
from dsmnet.training.sharded import ShardedModule
from dsmnet.training.stopping import (
    StoppedTogether,
    end_with_parent,
    interruption,
    last_checkpoint,
    received_signal,
)
from dsmnet.training.trainer import restore_metrics

log = logging.getLogger(__name__)

_LOST = "connection|gloo|nccl|timed? ?out|socket|rendezvous|client|address|hostname"  # errors of torch


def run(cfg: DictConfig, output: Path) -> None:
    """Train, then print and write the cross-domain table; with several processes the first one does the rest.

    Raises:
        UserError: An option is impossible, data is missing or broken, or the loss diverges.
    """
    check_apart(output, ["weights.safetensors", "checkpoints"], [cfg.init])
    first = is_first()  # there is no trainer to ask yet
    if first:
        # What is wrong with the evaluation should be known before hours of training.
        sets = choose_sets(cfg, instantiate, brief=True)
        instantiate(cfg.protocol)
        save_config(cfg, output / "config.yaml")
    weights = train(cfg, output)
    if first:
        predictor = load_model(weights)
        sets = leave_out_trained(sets, instantiate(cfg.dataset).split_validation()[0])
        if not sets.present:
            log.warning("every pair of the sets to evaluate on was trained on: there is no table")
            return
        options = OmegaConf.create({**cfg, **cfg.evaluation})  # a merge refuses options that training lacks
        cross_domain_evaluation(predictor, options, output, build=instantiate, checkpoint=weights, sets=sets)


def train(cfg: DictConfig, output: Path) -> Path:
    """Train as ``cfg`` says; return the weights that had the smallest error on the validation split.

    Raises:
        UserError: An option is impossible, the data is missing, or the loss diverges.
    """
    end_with_parent()
    if cfg.init is not None:
        check_exists(find_weights(Path(cfg.init)), "init")
    if cfg.init_partly and cfg.init is None:
        raise UserError("init_partly=true without init: expected init=CHECKPOINT, of which to take what fits")
    check_whole("seed", cfg.seed, least=0, most=2**32 - 1)
    match = _match(cfg)
    pl.seed_everything(cfg.seed, workers=True)
    predictor = build_from_config(cfg)
    if cfg.resume is not None:
        check_resumable(Path(cfg.resume), net=predictor.net)
    max_disparity = check_whole("max_disparity", cfg.max_disparity, unit="pixels")
    if predictor.net.planes(max_disparity) < 2:
        raise UserError(f"max_disparity={max_disparity}: expected more pixels, for two planes of the network")
    if cfg.init is not None:
        tensors = weights_for(predictor.net, Path(cfg.init), "init")
        if cfg.init_partly:
            differences = load_what_fits(predictor.net, tensors, f"init={cfg.init}")
            log.info("init=%s: what fits is taken; %s", cfg.init, differences or "all of it does")
        else:
            load_into(predictor.net, tensors, f"init={cfg.init}")
    distillation = _distillation(cfg, predictor.net)
    if cfg.recompute:
        recompute_stages(predictor.net)
    data = _data(cfg)
    module = (ShardedModule if cfg.trainer.strategy == "fsdp" else StereoModule)(
        predictor.net,
        instantiate(cfg.loss),
        instantiate(cfg.optimizer),
        instantiate(cfg.schedule),
        max_disparity=cfg.max_disparity,
        config=predictor.config,
        gate_lr=cfg.gate_lr,
        match=match,
        seed=cfg.seed,
        distillation=distillation,
    )
    make_optimizer(module.build_optimizer, module.net, cfg.gate_lr)  # a mistake is told before the start
    wanted = {name: node for name, node in cfg.callbacks.items() if name != "progress" or cfg.progress}
    trainer: pl.Trainer = instantiate(
        cfg.trainer,
        output=output,
        callbacks={name: instantiate(node) for name, node in wanted.items()},
        loggers=_loggers(cfg.logger),
        epoch_steps=cfg.loader.epoch_steps,
    )
    if trainer.is_global_zero:
        if settings := ", ".join(recipe_settings(cfg.choices.get("recipe"))):
            log.info("recipe=%s sets, where no option says otherwise: %s", cfg.choices.recipe, settings)
        log.info(
            "%s with norm=%s: %.2f M parameters; %d pairs to train on, %d for validation; writing to %s",
            cfg.choices.model,
            cfg.choices.norm,
            sum(p.numel() for p in module.net.parameters()) / 1e6,
            len(data.train_part),
            len(data.validation_part),
            output,
        )
        _tell_processes(trainer, data)
    _fit(trainer, module, data, cfg.resume)
    weights = output / "weights.safetensors"
    if trainer.is_global_zero:
        if not (output / "metrics.csv").exists():
            log.warning(
                "resume=%s: its run is at its end, nothing was trained; results stay as they are", cfg.resume
            )
            restore_metrics(output)
        best = output / "checkpoints" / "best.ckpt"
        source = best if best.is_file() else output / "checkpoints" / "last.ckpt"
        if not source.is_file():
            raise UserError(
                f"resume={cfg.resume}: its run is at its end, and {output} holds no weights of it; expected "
                "more trainer.max_steps or trainer.max_time, or the run's own folder as paths.output"
            )
        tensors, config = read_weights(source)
        net = build_from_config(cfg).net  # the one that was trained may be divided among processes
        load_into(net, tensors, str(source))
        save_weights(weights, net, config)
        log.info("weights of %s saved as %s", source.name, weights)
    return weights


def _tell_processes(trainer: pl.Trainer, data: StereoDataModule) -> None:
    """Log what several processes share, and where they meet: until all are there, nothing else happens."""
    pairs, world = data.pairs_per_process(trainer.world_size), trainer.world_size
    if world == 1:
        return
    environment = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
    address = f"{environment.main_address}:{environment.main_port}"
    log.info(
        "%d processes, nodes: %d, meet at %s; %d pairs a step, %d in each; optimizer.lr is of the whole step",
        world,
        trainer.num_nodes,
        address,
        pairs * world,
        pairs,
    )


def _fit(trainer: pl.Trainer, module: StereoModule, data: StereoDataModule, resume: str | None) -> None:
    """Run the training loop; what ends it is told in one line.

    Raises:
        UserError: An option is impossible or data is broken; `Interrupted` after a signal.
    """
    try:
        trainer.fit(module, data, ckpt_path=resume, weights_only=True)
        if received := received_signal(trainer):  # in the last validation, after which no step has come
            raise interruption(trainer, received, "after the last step")
    except (Interrupted, StoppedTogether) as error:
        if trainer.is_global_zero:
            raise
        # The first process tells. What has started this one would kill it for any status but 0.
        status = 128 + error.number if isinstance(error, Interrupted) else 1
        raise SystemExit(0 if by_first() or by_torchrun() or by_srun() else status) from None
    except UserError as error:
        text = str(error)
        if not text.startswith(IN_WORKER):
            raise
        raise type(error)(text.rpartition(f"{type(error).__name__}: ")[2].strip()) from None
    except RuntimeError as error:
        raise _explained(error, trainer) from error


def _explained(error: RuntimeError, trainer: pl.Trainer) -> BaseException:
    """Return what to raise for an error of torch: in the user's words where the cause lies outside."""
    text = str(error)
    if "DataLoader worker" in text:
        told = "loader.workers: a process that loads pairs was ended from outside, often for lack of memory; "
        told += "try fewer"
    elif "out of memory" in text.lower() or "can't allocate memory" in text:
        told = "not enough memory for loader.batch_size, crop and max_disparity"
    elif trainer.world_size > 1 and re.search(_LOST, text, re.IGNORECASE):
        if not is_first_of_node():  # one line on each node will do
            return SystemExit(1)
        last = last_checkpoint(trainer)
        meeting = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        told = f"another process of the run has ended, or {meeting} is not where all meet; "
        told += f"resume={last} continues" if last.is_file() else "no state was saved yet"
    else:
        return error
    return UserError(f"{told} ({text.splitlines()[0][:120]})")


def _match(cfg: DictConfig) -> Match:
    """How a training step runs the network, as ``compile`` says."""
    if not cfg.compile:
        return match_views
    if cfg.recompute:
        raise UserError(
            "compile=true with recompute=true: expected one of the two, the compiler itself decides what is "
            "computed again"
        )
    on_gpu = cfg.trainer.accelerator != "cpu" and torch.cuda.is_available()
    return CompiledMatch("cuda" if on_gpu else "cpu")


def _distillation(cfg: DictConfig, net: StereoNet) -> SelfDistillation | None:
    """Self-distillation with the weights of `net`, which are those of ``init``, as the teacher's."""
    if cfg.get("distillation") is None:
        return None
    if cfg.init is None or cfg.compile:
        told = (
            "compile=true: expected one of the two"
            if cfg.compile
            else "init=null: expected a trained network"
        )
        raise UserError(f"distillation with {told}")
    distillation: SelfDistillation = instantiate(cfg.distillation)
    distillation.start(net)
    return distillation


def _loggers(cfg: DictConfig) -> dict[str, Any]:
    """Build the loggers; one whose package is missing is a mistake that names it."""
    for name in cfg:
        if name in ("wandb", "mlflow") and importlib.util.find_spec(str(name)) is None:
            raise UserError(f"logger={name}: its package is missing; expected pip install {name}")
    return {str(name): instantiate(node) for name, node in cfg.items()}


def _data(cfg: DictConfig) -> StereoDataModule:
    """The data module that ``cfg`` describes."""
    loader: Any = OmegaConf.to_container(cfg.loader, resolve=True)
    if loader["workers"] == "auto":
        cores = os.cpu_count() or 1
        loader["workers"] = 0 if cores <= 2 else min(cores - 1, 16)
    return StereoDataModule(
        instantiate(cfg.dataset),
        instantiate(cfg.transform),
        max_disparity=cfg.max_disparity,
        seed=cfg.seed,
        **loader,
    )
