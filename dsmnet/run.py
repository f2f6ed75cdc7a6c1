"""One training run, from a composed configuration to weights and a table."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, ListConfig, OmegaConf

from dsmnet.api import build_from_config, load_model, weights_for
from dsmnet.atomic import check_apart
from dsmnet.config import instantiate, recipe_settings, save_config
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.errors import UserError
from dsmnet.evaluation import choose_sets, cross_domain_evaluation
from dsmnet.evaluation.protocol import METRICS
from dsmnet.evaluation.report import results_markdown
from dsmnet.evaluation.results import Results
from dsmnet.evaluation.sets import FoundSets, leave_out_trained
from dsmnet.models.checkpoint import check_exists, check_resumable, find_weights, read_weights, save_weights
from dsmnet.models.state_dict import load_into, load_what_fits
from dsmnet.models.stereo_net import StereoNet
from dsmnet.options import check_whole
from dsmnet.processes import is_first
from dsmnet.training.compiled import CompiledMatch, Match, match_views
from dsmnet.training.distillation import SelfDistillation
from dsmnet.training.fit import fit
from dsmnet.training.gates import make_optimizer
from dsmnet.training.module import StereoModule
from dsmnet.training.recompute import recompute_stages
from dsmnet.training.run_loggers import RunLoggers
from dsmnet.training.sharded import ShardedModule
from dsmnet.training.stopping import (
    end_with_parent,
)
from dsmnet.training.trainer import restore_metrics

log = logging.getLogger(__name__)

Make = Callable[[DictConfig, Path, RunLoggers], Path]
_SQLITE = "sqlite:///"  # of an address that is a file


def run(cfg: DictConfig, output: Path, make: Make | None = None) -> None:
    """Train, then print and write the cross-domain table; with several processes the first one does the rest.

    Args:
        cfg: Configuration of the training.
        output: Folder of all that is written.
        make: Function that writes the weights that are evaluated, and returns their file; default: `train`.

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
    loggers, failed = _loggers(cfg.logger), True
    try:
        weights = (make or train)(cfg, output, loggers)
        if first and (results := _evaluate(cfg, output, weights, sets)) is not None:
            loggers.finish(_scores(results), results_markdown(results))
        failed = False
    finally:
        loggers.close(failed)


def _evaluate(cfg: DictConfig, output: Path, weights: Path, sets: FoundSets) -> Results | None:
    """Print and write the cross-domain table; None where all pairs were trained on."""
    predictor = load_model(weights)
    sets = leave_out_trained(sets, instantiate(cfg.dataset).split_validation()[0])
    if not sets.present:
        log.warning("every pair of the sets to evaluate on was trained on: there is no table")
        return None
    options = OmegaConf.create({**cfg, **cfg.evaluation})  # a merge refuses options that training lacks
    return cross_domain_evaluation(
        predictor, options, output, build=instantiate, checkpoint=weights, sets=sets
    )


def _scores(results: Results) -> dict[str, float]:
    """Return the table as numbers by name: ``zero_shot/kitti2015/epe``."""
    return {
        f"zero_shot/{name}/{metric}": entry.score(metric)
        for name, entry in results.sets.items()
        for metric in METRICS
    }


def train(cfg: DictConfig, output: Path, loggers: RunLoggers | None = None) -> Path:
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
    _check_range("max_disparity", cfg.max_disparity, predictor.net)
    search_ranges = _search_ranges(cfg, predictor.net)
    if cfg.init is not None:
        tensors = weights_for(predictor.net, Path(cfg.init), "init", partly=cfg.init_partly)
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
        search_ranges=search_ranges,
    )
    make_optimizer(module.build_optimizer, module.net, cfg.gate_lr)  # a mistake is told before the start
    loggers = loggers or _loggers(cfg.logger)
    wanted = {name: node for name, node in cfg.callbacks.items() if name != "progress" or cfg.progress}
    trainer: pl.Trainer = instantiate(
        cfg.trainer,
        output=output,
        callbacks={name: instantiate(node) for name, node in wanted.items()},
        loggers=loggers.loggers,
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
        loggers.begin(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
        _tell_processes(trainer, data)
    fit(trainer, module, data, cfg.resume)
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


def _loggers(cfg: DictConfig) -> RunLoggers:
    """Build the loggers; one whose package is missing is a mistake that names it."""
    loggers = {}
    for name, node in cfg.items():
        option, given = str(name), dict[str, Any]()
        if option in ("wandb", "mlflow"):
            if importlib.util.find_spec(option) is None:
                raise UserError(
                    f"logger={option}: its package is missing; expected pip install 'dsmnet[{option}]'"
                )
            if not is_first():
                continue  # of several processes the first one logs
        if option == "mlflow" and node.artifact_location is None and node.tracking_uri.startswith(_SQLITE):
            beside = Path(node.tracking_uri.removeprefix(_SQLITE)).absolute().parent
            beside.mkdir(parents=True, exist_ok=True)
            given["artifact_location"] = str(beside / "mlartifacts")
        loggers[option] = instantiate(node, **given)
    return RunLoggers(loggers)


def _search_ranges(cfg: DictConfig, net: StereoNet) -> list[int]:
    """The search ranges that steps draw from; none for the same in all."""
    if (ranges := cfg.search_ranges) is None:
        return []
    if not isinstance(ranges, ListConfig):
        raise UserError(f"search_ranges={ranges}: expected null, or a list of pixels, as in [96,160,192]")
    if ranges and not net.has_range:
        raise UserError(f"search_ranges: model={cfg.choices.model} has no search range; expected null")
    for pixels in ranges:
        _check_range("search_ranges", pixels, net)
    return list(ranges)


def _check_range(option: str, pixels: Any, net: StereoNet) -> None:
    if net.planes(check_whole(option, pixels, unit="pixels")) < 2:
        raise UserError(f"{option}={pixels}: expected more pixels, for two planes of the network")


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
