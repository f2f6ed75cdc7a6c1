"""The simulated pipeline where its result is known, and the program around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("simpy")

from benchmarks.scale.pipeline import Pipeline, simulate

EVEN = Pipeline(pair_seconds=0.01, step_seconds=0.1, batch=4, readers=2)


@pytest.mark.parametrize(
    ("changes", "rate", "waiting"),
    [
        ({}, 40, 0),  # bound by the step
        ({"pair_seconds": 0.1}, 20, 0.5),  # by the readers: two make ten pairs a second each
        ({"pair_seconds": 0.1, "readers": 5}, 40, 0),
        ({"readers": 0}, 4 / 0.14, 0.04 / 0.14),  # one after the other
        ({"gpus": 16}, 640, 0),
        ({"megabytes": 4.0, "link": 80.0}, 20, 0.5),  # by the link of the node
        ({"megabytes": 4.0, "link": 80.0, "gpus": 2}, 20, 0.75),  # which two GPUs share
        ({"megabytes": 4.0, "link": 80.0, "gpus": 2, "per_node": 1}, 40, 0.5),
        ({"megabytes": 4.0, "link": 80.0, "store": 80.0, "gpus": 2, "per_node": 1}, 20, 0.75),
    ],
)
def test_simulation_of_one_bottleneck_has_its_rate(
    changes: dict[str, Any], rate: float, waiting: float
) -> None:
    flow = simulate(replace(EVEN, **changes))
    assert flow.pairs_per_second == pytest.approx(rate, rel=0.02)
    assert flow.waiting == pytest.approx(waiting, abs=0.02)


def test_bursts_cost_what_no_queue_takes_up() -> None:
    """Readers that are quick enough on the mean make GPUs wait where a batch comes late."""
    even = replace(EVEN, pair_seconds=0.045, spread=0.6)
    flow, ahead, together = (
        simulate(replace(even, **changes), steps=1000)  # type: ignore[arg-type]
        for changes in ({"prefetch": 1}, {"prefetch": 16}, {"prefetch": 1, "gpus": 8})
    )
    assert flow.pairs_per_second < 0.9 * 40
    assert flow.pairs_per_second < ahead.pairs_per_second <= 40.01
    assert together.pairs_per_second < 8 * flow.pairs_per_second  # all wait for the latest
    assert simulate(even, steps=50) == simulate(even, steps=50)
