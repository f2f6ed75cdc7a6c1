from __future__ import annotations

import pytest
import torch

from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import Everywhere
from dsmnet.stages.aggregation.contract import AggregationInput
from dsmnet.stages.aggregation.gwc_hourglass import GwcHourglass
from dsmnet.stages.aggregation.stacked_hourglass import StackedHourglass

BIAS, BATCH = Everywhere(ChannelBias), Everywhere(batch_norm)
OUTPUTS = [(StackedHourglass, 3), (GwcHourglass, 4)]
Kind = type[StackedHourglass] | type[GwcHourglass]


def build(kind: Kind, norm3d: Everywhere = BIAS) -> StackedHourglass | GwcHourglass:
    torch.manual_seed(0)
    return kind(AggregationInput(6, {4: 3}, BATCH, norm3d), width=4)


@pytest.mark.parametrize(("kind", "outputs"), OUTPUTS)
@pytest.mark.parametrize("size", [(4, 4, 4), (12, 8, 20)])
def test_one_score_per_output_and_in_evaluation_the_last(
    kind: Kind, outputs: int, size: tuple[int, int, int]
) -> None:
    net = build(kind)
    volume = torch.randn(2, 6, *size)
    scores = net.train()(volume, {})
    assert [tuple(s.shape) for s in scores] == [(2, 1, *size)] * outputs
    (final,) = net.eval()(volume, {})
    torch.testing.assert_close(final, scores[-1])
    assert all(side % net.divisor == 0 for side in size)


@pytest.mark.parametrize(("kind", "outputs"), OUTPUTS)
def test_every_parameter_learns_from_the_last_output_but_other_heads(kind: Kind, outputs: int) -> None:
    net = build(kind, BATCH)
    net(torch.randn(2, 6, 8, 8, 12), {})[-1].square().sum().backward()
    silent = {name.split(".")[1] for name, p in net.named_parameters() if p.grad is None}
    silent |= {name for name, p in net.named_parameters() if p.grad is not None and not p.grad.any()}
    # PSMNet's last score contains those before; each of GwcNet's stands alone.
    assert silent == (set() if kind is StackedHourglass else {"0", "1", "2"})


def with_one_head(kind: Kind, at: int) -> list[bool]:
    """Which scores are not zero when the last convolution of one head alone is not."""
    net = build(kind)
    for index, head in enumerate(net.heads):
        torch.nn.init.constant_(head[-1].weight, 1.0 if index == at else 0.0)
    return [bool(score.abs().sum() > 0) for score in net(torch.randn(1, 6, 4, 4, 8), {})]


def test_scores_of_psmnet_add_up_and_those_of_gwcnet_stand_alone() -> None:
    for at in range(3):
        assert with_one_head(StackedHourglass, at) == [index >= at for index in range(3)]
    for at in range(4):
        assert with_one_head(GwcHourglass, at) == [index == at for index in range(4)]
