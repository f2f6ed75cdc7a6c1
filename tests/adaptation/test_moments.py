"""Pooled moments against all values at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dsmnet.adaptation import Moments, symmetric_kl
from dsmnet.adaptation.moments import pooled
from dsmnet.errors import DataError


@pytest.mark.parametrize("shape", [(7, 3), (7, 3, 5), (7, 3, 4, 5), (7, 3, 2, 4, 5)], ids=str)
@pytest.mark.parametrize("portions", [(7,), (1,) * 7, (3, 1, 3), (6, 1)], ids=str)
def test_portions_give_what_numpy_gives_of_the_whole(
    shape: tuple[int, ...], portions: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).normal(1000, 2, shape) * np.arange(1, 4).reshape(
        1, 3, *[1] * (len(shape) - 2)
    )
    moments = pooled(list(torch.from_numpy(x).split(portions)))
    values = np.moveaxis(x, 1, 0).reshape(3, -1)
    assert moments.count == values.shape[1]
    np.testing.assert_allclose(moments.mean, values.mean(1), rtol=1e-12)
    np.testing.assert_allclose(moments.variance(), values.var(1), rtol=1e-9)
    np.testing.assert_allclose(moments.variance(correction=1), values.var(1, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(moments.std, values.std(1), rtol=1e-9)


def test_an_average_of_variances_would_be_wrong() -> None:
    """Two portions without any spread of their own, that lie apart."""
    moments = pooled([torch.zeros(1, 1, 10), torch.full((1, 1, 30), 4.0)])
    assert moments.mean.tolist() == [3.0]
    assert moments.variance().tolist() == [3.0]


def test_nothing_added() -> None:
    with pytest.raises(DataError, match="no values"):
        _ = Moments().mean
    with pytest.raises(DataError, match="no values"):
        Moments().variance()
    assert pooled([torch.zeros(0, 3, 4), torch.ones(1, 3, 4)]).count == 4


def test_symmetric_kl_is_the_integral() -> None:
    def density(mean: float, std: float) -> np.ndarray:
        return np.exp(-(((grid - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))

    grid = np.linspace(-30, 30, 60_001)
    a, b = (0.3, 1.2), (-1.0, 2.5)
    p, q = density(*a), density(*b)
    expected = ((p - q) * (np.log(p) - np.log(q))).sum() * (grid[1] - grid[0])
    found = symmetric_kl(*(torch.tensor(v, dtype=torch.float64) for v in (*a, *b)))
    assert float(found) == pytest.approx(expected, rel=1e-6)
    back = symmetric_kl(*(torch.tensor(v, dtype=torch.float64) for v in (*b, *a)))
    assert float(back) == pytest.approx(float(found))
    assert float(symmetric_kl(*(torch.tensor(v) for v in (*a, *a)))) == pytest.approx(0, abs=1e-6)
