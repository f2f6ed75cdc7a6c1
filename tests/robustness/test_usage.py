"""--help tells what a tool takes, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsmnet.cli.usage import options, usage
from dsmnet.config import config_dir, tool

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
