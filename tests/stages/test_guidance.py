"""The guidance of DSMNet's aggregation, and the aggregation."""

from __future__ import annotations

import pytest
import torch

from dsmnet.config import compose, instantiate
from dsmnet.errors import ShapeError
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.aggregation.guidance import Guidance, neighbour_similarity
from dsmnet.stages.aggregation.guided_hourglass import GuidedBlock, GuidedHourglass


@pytest.fixture
def norm() -> Placement:
    return instantiate(compose("build", ["norm=instance"]).norm)


def test_similarities_are_cosines_of_neighbours_by_rows() -> None:
    x = torch.randn(1, 4, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = neighbour_similarity(x)
    for r in range(3):
        for c in range(5):
            expected = []
            for dr in (-1, 0, 1):
                for dc in (-1, 0, 1):
                    if not (0 <= r + dr < 3 and 0 <= c + dc < 5):
                        expected.append(0.0)
                        continue
                    a, b = x[0, :, r, c], x[0, :, r + dr, c + dc]
                    expected.append(float(a @ b / a.norm() / b.norm()))
            total = sum(abs(value) for value in expected)
            assert found[0, :, r, c].tolist() == pytest.approx([value / total for value in expected])


@pytest.mark.parametrize("stride", [3, 4])
def test_weights_at_both_sizes(norm: Placement, stride: int) -> None:
    guides = Guidance(norm, 6, stride=stride, widths=(4, 8))(
        torch.randn(2, 3, 8 * stride, 12 * stride), torch.randn(2, 6, 8, 12)
    )
    assert [tuple(w.shape) for w in guides.fine] == [(2, 4, 5, 8, 12)] * 3
    assert [tuple(w.shape) for w in guides.coarse] == [(2, 4, 5, 4, 6)] * 4
    for weights in (*guides.fine, *guides.coarse):
        torch.testing.assert_close(weights.abs().sum(2), torch.ones_like(weights[:, :, 0]))


def test_a_block_with_weights_that_keep_everything_is_a_residual_block(norm: Placement) -> None:
    block = GuidedBlock(3, norm)
    volume = torch.randn(1, 3, 5, 6, 7)
    keep = torch.zeros(1, 4, 5, 6, 7)
    keep[:, :, 0] = 1
    expected = torch.relu(volume + block.refine(torch.relu(block.norm(volume))))
    torch.testing.assert_close(block(volume, keep), expected)


def test_the_number_of_planes_must_be_halvable(norm: Placement) -> None:
    stage = GuidedHourglass(4, norm, widths=(4, 4, 4), guide_channels=6)
    guides = Guidance(norm, 6, stride=4, widths=(4, 4))(torch.randn(1, 3, 32, 64), torch.randn(1, 6, 8, 16))
    left = torch.randn(1, 6, 8, 16)
    assert stage(torch.randn(1, 4, 9, 8, 16), guides, left)[-1].shape == (1, 1, 9, 8, 16)
    with pytest.raises(ShapeError, match=r"cannot merge \(1, 4, 3, 4, 8\) with \(1, 4, 4, 4, 8\)"):
        stage(torch.randn(1, 4, 8, 8, 16), guides, left)
