"""Distances of distributions whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dsmnet.adaptation.moments import pooled
from dsmnet.analysis import domain_accuracy, layer_divergence, wasserstein
from dsmnet.errors import DataError

RNG = np.random.default_rng(0)


def test_wasserstein_of_shifted_and_stretched_samples() -> None:
    values = RNG.normal(3, 2, 20_000)
    assert wasserstein(values, values) == 0
    assert wasserstein(values, values + 1.5) == pytest.approx(1.5)
    assert wasserstein(values + 1.5, values) == pytest.approx(1.5)
    uniform = np.linspace(0, 1, 5_001)
    assert wasserstein(uniform, 2 * uniform) == pytest.approx(0.5, abs=1e-3)  # the integral of x over 0..1
    # two points against their mean: each half has to travel 1
    assert wasserstein(np.array([0.0, 2.0] * 500), np.array([1.0])) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("bad", [np.array([]), np.array([1.0, np.nan])])
def test_wasserstein_refuses_what_has_no_distribution(bad: np.ndarray) -> None:
    with pytest.raises(DataError, match="finite"):
        wasserstein(np.ones(3), bad)


def test_layer_divergence_per_channel() -> None:
    x = torch.randn(4, 3, 50, generator=torch.Generator().manual_seed(0))
    x = (x - x.mean((0, 2), keepdim=True)) / x.std((0, 2), keepdim=True, correction=0)
    moved = x * torch.tensor([1.0, 1, 2]).view(1, 3, 1) + torch.tensor([0.0, 1, 0]).view(1, 3, 1)
    found = layer_divergence(pooled([x]), pooled([moved]))
    # by hand: shift of one deviation: 1/2 + 1/2; twice the deviation: (1 + 1/4 + 4) / 2 ... = 1.125
    assert found.tolist() == pytest.approx([0, 1, 1.125], abs=1e-5)
    assert layer_divergence(pooled([moved]), pooled([x])).tolist() == pytest.approx(found.tolist())


def test_a_dead_channel_stays_finite() -> None:
    x = torch.randn(2, 2, 50)
    dead = x.clone()
    dead[:, 1] = 0
    found = layer_divergence(pooled([x]), pooled([dead]))
    assert torch.isfinite(found).all()
    assert found[1] > 100
    nothing = torch.zeros(2, 2, 5)
    assert layer_divergence(pooled([nothing]), pooled([nothing])).tolist() == [0, 0]


def rows(gap: float, count: int = 60) -> tuple[torch.Tensor, list[int], list[int]]:
    """Three domains of normally distributed statistics, their means `gap` apart, in two folds."""
    domains = [index for index in range(3) for _ in range(count)]
    noise = torch.randn(3 * count, 4, generator=torch.Generator().manual_seed(1))
    centre = torch.eye(3, 4)[domains] * gap
    return (noise + centre) * 100, domains, [index % 2 for index in range(3 * count)]


def test_domains_that_lie_apart_are_told() -> None:
    assert domain_accuracy(*rows(gap=10)) == 1
    assert 0.6 < domain_accuracy(*rows(gap=2)) < 0.95


def test_domains_that_are_alike_are_told_by_chance() -> None:
    assert domain_accuracy(*rows(gap=0)) == pytest.approx(1 / 3, abs=0.1)


def test_what_is_learned_is_judged_on_other_images() -> None:
    """Statistics that tell the image but not the domain: no better than chance, unless folds share images."""
    rng = torch.Generator().manual_seed(0)
    images = [index // 5 for index in range(200)]
    domains = [image // 20 for image in images]
    statistics = torch.randn(40, 60, generator=rng)[images] + 0.01 * torch.randn(200, 60, generator=rng)
    assert domain_accuracy(statistics, domains, [image % 2 for image in images]) == pytest.approx(
        0.5, abs=0.2
    )
    assert domain_accuracy(statistics, domains, [index % 2 for index in range(200)]) == 1


def test_rare_domains_count_as_much_as_frequent_ones() -> None:
    """All rows alike, nine to one: an answer for the frequent one would be right in nine of ten rows."""
    domains = [0] * 90 + [1] * 10
    assert domain_accuracy(torch.zeros(100, 2), domains, [i % 2 for i in range(100)]) == 0.5


def test_impossible_questions_to_the_classifier() -> None:
    x = torch.randn(4, 2)
    with pytest.raises(DataError, match="at least two domains"):
        domain_accuracy(x, [0, 0, 0, 0], [0, 1, 0, 1])
    with pytest.raises(DataError, match="at least two domains and two folds"):
        domain_accuracy(x, [0, 1, 0, 1], [0, 0, 0, 0])
    with pytest.raises(DataError, match="in every fold"):
        domain_accuracy(x, [0, 0, 1, 1], [0, 1, 0, 0])
