"""tools/pack.py, and training from what it has written."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from dsmnet.datasets.shards import Shards
from dsmnet.run import train
from tests.tools.conftest import RunTool, write_scenes
from tests.training.test_training import small

PAIRS = "dataset.size=[48,96]", "dataset.largest_disparity=24", "dataset.validation_length=2"


def losses(output: Path) -> list[float]:
    rows = csv.DictReader((output / "metrics.csv").open())
    return [float(row["train/loss"]) for row in rows if row["train/loss"]]


def test_training_from_shards_has_the_losses_of_training_without(run_tool: RunTool, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    run_tool(
        "pack",
        "dataset=synthetic",
        "pairs=12",
        *PAIRS,
        "shard_pairs=5",
        "workers=2",
        f"paths.output={shards}",
    )
    common = [
        "trainer.max_steps=20",
        "loader.epoch_steps=10",
        "crop.height=48",
        "trainer.log_every_n_steps=1",
    ]
    made, read = tmp_path / "made", tmp_path / "read"
    train(small(made, *common, *PAIRS, "dataset.length=12"), made)
    cfg = small(read, *common)
    cfg.dataset = OmegaConf.create({"_target_": "dsmnet.datasets.shards.Shards", "root": str(shards)})
    train(cfg, read)
    assert len(losses(made)) == 20
    assert losses(read) == pytest.approx(losses(made), rel=1e-6)
    assert len(set(losses(read))) > 10


def test_pack_writes_any_set_and_check_data_reads_it(run_tool: RunTool, tmp_path: Path) -> None:
    write_scenes(tmp_path, 3)
    options = ["dataset=folder", f"dataset.left={tmp_path / 'left'}", f"dataset.right={tmp_path / 'right'}"]
    run = run_tool("pack", *options, "dataset.require_ground_truth=false")
    assert f"dataset.root={run.output}" in run.log
    assert len(Shards(run.output, require_ground_truth=False)) == 3
    again = run_tool("pack", *options, "dataset.require_ground_truth=false")
    assert again.output == run.output
    run_tool("pack", *options, "dataset.require_ground_truth=false", "shard_pairs=1", refused="other options")
    checked = run_tool(
        *(
            "check_data",
            "dataset=shards",
            f"dataset.root={run.output}",
            f"paths.output={tmp_path / 'checked'}",
        )
    )
    assert "no problems" in checked.log


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["dataset=synthetic", "pairs=0"], "pairs=0: expected a whole number of at least 1"),
        (["dataset=kitti2015", "shard_pairs=0", "paths.data=nowhere"], "nowhere/KITTI_2015"),
        (["dataset=shards"], "dataset.root: expected a folder"),
    ],
)
def test_pack_of_what_cannot_be_is_one_message(run_tool: RunTool, options: list[str], message: str) -> None:
    run = run_tool("pack", *options, refused=message)
    assert not list(run.output.glob("shard-*"))
