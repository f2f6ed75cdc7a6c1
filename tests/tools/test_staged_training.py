"""tools/train.py with a recipe in stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from dsmnet.config import config_dir
from dsmnet.models.checkpoint import read_weights
from dsmnet.staged_run import plan_stages
from tests.training.test_training import SMALL, same_weights, step_of

RunTool = Callable[..., Any]
STAGES = 'stages=[["seed=2","trainer.max_steps=2"],["seed=3","trainer.max_steps=3"]]'


def test_each_stage_begins_with_the_weights_of_the_one_before(run_tool: RunTool, tmp_path: Path) -> None:
    output = run_tool("train", *SMALL, STAGES).output
    first, last = (OmegaConf.load(folder / "config.yaml") for folder in (output / "stage1", output))
    assert (first.seed, last.seed, first.init) == (2, 3, None)
    assert last.init == str(output / "stage1" / "weights.safetensors")
    assert (first.model, first.crop) == (last.model, last.crop)  # of the command line, in every stage
    assert (step_of(output / "stage1", "last"), step_of(output, "last")) == (2, 3)
    assert not same_weights(output / "stage1" / "weights.safetensors", output / "weights.safetensors")
    for folder in (output, output / "stage1"):
        assert (folder / "results.json").is_file()


def test_the_same_command_goes_on_where_it_was(run_tool: RunTool, tmp_path: Path) -> None:
    whole = run_tool("train", *SMALL, STAGES).output.rename(tmp_path / "whole")
    # A recipe interrupted in its second stage: the first has ended, the second has a checkpoint.
    longer = STAGES.replace("max_steps=3", "max_steps=5")
    (tmp_path / "output").mkdir()
    for part in ("stage1", "checkpoints"):
        (whole / part).rename(tmp_path / "output" / part)
    before = (tmp_path / "output" / "stage1" / "weights.safetensors").stat().st_mtime_ns
    done = run_tool("train", *SMALL, longer)
    assert "stage 1 of 2 has ended before" in done.log
    assert (done.output / "stage1" / "weights.safetensors").stat().st_mtime_ns == before
    assert step_of(done.output, "last") == 5
    assert OmegaConf.load(done.output / "config.yaml").resume == str(
        done.output / "checkpoints" / "last.ckpt"
    )
    assert "stage 2 of 2 has ended before" in run_tool("train", *SMALL, longer).log


def test_branches_and_their_mean(run_tool: RunTool) -> None:
    steps = [1, 2, 1]
    branches = [f'"seed={seed}","trainer.max_steps={count}"' for seed, count in enumerate(steps, 2)]
    branches[2] += ',"init=stage1"'
    stages = ",".join(f"[{branch}]" for branch in branches)
    output = run_tool("train", *SMALL, f'stages=[{stages},["average=[stage2,stage3]"]]').output
    folders = [output / f"stage{number}" for number in (1, 2, 3)]
    for folder in folders[1:]:
        begun = OmegaConf.load(folder / "config.yaml").init
        assert begun == str(folders[0] / "weights.safetensors")
    mean, second, third = (read_weights(f / "weights.safetensors")[0] for f in (output, *folders[1:]))
    for name, tensor in mean.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (second[name] + third[name]) / 2)
    assert (output / "results.json").is_file()
    assert not (output / "checkpoints").exists()  # nothing was trained


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (['stages=[["seed=2"],["init=stage2"]]'], "stages, stage 2: init=stage2: expected stages before it"),
        (['stages=[["seed=2"],["init=mine"]]'], "stages, stage 2: init=mine: expected stages before it"),
        (['stages=[["seed=2"],["average=[stage1]"]]'], "stages, stage 2: average names one stage alone"),
        (['stages=[["seed=2"],["average=[stage1,stage3]"]]'], "stage 2: average=[stage1,stage3]: expected"),
        (['stages=[[],[],["init=stage1","average=[stage1,stage2]"]]'], "stage 3: init beside average"),
        (['stages=[[],[],["init=[stage1,stage2]"]]'], "stages, stage 3: init names several stages"),
        (["stages=[seed]"], "stages: entry 1 is seed; expected a list of overrides"),
        (['stages=[["sed=2"]]'], "stages, stage 1: "),
        (['stages=[["experiment=zero_shot"]]'], "stages, stage 1: has stages of its own"),
        (['stages=[["seed=2"]]', "init=dsmnet_lite"], "init=dsmnet_lite: the stages of a recipe begin"),
    ],
)
def test_mistakes_are_told_before_any_training(
    run_tool: RunTool, overrides: list[str], message: str, tmp_path: Path
) -> None:
    run_tool("train", *SMALL, *overrides, refused=message)
    assert not list(tmp_path.rglob("last.ckpt"))


def test_the_recipe_of_the_weights_can_be_composed() -> None:
    *trainings, mean = plan_stages(OmegaConf.load(config_dir() / "experiment" / "zero_shot.yaml").stages)
    for stage in trainings:
        assert stage.cfg.choices.model == "dsmnet_lite"
        assert stage.cfg.trainer.max_steps  # not time: any machine repeats it
        assert stage.cfg.trainer.max_time is None
        assert not stage.average
    assert mean.average == [5, 7, 8, 9, 10, 11]
    # Self-distillation sees the pairs of the stage it is compared with; no other two share a seed.
    drawn = {(stage.cfg.seed, "distillation" in stage.cfg) for stage in trainings}
    assert len(drawn) == len(trainings)
