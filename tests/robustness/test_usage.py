"""--help tells what a tool takes, and nothing else."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from dsmnet.cli.arguments import did_you_mean, quote_paths
from dsmnet.cli.usage import examples, options, usage
from dsmnet.config import compose, config_dir, tool

TOOLS = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "tools").glob("*.py"))


@pytest.mark.parametrize("name", TOOLS)
def test_usage_explains_every_option_within_80_columns(name: str) -> None:
    text = usage(config_dir(), name, "About.")
    assert max(map(len, text.splitlines())) <= 80
    for option in options(config_dir(), name):
        assert f"  {option.name}={option.default}" in text
        of_a_list = re.match(r"fake\.sizes|baselines|sampling|loader|parity", option.name)
        assert option.about or option.is_group or of_a_list, f"{name}: {option.name} has no comment"


def test_usage_lists_the_groups_of_the_tool_alone() -> None:
    text = usage(config_dir(), "evaluate", "About.")
    assert re.search(r"^  eval=cross_domain .*table", text, re.MULTILINE)
    assert "cross_domain, sceneflow, synthetic" in text
    for other in ("optimizer", "schedule=", "experiment", "hydra."):
        assert other not in text
    assert "Groups" not in usage(config_dir(), "predict", "About.")
    train = usage(config_dir(), "train", "About.")
    assert "model/aggregation: channel_boost, gwc_hourglass, plain" in train
    assert re.search(r"loader\.batch_size=4 +pairs per step", train)


def test_help_prints_the_tool_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["predict.py", "--help"])
    monkeypatch.chdir(tmp_path)
    tool("predict")(lambda cfg: pytest.fail("ran"))()
    said = capsys.readouterr().out
    assert said.startswith("--help tells what a tool takes")  # the module in which the tool's work lies
    assert "  left=???\n" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", TOOLS)
def test_examples_are_commands_that_the_tool_takes(name: str) -> None:
    commands = " ".join(examples(config_dir(), name)).replace("\\ ", "").split(f"dsmnet {name}")
    assert not commands[0]
    for command in commands[1:]:
        cfg = compose(name, quote_paths(name, shlex.split(command)))
        assert not [key for key in cfg if OmegaConf.is_missing(cfg, key)]


def test_usage_lists_the_options_of_the_choices_that_are_given() -> None:
    assert "dataset.pairing" not in usage(config_dir(), "train", "About.")
    chosen = ["dataset=folder", "norm@norm3d=ibn_a", "model/volume=groupwise", "model=no_such", "left=a=b"]
    text = usage(config_dir(), "train", "About.", chosen)
    assert max(map(len, text.splitlines())) <= 80
    for head in chosen[:3]:
        assert f"Options of {head}:" in text
    assert re.search(r"  dataset\.pairing=order\n +order: sorted files", text)
    assert re.search(r"  norm3d\.first\.ratio=0\.5 +part of the channels", text)
    assert "no_such" not in text
    assert "a=b" not in text


def test_usage_names_an_option_once_with_the_default_of_the_tool() -> None:
    assert re.findall(r"^  tile=(\S*)", usage(config_dir(), "evaluate", "About."), re.MULTILINE) == ["null"]


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("outpt", ["paths.output", "left"], "paths.output"),
        ("kiti", ["kitti2012", "vkitti2", "sintel"], "kitti2012 or vkitti2"),
        ("maxdisp", ["max_disparity", "min_disparity", "left"], "max_disparity"),
        ("MAX_DISPARITY", ["max_disparity", "left"], "max_disparity"),
        ("lr", ["optimizer.lr", "dataset.camera.blur"], "optimizer.lr"),
        ("qqq", ["model"], ""),
        ("", ["model"], ""),
    ],
)
def test_did_you_mean_finds_what_is_alike(name: str, known: list[str], meant: str) -> None:
    assert did_you_mean(name, known) == (f"; did you mean {meant}?" if meant else "")
