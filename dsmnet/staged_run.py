"""A training recipe in stages, each from the weights of an earlier one."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from dsmnet.cli.added import check_added
from dsmnet.cli.arguments import literal
from dsmnet.config import compose, config_dir
from dsmnet.errors import UserError
from dsmnet.models.checkpoint import save_weights
from dsmnet.processes import is_first
from dsmnet.run import run
from dsmnet.training.run_loggers import RunLoggers
from dsmnet.weight_average import average_models

log = logging.getLogger(__name__)

# Options that a recipe sets itself: of the command line they hold in no stage.
_OF_THE_RECIPE = ("experiment", "stages", "paths.output", "init", "resume")


@dataclass(frozen=True)
class Stage:
    """One stage: a training, or the mean of the weights of earlier stages.

    Args:
        cfg: Its configuration.
        start: Index of the stage that a training begins with; None in the first.
        average: Indices of the stages of a mean; empty for a training.
    """

    cfg: DictConfig
    start: int | None
    average: Sequence[int]


def run_stages(cfg: DictConfig, output: Path) -> None:
    """Run the trainings of ``cfg.stages``: the last one in `output`, those before it in ``stage1``, ...

    Each entry holds the overrides of one training, which begins with the weights of the stage before it, or
    of another one that ``init=stage3`` names. An entry with ``average=[stage3,stage4]`` trains nothing: its
    weights are the mean of those. Overrides of the command line come after those of the entries and hold in
    every stage. A stage that has ended is not run again and one that was interrupted goes on, so that the
    same command with the same ``paths.output`` continues a recipe.

    Raises:
        UserError: A stage is not a list of overrides, or one of them is impossible.
    """
    for name in ("init", "resume"):
        if cfg[name] is not None:
            raise UserError(f"{name}={cfg[name]}: the stages of a recipe begin and go on by themselves")
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    common = [text for text in given if text.lstrip("+").split("=")[0] not in _OF_THE_RECIPE]
    plan = plan_stages(cfg.stages, common)
    folders = [output / f"stage{number}" for number in range(1, len(plan))] + [output]
    weights = [folder / "weights.safetensors" for folder in folders]
    ended = [file.is_file() for file in weights]  # as all processes see it now
    for number, (stage, folder) in enumerate(zip(plan, folders, strict=True)):
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()  # the first process has written what the next stage begins with
        if ended[number]:
            log.info("stage %d of %d has ended before", number + 1, len(plan))
            continue
        log.info("stage %d of %d: %s", number + 1, len(plan), " ".join(map(str, cfg.stages[number])))
        last = folder / "checkpoints" / "last.ckpt"
        stage.cfg.paths.output = literal(str(folder))
        if stage.average:
            sources = [str(weights[index]) for index in stage.average]
            run(stage.cfg, folder, functools.partial(_write_mean, sources))
            continue
        if last.is_file():
            stage.cfg.resume, stage.cfg.init_partly = literal(str(last)), False
        elif stage.start is not None:
            stage.cfg.init = literal(str(weights[stage.start]))
        run(stage.cfg, folder)


def plan_stages(stages: Sequence[Sequence[str]], common: Sequence[str] = ()) -> list[Stage]:
    """Compose the entries of ``stages``, each with the overrides that hold in all.

    Raises:
        UserError: A stage is not a list of overrides, or one of them is impossible.
    """
    return [_compose(number, stage, common) for number, stage in enumerate(stages, 1)]


def _write_mean(sources: Sequence[str], cfg: DictConfig, output: Path, loggers: RunLoggers) -> Path:
    """Write the mean of the weights of `sources`, as `train` writes those of a training."""
    weights = output / "weights.safetensors"
    if is_first():
        loggers.begin(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
        mean = average_models(sources)
        save_weights(weights, mean.net, mean.config)
    return weights


def _compose(number: int, stage: Sequence[str], common: Sequence[str]) -> Stage:
    if not OmegaConf.is_list(stage):
        raise UserError(f"stages: entry {number} is {stage}; expected a list of overrides, as in [seed=2]")
    own, named = list[str](), {"init": list[int](), "average": list[int]()}  # the latter: earlier stages
    for text in map(str, stage):
        if (name := text.partition("=")[0]) in named:
            named[name] = _earlier(number, text)
        else:
            own.append(text)
    start, average = named["init"], named["average"]
    if start and average:
        raise UserError(f"stages, stage {number}: init beside average, which trains nothing")
    if len(start) > 1 or len(average) == 1:
        wrong = "init names several stages" if len(start) > 1 else "average names one stage alone"
        raise UserError(f"stages, stage {number}: {wrong}")
    try:
        cfg = compose("train", [*own, *common])
        check_added("train", cfg, own, config_dir(), compose, lambda: [*map(str, compose("train"))])
    except UserError as error:
        raise UserError(f"stages, stage {number}: {error}") from error
    if cfg.stages:
        raise UserError(f"stages, stage {number}: has stages of its own; expected one training")
    before = number - 2 if number > 1 else None
    return Stage(cfg, start[0] if start else before, average)


def _earlier(number: int, option: str) -> list[int]:
    """Return the indices of the stages that ``init=stage1`` or ``average=[stage1,stage2]`` names."""
    found = []
    for name in option.partition("=")[2].strip("[]").split(","):
        named = re.fullmatch(r"\s*stage(\d+)\s*", name)
        if named is None or not 1 <= int(named[1]) < number:
            raise UserError(f"stages, stage {number}: {option}: expected stages before it, as in stage1")
        found.append(int(named[1]) - 1)
    return found
