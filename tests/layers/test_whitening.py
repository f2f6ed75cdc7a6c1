"""Switchable whitening against eigenvalue decompositions in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.whitening import SwitchableWhitening, inverse_root

Sample = Callable[..., Tensor]
Randomise = Callable[[nn.Module], nn.Module]
Space = tuple[int, ...]
Array = NDArray[np.float64]
BATCH, IMAGE = (40.0, -40.0), (-40.0, 40.0)  # weights before the softmax: only the one


@pytest.fixture
def correlated(sample: Sample) -> Callable[..., Tensor]:
    """A function that makes a batch whose channels are correlated, in each image otherwise."""

    def make(batch: int, channels: int, *space: int, layout: str = "contiguous", seed: int = 0) -> Tensor:
        mixing = sample(batch, channels, channels, dtype=torch.float64, seed=seed + 1)
        x = sample(batch, channels, *space, dtype=torch.float64, seed=seed)
        x = x + 0.4 * torch.einsum("bij,bj...->bi...", mixing, x)
        return torch.empty_like(sample(*x.shape, dtype=torch.float64, layout=layout)).copy_(x)

    return make


def choose(norm: SwitchableWhitening, weights: Sequence[float]) -> SwitchableWhitening:
    for parameter in (norm.mean_weight, norm.cov_weight):
        parameter.data = torch.tensor(weights, dtype=parameter.dtype)
    return norm


def groups_of(x: Tensor, size: int) -> Array:
    """[B, C, ...] -> [B, groups, size, pixels]."""
    return x.detach().double().flatten(2).unflatten(1, (-1, size)).numpy()


def moments(values: Array) -> tuple[Array, Array]:
    """Mean [size, 1] and covariance [size, size] of vectors [size, count], as plain sums."""
    size, count = values.shape
    mean = sum(values[:, k] for k in range(count)) / count
    cov = np.zeros((size, size))
    for k in range(count):
        cov += np.outer(values[:, k] - mean, values[:, k] - mean) / count
    return mean[:, None], cov


def newton(cov: Array, iterations: int) -> Array:
    """The iteration acts on each eigenvalue alone."""
    values, vectors = np.linalg.eigh(cov)
    roots = []
    for value in values / values.sum():
        root = 1.0
        for _ in range(iterations):
            root = (3 * root - root**3 * value) / 2
        roots.append(root / np.sqrt(values.sum()))
    return vectors @ np.diag(roots) @ vectors.T


def expected(x: Tensor, norm: SwitchableWhitening) -> Array:
    """The whole layer in training, group by group of image by image."""
    groups = groups_of(x, norm.group_size)
    out = np.empty_like(groups)
    softmax = [w.detach().double().softmax(0).numpy() for w in (norm.mean_weight, norm.cov_weight)]
    for group in range(groups.shape[1]):
        batch = moments(np.concatenate(list(groups[:, group]), axis=1))
        for image, values in enumerate(groups[:, group]):
            mean, cov = (
                weight[0] * a + weight[1] * b
                for weight, a, b in zip(softmax, batch, moments(values), strict=True)
            )
            root = newton(cov + norm.eps * np.eye(len(cov)), norm.iterations)
            out[image, group] = root @ (values - mean)
    shape = (-1, *[1] * (x.ndim - 2))
    scale, shift = (p.detach().double().numpy().reshape(shape) for p in (norm.weight, norm.bias))
    return out.reshape(x.shape) * scale + shift


def test_is_its_formula(
    correlated: Callable[..., Tensor], randomise: Randomise, ndim: int, space: Space, layout: str
) -> None:
    x = correlated(3, 6, *space, layout=layout)
    norm = randomise(SwitchableWhitening(6, ndim=ndim, group_size=3, eps=1e-2)).double()
    assert norm.mean_weight[0] != norm.mean_weight[1]
    out = norm(x)
    assert out.stride() == x.stride()
    np.testing.assert_allclose(out.detach(), expected(x, norm), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(norm.float()(x.float()).detach(), expected(x, norm), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("iterations", [1, 5, 40])
def test_newton_approaches_the_inverse_square_root(
    correlated: Callable[..., Tensor], iterations: int
) -> None:
    cov = torch.stack([torch.cov(x) for x in correlated(2, 8, 50)])
    root = inverse_root(cov, iterations)
    for found, matrix in zip(root, cov, strict=True):
        np.testing.assert_allclose(found, newton(matrix.numpy(), iterations), rtol=1e-7, atol=1e-7)
        values, vectors = np.linalg.eigh(matrix.numpy())
        exact = vectors @ np.diag(values**-0.5) @ vectors.T
        assert np.allclose(found, exact, rtol=1e-6, atol=1e-6) == (iterations == 40)


@pytest.mark.parametrize("training", [True, False])
def test_images_alone_are_whitened_each(correlated: Callable[..., Tensor], training: bool) -> None:
    x = correlated(3, 8, 6, 7)
    norm = choose(SwitchableWhitening(8, group_size=4, iterations=40, eps=1e-9).double(), IMAGE)
    groups = groups_of(norm.train(training)(x), 4)
    for values in groups.reshape(-1, 4, 42):
        mean, cov = moments(values)
        np.testing.assert_allclose(mean, 0, atol=1e-9)
        np.testing.assert_allclose(cov, np.eye(4), atol=1e-5)
    torch.testing.assert_close(norm(x)[1:2], norm(x[1:2]))


def test_one_channel_per_group_is_batch_norm(
    correlated: Callable[..., Tensor], ndim: int, space: Space
) -> None:
    x = correlated(3, 5, *space)
    norm = choose(SwitchableWhitening(5, ndim=ndim, group_size=1).double(), BATCH)
    reference = batch_norm(5, ndim=ndim).double()
    torch.testing.assert_close(norm(x), reference(x))
    torch.testing.assert_close(norm.eval()(x), reference.eval()(x))


def test_running_statistics_are_those_of_torch(
    correlated: Callable[..., Tensor], ndim: int, space: Space
) -> None:
    norm = SwitchableWhitening(6, ndim=ndim, group_size=3, momentum=0.25).double()
    reference = batch_norm(6, ndim=ndim, momentum=0.25).double()
    cov = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    torch.testing.assert_close(norm.running_cov, cov)
    for seed in (0, 5):
        x = correlated(2, 6, *space, seed=seed)
        norm(x), reference(x)
        channels = x.transpose(0, 1).flatten(1)
        cov = 0.75 * cov + 0.25 * torch.stack([torch.cov(channels[:3]), torch.cov(channels[3:])])
    torch.testing.assert_close(norm.running_mean, reference.running_mean)
    torch.testing.assert_close(norm.running_cov.diagonal(dim1=1, dim2=2).flatten(), reference.running_var)
    torch.testing.assert_close(norm.running_cov, cov)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    norm.eval()(x)
    torch.testing.assert_close(dict(norm.state_dict()), before, rtol=0, atol=0)


def test_evaluation_uses_the_running_statistics(correlated: Callable[..., Tensor]) -> None:
    norm = choose(SwitchableWhitening(6, group_size=3, momentum=1.0, iterations=40).double(), BATCH)
    source, target = correlated(4, 6, 8, 9), correlated(1, 6, 5, 7, seed=9)
    norm(source)
    out = groups_of(norm.eval()(target), 3)
    channels = source.transpose(0, 1).flatten(1).view(2, 3, -1)
    for group, values in enumerate(groups_of(target, 3)[0]):
        eigenvalues, vectors = np.linalg.eigh(torch.cov(channels[group]).numpy())
        root = vectors @ np.diag((eigenvalues + norm.eps) ** -0.5) @ vectors.T
        mean = channels[group].mean(1, keepdim=True).numpy()
        np.testing.assert_allclose(out[0, group], root @ (values - mean), rtol=1e-6, atol=1e-6)


def test_evaluation_before_training_changes_little(correlated: Callable[..., Tensor]) -> None:
    x = correlated(2, 16, 5, 7)
    norm = choose(SwitchableWhitening(16).double(), BATCH).eval()
    torch.testing.assert_close(norm(x), x, rtol=0.03, atol=1e-3)


@pytest.mark.parametrize("training", [True, False])
def test_gradients(
    correlated: Callable[..., Tensor],
    randomise: Randomise,
    gradcheck: Callable[[nn.Module, Tensor], bool],
    ndim: int,
    layout: str,
    training: bool,
) -> None:
    norm = randomise(SwitchableWhitening(4, ndim=ndim, group_size=2, iterations=3)).train(training)
    assert gradcheck(norm, correlated(2, 4, *(2, 3, 4)[-ndim:], layout=layout))


@pytest.mark.parametrize(
    ("channels", "size"), [(48, 16), (24, 12), (20, 10), (33, 11), (7, 7), (17, 1), (1, 1)]
)
def test_the_group_size_divides_the_channels(channels: int, size: int) -> None:
    norm = SwitchableWhitening(channels)
    assert (norm.group_size, norm.groups) == (size, channels // size)
    assert norm(torch.randn(2, channels, 4, 5)).shape == (2, channels, 4, 5)


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_an_image_without_contrast_does_not_break_training(sample: Sample, value: float) -> None:
    x = sample(2, 6, 5, 7)
    x[0] = value
    x.requires_grad_()
    norm = SwitchableWhitening(6)
    out = norm(x)
    for result in (
        out,
        *torch.autograd.grad((out * sample(2, 6, 5, 7, seed=1)).sum(), [x, *norm.parameters()]),
    ):
        assert torch.isfinite(result).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_autocast_does_not_narrow_the_products(
    correlated: Callable[..., Tensor], dtype: torch.dtype, training: bool
) -> None:
    x = correlated(2, 8, 6, 7).float()
    norm = choose(SwitchableWhitening(8), (0.3, 0.7)).train(training)
    with torch.autocast("cpu", dtype):
        out = norm(x)
        assert (x.flatten(2) @ x.flatten(2).mT).dtype == dtype  # so that the test can fail
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, norm(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("argument", ["group_size", "iterations"])
def test_impossible_arguments_are_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument}: expected at least 1, got 0"):
        partial(SwitchableWhitening, 4)(**{argument: 0})
