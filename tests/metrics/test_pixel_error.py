"""EPE, bad-k and D1 against a plain loop, and at their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsmnet.errors import ShapeError
from dsmnet.metrics import bad_pixel, d1, epe

Metric = Callable[..., Tensor]


def bad(k: float) -> Metric:
    return lambda *maps, **options: bad_pixel(*maps, threshold=k, **options)


METRICS: dict[str, Metric] = {"epe": epe, "bad1": bad(1), "bad2": bad(2), "bad3": bad(3), "d1": d1}


def loop(prediction: NDArray, target: NDArray, valid: NDArray) -> dict[str, float]:
    """Written pixel by pixel from the benchmarks' definitions: KITTI's devkit, Middlebury's bad-k."""
    count, error_sum, outliers = 0, 0.0, 0
    above = {1: 0, 2: 0, 3: 0}
    for index in np.ndindex(target.shape):
        if not valid[index]:
            continue
        count += 1
        error = abs(float(prediction[index]) - float(target[index]))
        error_sum += error
        for k in above:
            above[k] += error > k
        outliers += error > 3.0 and error / float(target[index]) > 0.05
    if count == 0:
        return dict.fromkeys(METRICS, math.nan)
    bads = {f"bad{k}": 100 * number / count for k, number in above.items()}
    return {"epe": error_sum / count, **bads, "d1": 100 * outliers / count}


def random_maps(shape: tuple[int, ...], seed: int, share: float = 0.6) -> tuple[Tensor, Tensor, Tensor]:
    """Errors from far below to far above every threshold, on small and large disparities."""
    rng = np.random.default_rng(seed)
    target = rng.uniform(0.5, 190, shape).astype(np.float32)
    error = rng.choice([-1, 1], shape) * rng.exponential(4, shape)
    valid = rng.random(shape) < share
    return (
        torch.from_numpy((target + error).astype(np.float32)),
        torch.from_numpy(target),
        torch.from_numpy(valid),
    )


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (3, 1, 9, 11), (2, 13, 4)])
@pytest.mark.parametrize("share", [0.02, 0.6, 1.0])
def test_metrics_equal_a_plain_loop(shape, share):
    for seed in range(3):
        maps = random_maps(shape, seed, share)
        expected = loop(*(m.numpy() for m in maps))
        for name, metric in METRICS.items():
            assert metric(*maps).item() == pytest.approx(expected[name], rel=1e-5, nan_ok=True), name


@pytest.mark.parametrize("name", METRICS)
def test_per_image_equals_each_image_alone(name):
    maps = random_maps((4, 1, 6, 5), seed=3)
    maps[2][2] = False  # an image nobody can judge
    answer = METRICS[name](*maps, per_image=True)
    assert answer.shape == (4, 1)
    for index in range(4):
        alone = loop(*(m[index].numpy() for m in maps))[name]
        assert answer[index, 0].item() == pytest.approx(alone, rel=1e-5, nan_ok=True)
    assert answer[2].isnan().all()


def test_d1_needs_both_conditions():
    #                       3.5 px of 100: 3.5 %   3.5 px of 60: 5.8 %   2.9 px of 10: 29 %   exactly 3 px
    target = torch.tensor([[100.0, 60.0, 10.0, 10.0]])
    error = torch.tensor([[3.5, 3.5, 2.9, 3.0]])
    valid = torch.ones_like(target, dtype=torch.bool)
    assert d1(target + error, target, valid).item() == 25
    assert bad_pixel(target + error, target, valid, 3).item() == 50


@pytest.mark.parametrize("name", METRICS)
def test_without_a_valid_pixel_the_answer_is_nan(name):
    prediction, target, valid = random_maps((2, 6, 5), seed=0, share=0.0)
    assert METRICS[name](prediction, target, valid).isnan()
    assert METRICS[name](prediction, target, valid, per_image=True).isnan().all()


@pytest.mark.parametrize("name", METRICS)
def test_what_lies_under_an_invalid_pixel_does_not_matter(name):
    prediction, target, valid = random_maps((9, 7), seed=1)
    expected = METRICS[name](prediction, target, valid)
    for junk in (math.nan, math.inf, -math.inf, 1e30):
        spoilt = [torch.where(valid, m, junk) for m in (prediction, target)]
        assert METRICS[name](*spoilt, valid) == expected


@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf])
def test_a_prediction_that_is_not_a_number_is_wrong(junk):
    target = torch.full((2, 2), 50.0)
    valid = torch.ones(2, 2, dtype=torch.bool)
    prediction = target.clone()
    prediction[0, 0] = junk
    assert epe(prediction, target, valid) == math.inf
    for name in ("bad1", "bad2", "bad3", "d1"):
        assert METRICS[name](prediction, target, valid) == 25


def test_half_precision_is_compared_in_float32():
    target = torch.full((4, 4), 100.25)
    valid = torch.ones(4, 4, dtype=torch.bool)
    # 100.25 itself has no bfloat16; the error is that of the prediction alone.
    assert epe(torch.full((4, 4), 100.0, dtype=torch.bfloat16), target, valid).item() == 0.25


@pytest.mark.parametrize("name", METRICS)
def test_shapes_that_differ_are_both_printed(name):
    a, b = torch.zeros(2, 4, 5), torch.zeros(2, 5, 4)
    with pytest.raises(ShapeError, match=r"\[2, 4, 5\].*\[2, 5, 4\]"):
        METRICS[name](a, b, b.bool())
    with pytest.raises(ShapeError, match=r"\[2, 5, 4\].*\[2, 4, 5\]"):
        METRICS[name](a, a, b.bool())
    with pytest.raises(ShapeError, match=r"\[3\]"):
        METRICS[name](a[0, 0, :3], a[0, 0, :3], a[0, 0, :3].bool())


def test_broadcastable_shapes_are_refused_too():
    # [N, H, W] against [N, 1, H, W] would silently compare every image with every other.
    maps = torch.zeros(3, 4, 5), torch.zeros(3, 1, 4, 5), torch.zeros(3, 1, 4, 5, dtype=torch.bool)
    with pytest.raises(ShapeError):
        epe(*maps)
