"""MixStyle against a loop, and what it owes to stereo pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from dsmnet.errors import ShapeError
from dsmnet.layers.norms.mixstyle import MixStyle

EPS = 1e-3  # large enough to be seen
Sample = Callable[..., Tensor]
Space = tuple[int, ...]


@pytest.fixture
def images(sample: Sample) -> Callable[..., Tensor]:
    """A function that makes a batch whose images differ in brightness and contrast."""

    def make(
        batch: int, *space: int, dtype: torch.dtype = torch.float64, layout: str = "contiguous"
    ) -> Tensor:
        style = sample(2 * batch, 5, *[1] * len(space), dtype=torch.float64, seed=7)
        x = sample(batch, 5, *space, dtype=torch.float64, layout=layout)
        return (x * style[:batch].exp() + 3 * style[batch:]).to(dtype)

    return make


def run(norm: MixStyle, x: Tensor, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return norm(x)


def style(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the pixels, [B, C]."""
    values = x.flatten(2)
    return values.mean(2), (values.var(2, correction=0) + EPS).sqrt()


def loop(x: Tensor, own: Tensor, other: Tensor) -> np.ndarray:
    values, out = x.numpy(), np.empty(tuple(x.shape))
    for image in range(len(values)):
        weight, partner = float(own[image]), int(other[image])
        for channel in range(values.shape[1]):
            mine, theirs = values[image, channel], values[partner, channel]
            means = [v.sum() / v.size for v in (mine, theirs)]
            stds = [
                np.sqrt(((v - m) ** 2).sum() / v.size + EPS)
                for v, m in zip((mine, theirs), means, strict=True)
            ]
            mean, std = (weight * a + (1 - weight) * b for a, b in (means, stds))
            out[image, channel] = (mine - means[0]) / stds[0] * std + mean
    return out


@pytest.mark.parametrize("views", [1, 2])
def test_is_its_formula(
    images: Callable[..., Tensor],
    monkeypatch: pytest.MonkeyPatch,
    ndim: int,
    space: Space,
    layout: str,
    views: int,
) -> None:
    own = torch.tensor([0.1, 0.6, 1.0] * 2)
    other = torch.tensor([2, 0, 1, 5, 3, 4] if views == 2 else [4, 3, 5, 0, 1, 2])
    norm = MixStyle(5, ndim=ndim, probability=1, views=views, eps=EPS)
    monkeypatch.setattr(norm, "_draw", lambda items: (own, other))
    x = images(6, *space, layout=layout)
    torch.testing.assert_close(norm(x).numpy(), loop(x, own, other), rtol=1e-6, atol=1e-6)
    out = norm(x.float())
    torch.testing.assert_close(out.numpy(), loop(x, own, other), rtol=1e-4, atol=1e-4, check_dtype=False)
    assert out.stride() == x.stride()


def test_each_view_mixes_with_the_same_view_of_the_other_pair(images: Callable[..., Tensor]) -> None:
    """Of two pairs with views of constant brightness, the results lie between those of one view."""
    brightness = torch.tensor([1.0, 2.0, 100.0, 200.0], dtype=torch.float64)  # left, left, right, right
    x = images(4, 5, 7)
    x = x - x.mean((2, 3), keepdim=True) + brightness.view(4, 1, 1, 1)
    for seed in range(20):
        mean = style(run(MixStyle(5, probability=1, alpha=1.0), x, seed))[0]
        assert ((mean[:2] > 0.999) & (mean[:2] < 2.001)).all()
        assert ((mean[2:] > 99.9) & (mean[2:] < 200.1)).all()
        torch.testing.assert_close(mean[2:], 100 * mean[:2])  # the same weight and partner


