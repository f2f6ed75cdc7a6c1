"""The metrics that collect: over batches, over processes, with either average."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from dsmnet.metrics import bad_pixel, d1, epe
from dsmnet.metrics.modular import D1, EPE, BadPixel, DisparityMetric

PAIRS: dict[str, tuple[Callable[..., DisparityMetric], Callable[..., Tensor]]] = {
    "epe": (EPE, epe),
    "bad2": (partial(BadPixel, 2), partial(bad_pixel, threshold=2)),
    "d1": (D1, d1),
}


@pytest.fixture
def maps() -> tuple[Tensor, Tensor, Tensor]:
    """Seven images whose shares of valid pixels, and errors, differ widely; the fourth has no valid pixel."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(7, 1, 9, 5, generator=generator) * 60 + 1
    size = torch.arange(7).reshape(7, 1, 1, 1)
    prediction = target + torch.randn(7, 1, 9, 5, generator=generator) * size
    valid = torch.rand(7, 1, 9, 5, generator=generator) < (size + 1) / 8
    valid[3] = False
    return prediction, target, valid


def expected(function: Callable[..., Tensor], average: str, maps: tuple[Tensor, ...]) -> float:
    return (function(*maps) if average == "pixel" else function(*maps, per_image=True).nanmean()).item()


@pytest.mark.parametrize("average", ["image", "pixel"])
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("batch", [1, 3, 7])
def test_batches_add_up_to_the_whole(name, average, batch, maps):
    build, function = PAIRS[name]
    metric = build(average=average)
    for start in range(0, 7, batch):
        metric.update(*(m[start : start + batch] for m in maps))
    assert metric.compute().item() == pytest.approx(expected(function, average, maps), rel=1e-5)


def test_the_averages_differ_where_images_differ(maps):
    values = []
    for average in ("image", "pixel"):
        metric = EPE(average=average)
        metric.update(*maps)
        values.append(metric.compute().item())
    assert values[0] != pytest.approx(values[1], rel=0.05)


@pytest.mark.parametrize("average", ["image", "pixel"])
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_nothing_valid_is_nan_and_reset_forgets(name, average, maps):
    metric = PAIRS[name][0](average=average)
    assert metric.compute().isnan()
    metric.update(maps[0], maps[1], torch.zeros_like(maps[2]))
    assert metric.compute().isnan()
    metric.update(*maps)
    assert metric.compute().isfinite()
    metric.reset()
    assert metric.compute().isnan()


@pytest.mark.parametrize("average", ["image", "pixel"])
@pytest.mark.parametrize("name", PAIRS)
def test_two_processes_agree_with_one(name, average, maps):
    build, function = PAIRS[name]
    other = build(average=average)
    other.update(*(m[5:] for m in maps))
    theirs = iter([other.total, other.count])

    def gather(state: Tensor, group: Any = None) -> list[Tensor]:
        return [state, next(theirs)]

    metric = build(average=average, dist_sync_fn=gather, distributed_available_fn=lambda: True)
    metric.update(*(m[:5] for m in maps))
    assert metric.compute().item() == pytest.approx(expected(function, average, maps), rel=1e-5)


def test_a_wrong_average_is_refused():
    with pytest.raises(ValueError, match="'image' or 'pixel'"):
        EPE(average="batch")  # type: ignore[arg-type]
