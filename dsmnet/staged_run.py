"""A training recipe in stages, each from the weights of the one before."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from dsmnet.cli.added import check_added
from dsmnet.cli.arguments import literal
from dsmnet.config import compose, config_dir
from dsmnet.errors import UserError
from dsmnet.run import run

log = logging.getLogger(__name__)

# Options that a recipe sets itself: of the command line they hold in no stage.
_OF_THE_RECIPE = ("experiment", "stages", "paths.output", "init", "resume")


def run_stages(cfg: DictConfig, output: Path) -> None:
    """Run the trainings of ``cfg.stages``: the last one in `output`, those before it in ``stage1``, ...

    Each entry holds the overrides of one training. Those of the command line come after them and hold in
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
    plan = [_compose(number, stage, common) for number, stage in enumerate(cfg.stages, 1)]
    folders = [output / f"stage{number}" for number in range(1, len(plan))] + [output]
    ended = [(folder / "weights.safetensors").is_file() for folder in folders]  # as all processes see it now
    for number, (stage, folder) in enumerate(zip(plan, folders, strict=True)):
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()  # the first process has written what the next stage begins with
        if ended[number]:
            log.info("stage %d of %d has ended before", number + 1, len(plan))
            continue
        log.info("stage %d of %d: %s", number + 1, len(plan), " ".join(map(str, cfg.stages[number])))
        last = folder / "checkpoints" / "last.ckpt"
        stage.paths.output = literal(str(folder))
        if last.is_file():
            stage.resume, stage.init_partly = literal(str(last)), False
        elif number:
            stage.init = literal(str(folders[number - 1] / "weights.safetensors"))
        run(stage, folder)


def _compose(number: int, stage: Sequence[str], common: Sequence[str]) -> DictConfig:
    if not OmegaConf.is_list(stage):
        raise UserError(f"stages: entry {number} is {stage}; expected a list of overrides, as in [seed=2]")
    try:
        cfg = compose("train", [*map(str, stage), *common])
        check_added(
            "train", cfg, [*map(str, stage)], config_dir(), compose, lambda: [*map(str, compose("train"))]
        )
    except UserError as error:
        raise UserError(f"stages, stage {number}: {error}") from error
    if cfg.stages:
        raise UserError(f"stages, stage {number}: has stages of its own; expected one training")
    return cfg
