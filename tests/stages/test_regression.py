from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from dsmnet.stages.regression import FullSizeSoftArgmax, SoftArgmax


def scores_with_peak_at(position: float, planes: int = 12, sharpness: float = 3.0) -> torch.Tensor:
    distance = (torch.arange(planes) - position).abs()
    return (-sharpness * distance).view(1, 1, planes, 1, 1).expand(1, 1, planes, 2, 3).clone()


def test_expectation_over_all_planes() -> None:
    scores = torch.randn(2, 1, 7, 3, 4)
    expected = (scores[:, 0].softmax(1) * torch.arange(7.0).view(1, 7, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(SoftArgmax()(scores), expected)


def test_symmetric_peak_gives_its_position() -> None:
    for radius in (None, 1, 2):
        torch.testing.assert_close(
            SoftArgmax(radius)(scores_with_peak_at(5.0)), torch.full((1, 1, 2, 3), 5.0)
        )
    torch.testing.assert_close(
        SoftArgmax(2)(scores_with_peak_at(5.5, sharpness=9.0)), torch.full((1, 1, 2, 3), 5.5)
    )


def test_a_window_stays_on_one_of_two_surfaces() -> None:
    scores = torch.maximum(scores_with_peak_at(2.0), scores_with_peak_at(9.0) - 0.1)
    assert (SoftArgmax()(scores) - 2).abs().min() > 2  # in between: the point of the window
    assert (SoftArgmax(2)(scores) - 2).abs().max() < 0.1


def test_peaks_at_both_ends_stay_inside() -> None:
    for position in (0.0, 11.0):
        result = SoftArgmax(2)(scores_with_peak_at(position))
        assert (result - position).abs().max() < 0.1


def test_gradient_reaches_the_window_only() -> None:
    scores = scores_with_peak_at(5.0).requires_grad_()
    SoftArgmax(2)(scores).sum().backward()
    reached = scores.grad.abs().sum((0, 1, 3, 4)) > 0
    assert reached[[3, 4, 6, 7]].all()  # the peak itself lies at the expectation: no gradient
    assert not reached[:3].any()
    assert not reached[8:].any()


@pytest.mark.parametrize(("inclusive", "levels"), [(False, 12), (True, 9)])
def test_full_size_expectation_is_that_of_the_enlarged_scores(inclusive: bool, levels: int) -> None:
    scores = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = FullSizeSoftArgmax(4, inclusive)(scores)
    assert found.dtype == torch.float64
    fine = F.interpolate(scores, size=(levels, 16, 20), mode="trilinear", align_corners=False)[:, 0]
    probability = fine.exp() / fine.exp().sum(1, keepdim=True)
    expected = sum(d * probability[:, d] for d in range(levels))
    torch.testing.assert_close(found[:, 0], expected)


def test_full_size_expectation_reaches_the_whole_range() -> None:
    scores = torch.full((1, 1, 5, 2, 2), -50.0)
    scores[:, :, -1] = 50.0
    assert FullSizeSoftArgmax(4)(scores).mean() == pytest.approx(18.5, abs=0.6)  # of 0 to 19
    assert FullSizeSoftArgmax(4, inclusive=True)(scores).mean() == pytest.approx(16, abs=0.6)  # of 0 to 16
