"""Two nodes of one process each over loopback: the same numbers as one process, and how they end."""

from __future__ import annotations

import csv
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import torch

from dsmnet.config import compose
from dsmnet.run import train
from tests.robustness.runs import (
    LIMIT,
    SMALL,
    kill_group,
    state,
    training,
    wait_for_all,
    wait_for_save,
)

# No best plane, which rounding may move. In float64, as rounding grows from step to step.
SAME = [
    *("model.window=null", "loader.global_batch=2", "callbacks.ema.decay=0", "trainer.log_every_n_steps=1"),
    "dataset.validation_length=3",
]
EXACT = ["trainer.precision=64-true", "trainer.max_steps=20", "loader.epoch_steps=10"]
# FSDP has no float64: plain gradient descent, as Adam turns the rounding of gradients that are 0 into steps.
SHARDED = [
    *("optimizer._target_=torch.optim.SGD", "~optimizer.betas", "optimizer.lr=1e-4"),
    *("trainer.max_steps=6", "loader.epoch_steps=3"),
]
NODES = ("trainer.num_nodes=2", "trainer.strategy=ddp")


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@contextmanager
def two_nodes(output: Path, *options: str) -> Iterator[list]:
    """The processes of a run that is started by hand on each of two nodes, the first one first."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    with ExitStack() as stack:
        places = [{**meeting, "NODE_RANK": str(rank)} for rank in range(2)]
        yield [stack.enter_context(training(output, *NODES, *options, environment=place)) for place in places]


def run_two_nodes(output: Path, *options: str) -> None:
    with two_nodes(output, *options) as processes:
        ends = [process.wait(LIMIT) for process in processes]
    assert ends == [0, 0], log_of(output)[-2000:]


def log_of(output: Path) -> str:
    return (output.parent / f"{output.name}.log").read_text()


def curve(output: Path, name: str) -> list[float]:
    return [float(row[name]) for row in csv.DictReader((output / "metrics.csv").open()) if row.get(name)]


@pytest.mark.parametrize(("strategy", "options"), [("ddp", EXACT), ("fsdp", SHARDED)])
def test_two_nodes_train_as_one_process_with_the_joined_batch(
    strategy: str, options: list[str], tmp_path: Path
) -> None:
    alone, output = tmp_path / "alone", tmp_path / "run"
    train(compose("train", [*SMALL, *SAME, *options, f"paths.output={alone}"]), alone)
    run_two_nodes(output, *SAME, *options, f"trainer.strategy={strategy}")
    rate = "lr-SGD" if strategy == "fsdp" else "lr-AdamW"
    for name in ("train/loss", "train/epe", "val/epe", "val/bad3", "train/pairs", rate):
        assert curve(output, name) == pytest.approx(curve(alone, name), rel=1e-6), name
    assert f"trainer.max_steps={len(curve(output, 'train/loss'))}" in options
    assert len(curve(output, "val/epe")) == 2
    expected, found = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (alone, output)
    )
    assert expected["state_dict"].keys() == found["state_dict"].keys()
    for name, tensor in expected["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][name], tensor, rtol=1e-6, atol=1e-6)
    assert not [path for path in output.rglob("*") if "process" in path.name]
    assert log_of(output).count("weights of best.ckpt saved") == 1
    assert (output / "results.json").is_file()


def test_a_node_that_is_killed_ends_the_other_in_one_line_and_one_process_goes_on(tmp_path: Path) -> None:
    output, since = tmp_path / "run", time.time()
    goes_on = ("loader.global_batch=2", "trainer.max_steps=1000")
    with two_nodes(output, *goes_on) as (first, second):
        wait_for_save(first, output, since)
        kill_group(second)
        assert wait_for_all(first) < 60
        assert first.returncode == 1
    log, last = log_of(output), output / "checkpoints" / "last.ckpt"
    assert "Traceback" not in log
    assert log.count("[ERROR]") == 1
    assert "another process of the run has ended, or 127.0.0.1:" in log
    assert f"; resume={last} continues" in log
    stopped = int(state(output)["step"])
    steps = f"trainer.max_steps={stopped + 2}"
    options = [*SMALL, goes_on[0], steps, f"resume={last}", f"paths.output={output}"]
    train(compose("train", options), output)
    content = torch.load(last, weights_only=True)
    assert (content["global_step"], content["dsmnet_pairs"]) == (stopped + 2, 2 * stopped + 4)


def test_ctrl_c_under_torchrun_leaves_a_checkpoint(tmp_path: Path) -> None:
    """Torchrun hands on the signal that the terminal has sent to all: that is no second Ctrl-C."""
    output, since = tmp_path / "run", time.time()
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    options = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.max_steps=1000")
    with training(output, *options, launcher=launcher) as process:
        wait_for_save(process, output, since)
        written = (output / "checkpoints" / "last.ckpt").stat().st_mtime_ns
        kill_group(process, signal.SIGINT)
        assert wait_for_all(process) < 60
    log = log_of(output)
    assert log.count("interrupted by SIGINT at step") == 1
    assert (output / "checkpoints" / "last.ckpt").stat().st_mtime_ns > written
    assert not {"metrics.1.csv", "train_ddp_process_1.log"} & set(os.listdir(output))
