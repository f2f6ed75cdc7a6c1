"""tools/train.py as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsmnet.config import compose
from dsmnet.run import train
from tests.training.test_training import SMALL

ROOT = Path(__file__).resolve().parents[2]


def call(tmp_path: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("DSMNET_DATA", None)
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "train.py"), *overrides],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_processes_write_one_run(tmp_path: Path) -> None:
    result = call(tmp_path, *SMALL, "trainer.devices=2", "trainer.strategy=ddp", "progress=true")
    assert result.returncode == 0, result.stderr[-3000:]
    (output,) = (tmp_path / "outputs" / "train").iterdir()
    assert json.loads((output / "results.json").read_text())["sets"]["synthetic"]["images"] == 2
    for name in ("config.yaml", "metrics.csv", "weights.safetensors", "checkpoints/last.ckpt", "results.md"):
        assert (output / name).is_file(), name


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset=kitti2015", "paths.data=nowhere"], "nowhere/KITTI_2015"),
        (["norm=nope"], "nope"),
        (["trainer.max_stepz=3"], "max_stepz"),
        (["resume=gone.ckpt"], "resume=gone.ckpt"),
        (["norm.layer.variant=nope"], "variant"),
        # known before the training begins, not after it
        (["eval=synthetic", "protocol.pixels=visible"], "protocol.pixels=visible: expected noc, occ or all"),
    ],
)
def test_a_mistake_ends_with_one_message(tmp_path: Path, overrides: list[str], message: str) -> None:
    result = call(tmp_path, "trainer=debug", "model=tiny", "progress=false", *overrides)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert message in output
    assert "Traceback" not in output
    assert not list(tmp_path.rglob("last.ckpt"))


@pytest.mark.parametrize(
    "name", ["kitti2015", "kitti2012", "middlebury", "middlebury2006", "eth3d", "sceneflow"]
)
def test_every_real_set_trains(real_data: Path, tmp_path: Path, name: str) -> None:
    quick = [override for override in SMALL if not override.startswith(("dataset.", "eval"))]
    cfg = compose("train", [*quick, f"dataset={name}", f"paths.data={real_data}", f"paths.output={tmp_path}"])
    assert train(cfg, tmp_path).is_file()
