"""Ctrl-C and SIGTERM: training stops at a whole step, says how to go on, and goes on exactly."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.robustness.runs import (
    LIMIT,
    TWO,
    assert_equal_runs,
    kill_group,
    members,
    training,
    wait_for_all,
    wait_for_save,
)

ENDLESS = "trainer.max_steps=100000"
# The first two in the default run, all of them with --kills above 3.
CASES = [
    (signal.SIGTERM, 2, 0),
    (signal.SIGINT, 1, 2),
    (signal.SIGINT, 2, 1),
    (signal.SIGTERM, 1, 0),
    (signal.SIGINT, 2, 0),
    (signal.SIGTERM, 2, 1),
    (signal.SIGINT, 1, 0),
    (signal.SIGTERM, 1, 2),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose how many of the cases are run."""
    if "workers" in metafunc.fixturenames:
        chosen = CASES if metafunc.config.getoption("--kills") > 3 else CASES[:2]
        metafunc.parametrize(("number", "processes", "workers"), chosen)


def test_train_interrupted_saves_and_says_how_to_go_on(
    number: signal.Signals, processes: int, workers: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """To all processes, loading ones included, or to one that trains: none hangs, all leave a checkpoint."""
    times = max(1, int(request.config.getoption("--kills")) // 4)
    rng = random.Random(number)
    for attempt in range(times):
        output = tmp_path / f"run{attempt}"
        since = time.time()
        options = [f"loader.workers={workers}", *(TWO if processes == 2 else [])]
        with training(output, ENDLESS, *options) as process:
            wait_for_save(process, output, since)
            written = (output / "checkpoints" / "last.ckpt").stat().st_mtime_ns
            time.sleep(rng.uniform(0, 0.5))
            victims = [] if workers else rng.choice([[member] for member in members(process)] + [[]])
            if victims:
                os.kill(victims[0], number)
            else:
                kill_group(process, number)
            wait_for_all(process)
            assert process.returncode == 128 + number, (tmp_path / f"run{attempt}.log").read_text()[-2000:]
        log = (tmp_path / f"run{attempt}.log").read_text()
        assert "Traceback" not in log
        assert log.count(f"interrupted by {number.name} at step") == 1
        assert f"continue with resume={output / 'checkpoints' / 'last.ckpt'}" in log
        assert (output / "checkpoints" / "last.ckpt").stat().st_mtime_ns > written


def test_train_interrupted_between_validations_goes_on_exactly(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options = ["trainer.max_steps=12", "loader.epoch_steps=5", "norm=mixstyle"]
    options += ["trainer.accumulate_grad_batches=2"]
    with training(tmp_path / "whole", *options) as process:
        assert process.wait(LIMIT) == 0, (tmp_path / "whole.log").read_text()[-2000:]
    output = tmp_path / "parts"
    for _ in range(max(1, int(request.config.getoption("--kills")) // 2)):
        since = time.time()
        with training(output, *options) as process:
            wait_for_save(process, output, since)
            kill_group(process, signal.SIGINT)
            wait_for_all(process)
    with training(output, *options) as process:
        assert process.wait(LIMIT) == 0, (tmp_path / "parts.log").read_text()[-2000:]
    assert_equal_runs(tmp_path / "whole", output)


def test_train_whose_loading_process_is_killed_ends_in_one_line(tmp_path: Path) -> None:
    """As the system does where memory is short."""
    output, since = tmp_path / "run", time.time()
    with training(output, ENDLESS, "loader.workers=1") as process:
        wait_for_save(process, output, since)
        os.kill(members(process)[-1], signal.SIGKILL)
        assert process.wait(LIMIT) == 1
    log = (tmp_path / "run.log").read_text()
    assert "Traceback" not in log
    assert "loader.workers: a process that loads pairs was ended from outside" in log
