"""The Triton kernels against plain torch: on a GPU, or interpreted on a CPU with TRITON_INTERPRET=1.

`test_triton_interpreted.py` runs this file in the second way, in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dsmnet.ops import sga, sgf

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (INTERPRETED or torch.cuda.is_available()), reason="no CUDA device, and TRITON_INTERPRET is not 1"
    ),
]
pytest.importorskip("triton")

Filter = Callable[[Tensor, Tensor, str], Tensor]
CASES = [
    (sgf, (2, 2, 3, 5)),
    (sgf, (1, 2, 1, 3)),
    (sgf, (1, 1, 3, 1)),
    (sgf, (1, 1, 1, 1)),
    (sga, (2, 2, 3, 2, 3)),
    (sga, (1, 1, 1, 3, 1)),
]


def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    # Not normalised: the directions of SGA would tie where all weights act on the pixel itself.
    weights = torch.randn(shape[0], 4, 5, *shape[-2:], generator=generator, dtype=torch.float64) * 0.4
    return x.to(DEVICE, dtype).requires_grad_(), weights.to(DEVICE, dtype).requires_grad_()


def result_and_gradients(function: Filter, x: Tensor, weights: Tensor, backend: str) -> list[Tensor]:
    y = function(x, weights, backend)
    probe = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return [y.detach(), *torch.autograd.grad((y * probe.to(y)).sum(), (x, weights))]


@pytest.mark.parametrize(("function", "shape"), CASES)
def test_values_and_gradients_equal_the_reference(function: Filter, shape: tuple[int, ...]) -> None:
    x, weights = inputs(shape)
    expected = result_and_gradients(function, x, weights, "reference")
    for found, wanted in zip(result_and_gradients(function, x, weights, "triton"), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 0.01)])
@pytest.mark.parametrize(("function", "shape"), [case for case in CASES if case[1][0] == 2])
def test_lower_precisions(function: Filter, shape: tuple[int, ...], dtype: torch.dtype, bound: float) -> None:
    x, weights = inputs(shape, dtype)
    wide = [t.detach().double().requires_grad_() for t in (x, weights)]
    expected = result_and_gradients(function, *wide, "reference")
    for found, wanted in zip(result_and_gradients(function, x, weights, "triton"), expected, strict=True):
        assert found.dtype == dtype
        assert (found.double() - wanted).abs().max() < bound * (1 + wanted.abs().max())


@pytest.mark.parametrize(("function", "shape"), [case for case in CASES if case[1][0] == 2])
def test_inputs_that_are_not_contiguous(function: Filter, shape: tuple[int, ...]) -> None:
    x, weights = inputs(shape)
    expected = function(x, weights, "reference")
    for order in [tuple(range(x.ndim))[::-1], (0, *range(2, x.ndim), 1)]:  # reversed, and channels last
        back = [order.index(axis) for axis in range(x.ndim)]
        strided = x.permute(order).contiguous().permute(back)
        found = function(strided, weights.transpose(3, 4).contiguous().transpose(3, 4), "triton")
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.skipif(INTERPRETED, reason="too large for the interpreter")
@pytest.mark.parametrize(
    ("function", "shape", "dtype", "bound"),
    [
        (sgf, (2, 4, 96, 312), torch.float32, 1e-3),
        (sgf, (1, 2, 40, 1300), torch.float32, 1e-3),
        # Among so many voxels, two directions of SGA come so close that float32 takes the one for the other,
        # and with it the gradient of a whole path: the plain version's in float32 differ from its own in
        # float64 by 8.9. Which direction wins is only the same everywhere in float64.
        (sga, (2, 4, 48, 33, 70), torch.float64, 1e-9),
    ],
)
def test_large_sizes(function: Filter, shape: tuple[int, ...], dtype: torch.dtype, bound: float) -> None:
    x, weights = inputs(shape, dtype)
    weights = weights.detach().softmax(2).requires_grad_()
    expected = result_and_gradients(function, x, weights, "reference")
    for found, wanted in zip(result_and_gradients(function, x, weights, "triton"), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=bound, atol=bound)


@pytest.mark.skipif(INTERPRETED, reason="too large for the interpreter")
def test_large_volumes_in_single_precision() -> None:
    x, weights = (t.detach() for t in inputs((2, 4, 48, 33, 70), torch.float32))
    weights = weights.softmax(2)
    torch.testing.assert_close(sga(x, weights, "triton"), sga(x, weights, "reference"), rtol=1e-4, atol=1e-4)
