from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import Everywhere
from dsmnet.ops import sga
from dsmnet.stages.aggregation.contract import AggregationInput
from dsmnet.stages.aggregation.semi_global import SemiGlobalAggregation
from dsmnet.stages.aggregation.semi_global_half import HalfSemiGlobalAggregation

KINDS: tuple[Any, ...] = (
    SemiGlobalAggregation,
    HalfSemiGlobalAggregation,
    partial(HalfSemiGlobalAggregation, thin=True),
)


def build(kind: Any) -> Any:
    torch.manual_seed(0)
    given = AggregationInput(3, {4: 5}, Everywhere(batch_norm), Everywhere(ChannelBias))
    return kind(given, guide_width=4)


def inputs(size: tuple[int, int, int]) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    torch.manual_seed(1)
    return torch.randn(2, 3, *size), {4: torch.randn(2, 5, *size[1:])}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(8, 6, 10), (7, 5, 9), (1, 4, 4), (6, 3, 4)])
def test_a_score_per_voxel_before_and_after_every_pass(kind: Any, size: tuple[int, int, int]) -> None:
    scores = build(kind)(*inputs(size))
    assert [tuple(score.shape) for score in scores] == [(2, 1, *size)] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_corrections_start_at_zero_so_that_passes_only_smooth(kind: Any) -> None:
    net = build(kind)
    volume, left_features = inputs((8, 6, 10))
    raw, once, twice = net(volume, left_features)
    weights = net.guide(left_features[4]).view(2, 2, 4, 5, 6, 10).softmax(3)
    torch.testing.assert_close(once, sga(raw, weights[:, 0], reduce="mean"))
    torch.testing.assert_close(twice, sga(once, weights[:, 1], reduce="mean"))
    assert twice.std() < 0.5 * raw.std()


def test_an_odd_volume_is_filled_up_with_what_stands_for_no_match() -> None:
    net = build(HalfSemiGlobalAggregation)
    volume, left_features = inputs((7, 5, 9))
    even = torch.nn.functional.pad(volume, (0, 1, 0, 1, 0, 1))
    guide = {4: torch.nn.functional.pad(left_features[4], (0, 1, 0, 1))}
    torch.testing.assert_close(net(volume, left_features)[0], net(even, guide)[0][..., :7, :5, :9])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_correction_reaches_every_voxel_on_its_own(kind: Any) -> None:
    net = build(kind)
    for correction in net.corrections:
        torch.nn.init.normal_(correction.out.weight)
    volume, _ = inputs((4, 4, 6))
    smooth = torch.zeros(2, 4, 4, 6)
    change = net.corrections[0](smooth, smooth + 1, net.hourglass(volume))
    block = change[0, :2, :2, :2].flatten()
    assert block.unique().numel() == 8