@pytest.mark.parametrize(("views", "dimensions", "blocks"), [(1, 2, 1), (2, 2, 2), (3, 1, 3), (2, 3, 1)])
def test_what_is_drawn(views: int, dimensions: int, blocks: int) -> None:
    """A permutation within each view, weights from Beta(0.1, 0.1); volumes are one per pair."""
    norm = MixStyle(5, ndim=dimensions, views=views, alpha=0.1)
    assert norm.views == blocks
    torch.manual_seed(0)
    own, other = norm._draw(4000)
    weights = own.view(blocks, 4000)
    assert (weights == weights[0]).all()
    assert weights[0].mean() == pytest.approx(0.5, abs=0.03)
    assert weights[0].var() == pytest.approx(0.25 / 1.2, abs=0.01)  # of a Beta: 1 / (4 (2 alpha + 1))
    partners = other.view(blocks, 4000) - 4000 * torch.arange(blocks).view(-1, 1)
    assert (partners == partners[0]).all()
    assert partners[0].sort().values.tolist() == list(range(4000))
    assert partners[0].tolist() != list(range(4000))


def test_no_gradient_through_the_statistics(images: Callable[..., Tensor]) -> None:
    """The layer is then linear in each image: its gradient is the gain of the channel."""
    x = images(4, 5, 7).requires_grad_()
    out = run(MixStyle(5, probability=1, eps=EPS), x)
    (grad,) = torch.autograd.grad(out.sum(), x)
    gain = out.detach().flatten(2).std(2) / x.detach().flatten(2).std(2)
    torch.testing.assert_close(grad, gain[..., None, None].expand_as(grad))


def test_leaves_alone_what_it_should(images: Callable[..., Tensor]) -> None:
    several, pair = images(8, 5, 7), images(2, 5, 7)
    for norm, x in (
        (MixStyle(5, probability=1).eval(), several),
        (MixStyle(5, probability=1).eval(), several[:3]),  # evaluation takes any batch
        (MixStyle(5, probability=0), several),
        (MixStyle(5, probability=1), pair),
        (MixStyle(5, probability=1, views=4), several[:4]),
        (MixStyle(5, probability=1), several[:1]),
    ):
        for seed in range(5):
            assert torch.equal(run(norm, x, seed), x)


def test_mixes_as_often_as_it_should(images: Callable[..., Tensor]) -> None:
    x = images(16, 2, 2)
    torch.manual_seed(0)
    mixed = sum(not torch.equal(norm(x), x) for norm in [MixStyle(5, probability=0.3)] * 400)
    assert 90 < mixed < 150


def test_a_volume_mixes_with_that_of_another_pair(images: Callable[..., Tensor]) -> None:
    x = images(2, 3, 5, 7)
    norm = MixStyle(5, ndim=3, probability=1)
    assert any(not torch.equal(run(norm, x, seed), x) for seed in range(10))
    assert run(norm, images(3, 3, 5, 7)).shape == (3, 5, 3, 5, 7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_types(images: Callable[..., Tensor], dtype: torch.dtype, layout: str) -> None:
    x = (images(6, 16, 17, layout=layout) + 1000).to(dtype)
    out, wide = (run(MixStyle(5, probability=1), v) for v in (x, x.float()))
    assert out.dtype == dtype
    assert out.stride() == x.stride()
    torch.testing.assert_close(out, wide.to(dtype), rtol=0, atol=0)


@pytest.mark.parametrize(("batch", "views"), [(3, 2), (2, 3), (4, 3)])
def test_a_batch_that_is_not_made_of_views_is_refused(batch: int, views: int) -> None:
    """Even where chance would leave the batch as it is: an error must not depend on it."""
    norm = MixStyle(5, views=views, probability=0)
    with pytest.raises(
        ShapeError, match=rf"batch of {views} views of equal number, got \[{batch}, 5, 4, 6\]"
    ):
        norm(torch.zeros(batch, 5, 4, 6))


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"probability: expected a number from 0 to 1, got 1\.5"):
        MixStyle(5, probability=1.5)
    with pytest.raises(ValueError, match="alpha: expected a number above 0, got 0"):
        MixStyle(5, alpha=0)
    with pytest.raises(ValueError, match="views: expected at least 1, got 0"):
        MixStyle(5, views=0)
