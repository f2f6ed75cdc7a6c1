"""Which norms of residual blocks and of a network a placement replaces."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from dsmnet.config import compose, instantiate
from dsmnet.layers.conv import ResidualBlock
from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.ibn import IBN
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.mixstyle import MixStyle
from dsmnet.layers.norms.placement import BlockInput, BlockOutput, Everywhere, Placement
from dsmnet.stages.features.unet import UNetFeatures

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


# Stem, then stage k at down.(k - 1): a convolution that halves, and one residual block, thus the last.
SPECIAL = {
    "batch": {},
    "ibn_a": {f"down.{at}.1.norm1": IBN for at in (0, 1, 2)},
    "ibn_b": dict.fromkeys(("stem.0.1", "down.0.1.norm_out", "down.1.1.norm_out"), InstanceNorm),
    "mixstyle": dict.fromkeys(("down.0.1.norm_out", "down.1.1.norm_out"), MixStyle),
}


@pytest.mark.parametrize("name", list(SPECIAL))
def test_published_places_in_a_network_of_four_stages(name: str) -> None:
    net = UNetFeatures(load(name), widths=(4, 6, 8, 10, 12))
    kinds = (nn.BatchNorm2d, IBN, InstanceNorm, MixStyle, nn.Identity)
    found = {
        key: type(module)
        for key, module in net.named_modules()
        if isinstance(module, kinds) and not isinstance(net.get_submodule(key.rpartition(".")[0]), IBN)
    }
    expected: dict[str, type[nn.Module]] = {"stem.0.1": nn.BatchNorm2d, "stem.1.1": nn.BatchNorm2d}
    for at in range(4):
        for norm in ("0.1", "1.norm1", "1.norm2"):
            expected[f"down.{at}.{norm}"] = nn.BatchNorm2d
        expected[f"down.{at}.1.norm_out"] = nn.Identity
    expected |= {f"up.{at}.mix.1": nn.BatchNorm2d for at in range(3)}
    of_the_filter = {key: kind for key, kind in found.items() if key.startswith("filter.")}
    assert set(of_the_filter.values()) == {nn.BatchNorm2d}
    assert found == expected | SPECIAL[name] | of_the_filter
    assert set(net(torch.randn(2, 3, 64, 96))) == {2, 4}


@pytest.mark.parametrize("build", [Everywhere, BlockInput, BlockOutput])
def test_placements_pass_on_what_they_are_asked_for(build: Callable[..., Placement]) -> None:
    def layer(num_features: int, *, ndim: int) -> nn.Module:
        return nn.Unflatten(num_features, (ndim,))

    placement = build(layer) if build is Everywhere else build(layer, layer)
    for slot in ("stem", "inner", "block_in", "block_out"):
        module = getattr(placement, slot)(5, 3)
        if not isinstance(module, nn.Identity):
            assert (module.dim, module.unflattened_size) == (5, (3,))
