"""Runs that are killed at random moments and resumed end in the weights of a run that was not."""

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

STEPS = "trainer.max_steps=16"


@pytest.mark.parametrize("processes", [1, 2])
def test_train_killed_and_resumed_ends_in_the_same_weights(
    processes: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--kills"))
    kills = kills if kills > 3 else 3 - processes  # by default three in all
    options = [STEPS, *(TWO if processes == 2 else [])]
    with training(tmp_path / "whole", *options) as process:
        assert process.wait(LIMIT) == 0, (tmp_path / "whole.log").read_text()[-2000:]
    rng, done = random.Random(processes), 0
    while done < kills:  # where a run comes to its end before its kill, another one is begun
        output = tmp_path / f"killed{done}"
        while done < kills:
            since = time.time()
            with training(output, *options) as process:
                wait_for_save(process, output, since)
                time.sleep(rng.uniform(0, 0.5))
                if process.poll() is not None:
                    break
                kill_one_or_all(process, rng)
                wait_for_all(process)
                done += 1
        with training(output, *options) as process:
            assert process.wait(LIMIT) == 0, (tmp_path / f"{output.name}.log").read_text()[-2000:]
        assert_equal_runs(tmp_path / "whole", output)


def kill_one_or_all(process, rng: random.Random) -> None:  # type: ignore[no-untyped-def]
    """Kill all processes of a run, or one of several, after which the others have to end by themselves."""
    victim = rng.choice([*members(process), None])
    if victim is None:
        kill_group(process)
    else:
        os.kill(victim, signal.SIGKILL)
