"""Which norms of residual blocks a placement replaces."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from torch import nn

from dsmnet.config import compose, instantiate
from dsmnet.layers.conv import ResidualBlock
from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.ibn import IBN
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.mixstyle import MixStyle
from dsmnet.layers.norms.placement import BlockInput, BlockOutput, Everywhere, Placement

NOTHING = nn.Identity


def load(name: str) -> Placement:
    return instantiate(compose("build", [f"norm={name}"]).norm)


def block(placement: Placement, *, ndim: int, stage: int, last: bool) -> list[type[nn.Module]]:
    built = ResidualBlock(6, placement, ndim=ndim, stage=stage, last=last)
    return [type(built.norm1), type(built.norm2), type(built.norm_out)]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_published_places_in_a_residual_block(stage: int, last: bool, dimensions: int) -> None:
    """IBN-a: the first norm up to stage 3. IBN-b: after the sum of the last block of stages 1 and 2."""
    batch = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[dimensions]
    where = partial(block, ndim=dimensions, stage=stage, last=last)
    deep, after = stage > 3, last and stage <= 2
    assert where(load("batch")) == [batch, batch, NOTHING]
    assert where(load("ibn_a")) == [batch if deep else IBN, batch, NOTHING]
    assert where(load("ibn_b")) == [batch, batch, InstanceNorm if after else NOTHING]
    assert where(load("mixstyle")) == [batch, batch, MixStyle if after else NOTHING]


@pytest.mark.parametrize("stages", [0, 1, 3, None])
def test_stages_counts_from_the_first(stages: int | None) -> None:
    changed = {stage for stage in (1, 2, 3, 4) if stages is None or stage <= stages}
    a, b = BlockInput(batch_norm, IBN, stages=stages), BlockOutput(batch_norm, InstanceNorm, stages=stages)
    for stage in (1, 2, 3, 4):
        assert isinstance(a.block_in(6, stage=stage), IBN) == (stage in changed)
        assert isinstance(b.block_out(6, stage=stage), InstanceNorm) == (stage in changed)
        assert isinstance(b.block_out(6, stage=stage, last=False), NOTHING)


def test_stages_and_stem_come_from_the_configuration() -> None:
    def one(name: str, *overrides: str) -> Placement:
        return instantiate(compose("build", [f"norm={name}", *overrides]).norm)

    assert isinstance(one("ibn_a", "norm.stages=null").block_in(6, stage=9), IBN)
    assert isinstance(one("ibn_b", "norm.stages=1").block_out(6, stage=2), NOTHING)
    assert isinstance(one("ibn_b", "norm.at_stem=false").stem(6), nn.BatchNorm2d)


@pytest.mark.parametrize("build", [Everywhere, BlockInput, BlockOutput])
def test_placements_pass_on_what_they_are_asked_for(build: Callable[..., Placement]) -> None:
    def layer(num_features: int, *, ndim: int) -> nn.Module:
        return nn.Unflatten(num_features, (ndim,))

    placement = build(layer) if build is Everywhere else build(layer, layer)
    for slot in ("stem", "inner", "block_in", "block_out"):
        module = getattr(placement, slot)(5, 3)
        if not isinstance(module, nn.Identity):
            assert (module.dim, module.unflattened_size) == (5, (3,))
