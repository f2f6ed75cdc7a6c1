"""The endless order of training, and batches of what it yields."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsmnet.data.collate import collate
from dsmnet.data.sampler import EndlessSampler
from dsmnet.errors import DataError


def sample_of(height: int = 40, width: int = 60) -> Any:
    maps = {"disparity": np.full((height, width), 6, np.float32), "valid": np.ones((height, width), bool)}
    image = np.full((height, width, 3), 128, np.uint8)
    return {"left": image, "right": image, "name": "pair", "dataset": "test", **maps}


def test_collate_defines_valid_once() -> None:
    sample = sample_of()
    sample["disparity"][0, 0] = 90
    sample["valid"][1, 1] = False
    batch = collate([sample, sample_of()], max_disparity=64)
    assert batch["left"].shape == (2, 3, 40, 60)
    assert batch["left"].max() <= 1
    assert not batch["valid"][0, 0, 0, 0]
    assert not batch["valid"][0, 0, 1, 1]
    assert batch["disparity"][0, 0, 0, 0] == 0
    assert batch["valid"].sum() == 2 * 40 * 60 - 2
    with pytest.raises(DataError, match=r"pair \(40, 60\), pair \(30, 60\)"):
        collate([sample, sample_of(height=30)])


def places(sampler: EndlessSampler, reached: int) -> list[tuple[int, int]]:
    sampler.reached = lambda: reached
    return list(sampler)


def test_every_item_comes_once_per_pass_in_a_new_order() -> None:
    sampler = EndlessSampler(10, 10, seed=3)
    first, second = places(sampler, 0), places(sampler, 10)
    assert sorted(item for _, item in first) == list(range(10))
    assert sorted(item for _, item in second) == list(range(10))
    assert [item for _, item in first] != [item for _, item in second]
    assert [place for place, _ in first + second] == list(range(20))


def test_a_resumed_order_continues_where_it_was_left() -> None:
    sampler = EndlessSampler(7, 5, seed=1)
    whole = [p for epoch in range(3) for p in places(sampler, 5 * epoch)]
    assert places(sampler, 7) + places(sampler, 10) == whole[7:]


def test_processes_share_the_order() -> None:
    parts = [places(EndlessSampler(9, 6, seed=1, rank=rank, world=2), 0) for rank in range(2)]
    assert sorted(parts[0] + parts[1]) == places(EndlessSampler(9, 6, seed=1), 0)
    with pytest.raises(DataError, match="empty"):
        EndlessSampler(0, 5)
