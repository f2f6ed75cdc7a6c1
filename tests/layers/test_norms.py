"""Every norm against loops over its formula, and its gradient against differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from dsmnet.errors import ShapeError
from dsmnet.layers import IBN, BatchInstanceNorm, DomainNorm
from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.group import GroupNorm
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.mixstyle import MixStyle
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.whitening import SwitchableWhitening
from dsmnet.ops.normalize import group_norm, unit_length

VARIANTS = ("paper", "seed", "l2_first")
Sample = Callable[..., Tensor]
Randomise = Callable[[nn.Module], nn.Module]
Array = NDArray[np.float64]
Space = tuple[int, ...]

EPS = 1e-3  # large enough to be seen


def loop_instance(x: Array, eps: float = EPS) -> Array:
    out = np.empty_like(x)
    for image in range(x.shape[0]):
        for channel in range(x.shape[1]):
            values = x[image, channel]
            mean = values.sum() / values.size
            variance = ((values - mean) ** 2).sum() / values.size
            out[image, channel] = (values - mean) / np.sqrt(variance + eps)
    return out


def loop_batch(x: Array, eps: float = EPS) -> Array:
    return (
        loop_instance(x.swapaxes(0, 1).reshape(1, x.shape[1], -1), eps)
        .reshape(x.swapaxes(0, 1).shape)
        .swapaxes(0, 1)
    )


def loop_group(x: Array, groups: int, eps: float = EPS) -> Array:
    return loop_instance(x.reshape(x.shape[0], groups, -1), eps).reshape(x.shape)


def loop_unit(x: Array) -> Array:
    out = np.empty_like(x)
    for image in range(x.shape[0]):
        for pixel in np.ndindex(x.shape[2:]):
            vector = x[(image, slice(None), *pixel)]
            out[(image, slice(None), *pixel)] = vector / max(np.sqrt((vector**2).sum()), 1e-12)
    return out


def affine(x: Array, norm: nn.Module) -> Array:
    shape = (-1, *[1] * (x.ndim - 2))
    return x * norm.weight.detach().numpy().reshape(shape) + norm.bias.detach().numpy().reshape(shape)


def check(norm: nn.Module, x: Tensor, expected: Array) -> None:
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(norm(x.float()).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def x(sample: Sample, space: Space, layout: str) -> Tensor:
    return sample(2, 6, *space, dtype=torch.float64, layout=layout)


def test_domain_norm_is_its_formula(randomise: Randomise, x: Tensor, ndim: int) -> None:
    paper = randomise(DomainNorm(6, variant="paper", ndim=ndim, eps=EPS))
    check(paper, x, affine(loop_unit(loop_instance(x.numpy())), paper))
    check(DomainNorm(6, variant="seed", ndim=ndim, eps=EPS), x, loop_unit(loop_instance(x.numpy())))
    first = randomise(DomainNorm(6, variant="l2_first", ndim=ndim, eps=EPS))
    check(first, x, affine(loop_instance(loop_unit(x.numpy())), first))


def test_instance_norm_is_its_formula(randomise: Randomise, x: Tensor, ndim: int) -> None:
    norm = randomise(InstanceNorm(6, ndim=ndim, eps=EPS))
    check(norm, x, affine(loop_instance(x.numpy()), norm))
    check(InstanceNorm(6, ndim=ndim, eps=EPS, affine=False), x, loop_instance(x.numpy()))
    torch.testing.assert_close(InstanceNorm(6, ndim=ndim)(x), F.instance_norm(x))


def test_group_norm_is_its_formula(randomise: Randomise, x: Tensor, ndim: int) -> None:
    norm = randomise(GroupNorm(6, ndim=ndim, groups=3, eps=EPS))
    check(norm, x, affine(loop_group(x.numpy(), 3), norm))
    torch.testing.assert_close(norm.double()(x), F.group_norm(x.contiguous(), 3, norm.weight, norm.bias, EPS))


def test_group_norm_takes_a_number_of_groups_that_fits() -> None:
    assert [GroupNorm(c, groups=8).num_groups for c in (48, 20, 7, 4)] == [8, 4, 1, 4]


def test_batch_norm_is_its_formula(randomise: Randomise, x: Tensor, ndim: int) -> None:
    norm = randomise(batch_norm(6, ndim=ndim, eps=EPS)).double()
    np.testing.assert_allclose(norm(x).detach(), affine(loop_batch(x.numpy()), norm), atol=1e-10)
    assert isinstance(norm, {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[ndim])


def test_batch_instance_norm_is_its_formula(randomise: Randomise, x: Tensor, ndim: int) -> None:
    norm = randomise(BatchInstanceNorm(6, ndim=ndim, eps=EPS)).double()
    gate = norm.gate.detach().numpy().reshape(-1, *[1] * ndim)
    mixture = gate * loop_batch(x.numpy()) + (1 - gate) * loop_instance(x.numpy())
    np.testing.assert_allclose(norm(x).detach(), affine(mixture, norm), atol=1e-10)


def test_batch_instance_norm_starts_as_batch_norm(x: Tensor, ndim: int) -> None:
    x = x.float()
    norm, reference = BatchInstanceNorm(6, ndim=ndim), batch_norm(6, ndim=ndim)
    torch.testing.assert_close(norm(x), reference(x))
    torch.testing.assert_close(norm.eval()(x), reference.eval()(x))
    nn.init.zeros_(norm.gate)
    torch.testing.assert_close(norm(x), F.instance_norm(x))


@pytest.mark.parametrize(
    ("channels", "ratio", "first"),
    [(7, 0.5, 3), (7, 0.3, 2), (7, 0, 0), (7, 1, 7), (9, 0.99, 8), (8, 0.3, 2), (1, 0.5, 0), (1, 1.0, 1)],
)
def test_ibn_is_its_formula(
    sample: Sample, randomise: Randomise, ndim: int, space: Space, channels: int, ratio: float, first: int
) -> None:
    x = sample(2, channels, *space, dtype=torch.float64)
    norm = randomise(IBN(channels, ndim=ndim, ratio=ratio, eps=EPS)).double()
    out = norm(x).detach().numpy()
    values = x.numpy()
    assert out.shape == values.shape
    assert (norm.instance is not None) == (first > 0)
    assert (norm.batch is not None) == (first < channels)
    if first:
        expected = affine(loop_instance(values[:, :first]), norm.instance)
        np.testing.assert_allclose(out[:, :first], expected, atol=1e-10)
    if first < channels:
        expected = affine(loop_batch(values[:, first:]), norm.batch)
        np.testing.assert_allclose(out[:, first:], expected, atol=1e-10)


@pytest.mark.parametrize("ratio", [0, 0.3, 0.5, 1])
def test_ibn_keeps_the_memory_format_and_trains_all_channels(
    sample: Sample, randomise: Randomise, ndim: int, space: Space, layout: str, ratio: float
) -> None:
    x = sample(2, 5, *space, layout=layout).requires_grad_()
    norm = randomise(IBN(5, ndim=ndim, ratio=ratio))
    out = norm(x)
    assert out.stride() == x.stride()
    weight = sample(2, 5, *space, seed=1)
    for grad in torch.autograd.grad((out * weight).sum(), [x, *norm.parameters()]):
        assert (grad != 0).all()


@pytest.mark.parametrize("build", [batch_norm, BatchInstanceNorm, partial(IBN, ratio=0.0)])
def test_running_statistics_move_by_the_momentum(
    sample: Sample, build: Callable[..., nn.Module], ndim: int, space: Space
) -> None:
    x = sample(2, 6, *space)
    norm = build(6, ndim=ndim, momentum=0.25)
    norm(x)
    means = [value for key, value in norm.state_dict().items() if key.endswith("running_mean")]
    torch.testing.assert_close(means, [0.25 * x.transpose(0, 1).flatten(1).mean(1)])


def test_channel_bias_only_shifts(randomise: Randomise, x: Tensor, ndim: int) -> None:
    norm = ChannelBias(6, ndim=ndim).double()
    torch.testing.assert_close(norm(x), x, rtol=0, atol=0)
    randomise(norm)
    torch.testing.assert_close(norm(x) - x, norm.bias.view(1, 6, *[1] * ndim).expand_as(x))


def test_large_means_keep_their_variance(sample: Sample, layout: str) -> None:
    """Where a variance is taken as E[x^2] - E[x]^2 in float32, a mean of 1000 leaves nothing of it."""
    x = sample(2, 8, 16, 17, dtype=torch.float64, layout=layout) + 1000
    for norm in (InstanceNorm(8), GroupNorm(8, groups=4), DomainNorm(8)):
        expected = norm(x)
        for module in (norm, torch.compile(norm, backend="eager")):
            torch.testing.assert_close(module(x.float()).double(), expected, rtol=0, atol=2e-3)


def test_without_scale_an_inplace_relu_may_follow(sample: Sample, layout: str) -> None:
    x = sample(2, 4, 5, 7, layout=layout).requires_grad_()
    norm = InstanceNorm(4, affine=False)
    (inplace,) = torch.autograd.grad(F.relu(norm(x), inplace=True).square().sum(), x)
    (plain,) = torch.autograd.grad(F.relu(norm(x)).square().sum(), x)
    torch.testing.assert_close(inplace, plain)


@pytest.mark.parametrize(
    "build",
    [
        *(partial(DomainNorm, variant=variant) for variant in VARIANTS),
        BatchInstanceNorm,
        InstanceNorm,
        partial(InstanceNorm, affine=False),
        partial(GroupNorm, groups=2),
    ],
    ids=[*VARIANTS, "batch_instance", "instance", "instance_plain", "group"],
)
def test_gradients(
    sample: Sample,
    randomise: Randomise,
    gradcheck: Callable[[nn.Module, Tensor], bool],
    build: Callable[..., nn.Module],
    ndim: int,
    layout: str,
) -> None:
    x = sample(2, 4, *(2, 3, 4)[-ndim:], dtype=torch.float64, layout=layout)
    assert gradcheck(randomise(build(4, ndim=ndim)), x)


NEEDS_PIXELS = [InstanceNorm, DomainNorm, BatchInstanceNorm, IBN, MixStyle, SwitchableWhitening]


@pytest.mark.parametrize("build", NEEDS_PIXELS)
def test_one_pixel_is_refused(build: Callable[..., nn.Module], ndim: int) -> None:
    norm = build(6, ndim=ndim)
    with pytest.raises(ShapeError, match=r"more than one pixel per channel.*\[2, \d, 1"):
        norm(torch.zeros(2, 6, *[1] * ndim))


@pytest.mark.parametrize(
    "build", [InstanceNorm, DomainNorm, BatchInstanceNorm, MixStyle, SwitchableWhitening]
)
@pytest.mark.parametrize("shape", [(2, 5, 4, 4), (6, 4, 4), (2, 6, 4, 4, 4)])
def test_other_shapes_are_refused(build: Callable[..., nn.Module], shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"expected an input \[B, 6, H, W\], got \["):
        build(6)(torch.zeros(shape))


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"variant: expected one of paper, seed, l2_first, got nope"):
        DomainNorm(4, variant="nope")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"ratio: expected a number from 0 to 1, got 1\.5"):
        IBN(4, ratio=1.5)
    for build in (*NEEDS_PIXELS, GroupNorm, ChannelBias, batch_norm):
        with pytest.raises(ValueError, match="ndim: expected 1"):
            build(4, ndim=4)


def test_functions_accept_strided_views(sample: Sample) -> None:
    x = sample(2, 6, 10, 7)[:, :, ::2]
    torch.testing.assert_close(group_norm(x, 6, None, None, 1e-5), F.instance_norm(x))
    torch.testing.assert_close(unit_length(x), F.normalize(x, dim=1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_unit_length_of_vectors_of_any_length(dtype: torch.dtype) -> None:
    """300 squared exceeds float16, and 1e-24 is 0 in it."""
    x = torch.tensor([[3.0, 4.0], [300.0, 400.0], [0.0, 0.0]]).to(dtype).view(3, 2, 1, 1).requires_grad_()
    out = unit_length(x)
    assert out.dtype == dtype
    expected = torch.tensor([[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]).to(dtype)
    torch.testing.assert_close(out.flatten(1), expected, rtol=0, atol=0.005)
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert torch.isfinite(grad).all()
    assert not grad[2].any()
