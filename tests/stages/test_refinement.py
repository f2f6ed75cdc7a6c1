from __future__ import annotations

import pytest
import torch

from dsmnet.stages.refinement import Refinement, convex_upsample, warp


def test_warp_undoes_a_shift() -> None:
    right = torch.rand(1, 2, 4, 10)
    disparity = torch.full((1, 1, 4, 10), 3.0)
    torch.testing.assert_close(warp(right, disparity)[..., 3:], right[..., :-3], atol=1e-5, rtol=0)
    half = warp(right, torch.full((1, 1, 4, 10), 0.5))
    torch.testing.assert_close(half[..., 1:], (right[..., 1:] + right[..., :-1]) / 2, atol=1e-5, rtol=0)


def test_convex_upsampling_scales_and_stays_between_neighbours() -> None:
    flat = torch.full((1, 1, 3, 4), 5.0)
    torch.testing.assert_close(
        convex_upsample(flat, torch.randn(1, 36, 3, 4), 2), torch.full((1, 1, 6, 8), 10.0)
    )
    disparity = torch.rand(1, 1, 3, 4)
    result = convex_upsample(disparity, torch.randn(1, 36, 3, 4), 2)
    assert result.max() <= 2 * disparity.max()
    assert result.min() >= 2 * disparity.min()


def test_convex_upsampling_picks_the_neighbour_that_has_all_the_weight() -> None:
    disparity = torch.arange(12.0).view(1, 1, 3, 4)
    logits = torch.full((1, 9, 4, 3, 4), -100.0)
    logits[:, 5] = 100.0  # the neighbour on the right, for all four pixels of a cell
    result = convex_upsample(disparity, logits.view(1, 36, 3, 4), 2)
    assert result[0, 0, 2, 2] == 2 * disparity[0, 0, 1, 2]
    assert result[0, 0, 3, 3] == 2 * disparity[0, 0, 1, 2]


@pytest.mark.parametrize("matched", [(None, None), (3, None), (3, 2)])
def test_refinement_starts_as_an_enlargement(matched: tuple[int | None, int | None]) -> None:
    torch.manual_seed(0)
    stage = Refinement({2: 4, 4: 6}, hidden=(8, 8), blocks=(1, 1), radius=(2, 1), matched=matched)
    maps = {2: torch.randn(1, 4, 8, 12), 4: torch.randn(1, 6, 4, 6)}
    outputs = stage(torch.full((1, 1, 4, 6), 9.0), maps, maps)
    assert [tuple(o.shape) for o in outputs] == [(1, 1, 16, 24)] * 2
    for output in outputs:
        torch.testing.assert_close(output, torch.full((1, 1, 16, 24), 9.0))
