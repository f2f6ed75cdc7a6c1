"""What DomainNorm is for: what it does not see, and that training with it holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from dsmnet.layers import DomainNorm
from dsmnet.layers.norms.group import GroupNorm
from dsmnet.layers.norms.instance import InstanceNorm

VARIANTS = ("paper", "seed", "l2_first")
Sample = Callable[..., Tensor]
Randomise = Callable[[nn.Module], nn.Module]


def test_domain_norm_does_not_see_brightness_and_contrast(
    sample: Sample, randomise: Randomise, ndim: int, space: tuple[int, ...]
) -> None:
    x = sample(2, 6, *space, dtype=torch.float64)
    norm = randomise(DomainNorm(6, ndim=ndim, eps=1e-12))
    rng = torch.Generator().manual_seed(2)
    shape = (2, 6, *[1] * ndim)
    gain = torch.rand(shape, generator=rng, dtype=torch.float64) * 5 + 0.1
    offset = torch.randn(shape, generator=rng, dtype=torch.float64) * 10
    torch.testing.assert_close(norm(gain * x + offset), norm(x), rtol=1e-8, atol=1e-8)
    assert not torch.allclose(norm(x.flip(2)), norm(x))  # it does see where things are


def test_each_pixel_has_unit_length_before_scale_and_shift(
    sample: Sample, ndim: int, space: tuple[int, ...]
) -> None:
    x = sample(2, 6, *space, dtype=torch.float64)
    for norm in (DomainNorm(6, ndim=ndim), DomainNorm(6, variant="seed", ndim=ndim)):
        length = torch.linalg.vector_norm(norm(x), dim=1)
        torch.testing.assert_close(length, torch.ones_like(length))


def test_only_l2_first_does_not_see_the_strength_of_single_pixels(sample: Sample) -> None:
    x = sample(2, 6, 5, 7, dtype=torch.float64)
    strength = torch.rand(2, 1, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) + 0.2
    for variant in VARIANTS:
        norm = DomainNorm(6, variant=variant)
        assert torch.allclose(norm(strength * x), norm(x)) == (variant == "l2_first")


def test_images_of_a_batch_do_not_mix(sample: Sample) -> None:
    x = sample(3, 6, 5, 7)
    for norm in (DomainNorm(6), InstanceNorm(6), GroupNorm(6, groups=3)):
        torch.testing.assert_close(norm(x)[1:2], norm(x[1:2]))


def test_seed_variant_has_no_parameters() -> None:
    assert not list(DomainNorm(6, variant="seed").parameters())
    assert not DomainNorm(6, variant="seed").state_dict()
    assert sum(p.numel() for p in DomainNorm(6).parameters()) == 12


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_captured_graph_computes_the_same(
    sample: Sample, randomise: Randomise, variant: str, layout: str
) -> None:
    """The plain operations of torch.compile against the hand-written gradient."""
    x = sample(2, 5, 6, 7, layout=layout)
    norm = randomise(DomainNorm(5, variant=variant))
    weight = sample(2, 5, 6, 7, seed=4)
    results = []
    for module in (norm, torch.compile(norm, backend="eager", fullgraph=True)):
        value = x.clone().requires_grad_()
        out = module(value)
        grads = torch.autograd.grad((out * weight).sum(), [value, *norm.parameters()])
        results.append((out, *grads))
    for eager, captured in zip(*results, strict=True):
        torch.testing.assert_close(eager, captured, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_black_image_does_not_break_training(sample: Sample, variant: str) -> None:
    """All its features are 0: no direction, and a division by the smallest length blows the gradient up."""
    torch.manual_seed(0)
    layers = ((nn.Conv2d(4, 4, 3, padding=1, bias=False), DomainNorm(4, variant=variant)) for _ in range(6))
    net = nn.Sequential(*(part for pair in layers for part in pair))
    x = torch.cat([torch.zeros(1, 4, 6, 7), sample(1, 4, 6, 7)]).requires_grad_()
    out = net(x)
    assert torch.isfinite(out).all()
    for grad in torch.autograd.grad((out * sample(2, 4, 6, 7, seed=1)).sum(), [x, *net.parameters()]):
        assert torch.isfinite(grad).all()
        assert grad.abs().max() < 1e4
