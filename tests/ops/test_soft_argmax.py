"""The blockwise soft-argmax against the enlarged volume, in value, gradient and memory."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from benchmarks.memory import growth
from benchmarks.regression import regress_once
from dsmnet.ops import soft_argmax
from dsmnet.ops.soft_argmax import full_size_soft_argmax
from dsmnet.stages.regression import FullSizeSoftArgmax

SIZES = [(1, 5, 3, 4), (2, 12, 7, 5), (1, 1, 2, 1), (3, 2, 1, 3), (1, 49, 2, 3)]


def scores_of(size: tuple[int, ...], spread: float = 3.0) -> Tensor:
    return spread * torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def levels_of(planes: int, stride: int, inclusive: bool) -> int:
    return stride * (planes - 1) + 1 if inclusive else stride * planes


def with_gradient(scores: Tensor, stride: int, levels: int, backend: str) -> tuple[Tensor, Tensor]:
    scores = scores.clone().requires_grad_()
    disparity = full_size_soft_argmax(scores, stride, levels, backend)
    share = torch.linspace(-1, 1, disparity.numel(), dtype=torch.float64).view_as(disparity).to(scores.dtype)
    return disparity.detach(), torch.autograd.grad(disparity, scores, share)[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("inclusive", [False, True])
def test_equals_the_enlarged_volume(size: tuple[int, ...], stride: int, inclusive: bool) -> None:
    scores, levels = scores_of(size), levels_of(size[1], stride, inclusive)
    expected = with_gradient(scores, stride, levels, "reference")
    for found, wanted in zip(with_gradient(scores, stride, levels, "scan"), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    # In float32 the disparity to 1e-4 px; gradients reach hundreds and round no worse than the plain form's.
    disparity, grad = with_gradient(scores.float(), stride, levels, "scan")
    torch.testing.assert_close(disparity.double(), expected[0], rtol=0, atol=1e-4)
    _, plain = with_gradient(scores.float(), stride, levels, "reference")
    rounding = (plain.double() - expected[1]).abs().max().item()
    torch.testing.assert_close(grad.double(), expected[1], rtol=0, atol=max(1e-4, rounding))


def test_rows_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_of((2, 5, 7, 4))
    whole = with_gradient(scores, 3, 15, "scan")
    for limit in (1, 2 * 7 * 4 * 3):  # a row; three rows, of which the last block has one
        monkeypatch.setattr(soft_argmax, "_BLOCK_ON_CPU", limit)
        for found, wanted in zip(with_gradient(scores, 3, 15, "scan"), whole, strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("stride", "levels"), [(4, 12), (3, 7), (2, 6)])
def test_gradient_equals_differences(stride: int, levels: int) -> None:
    scores = scores_of((2, 3, 2, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: full_size_soft_argmax(x, stride, levels, "scan"), scores)


@pytest.mark.parametrize("stride", [3, 4])
@pytest.mark.parametrize("inclusive", [False, True])
def test_extreme_scores(stride: int, inclusive: bool) -> None:
    noise = scores_of((1, 9, 4, 5))
    lone = torch.full_like(noise, -1e4)
    lone[:, 4] = 1e4
    for scores in (1e4 * noise.sign(), torch.zeros_like(noise), noise + 1e4, noise - 1e4, lone):
        levels = levels_of(9, stride, inclusive)
        expected = with_gradient(scores, stride, levels, "reference")
        for found, wanted in zip(with_gradient(scores, stride, levels, "scan"), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-8)
        for found in with_gradient(scores.float(), stride, levels, "scan"):
            assert found.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e9, 1e12, 1e30, 1e37])
@pytest.mark.parametrize("inclusive", [False, True])
def test_huge_scores(dtype: torch.dtype, size: float, inclusive: bool) -> None:
    """Scores of 1e9 differ by more than a float32 can tell from its neighbour: levels are far from exact."""
    noise = scores_of((1, 9, 4, 5), spread=1.0)
    levels = levels_of(9, 4, inclusive)
    for scores in (size * noise, torch.full_like(noise, size), torch.full_like(noise, -size)):
        expected = with_gradient(scores.to(dtype), 4, levels, "reference")
        for found, wanted in zip(with_gradient(scores.to(dtype), 4, levels, "scan"), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_planes_of_minus_infinity_have_no_weight(dtype: torch.dtype, offset: float) -> None:
    """As where a plane's match would lie outside of the right view."""
    scores = scores_of((1, 9, 4, 12)).to(dtype) + offset
    outside = torch.arange(9)[:, None, None] > torch.arange(12)
    scores = scores.masked_fill(outside, -torch.inf)
    expected = with_gradient(scores, 4, 36, "reference")
    disparity, grad = with_gradient(scores, 4, 36, "scan")
    torch.testing.assert_close(disparity, expected[0], rtol=0, atol=1e-4 if offset == 0 else 0.5)
    torch.testing.assert_close(grad, expected[1], rtol=0, atol=1e-4 if offset == 0 else 0.5)
    assert (grad.masked_select(outside) == 0).all()
    assert (disparity[0, 8:16, :2] < 8).all()  # of column 0, plane 0 alone is left


def test_scores_that_are_infinite_everywhere_give_finite_answers() -> None:
    for value in (torch.inf, -torch.inf):
        disparity, grad = with_gradient(torch.full((1, 5, 3, 4), value), 4, 20, "scan")
        torch.testing.assert_close(disparity, torch.full_like(disparity, 9.5))
        assert (grad == 0).all()


def test_half_precision_scores() -> None:
    scores = scores_of((1, 6, 3, 4))[:, None].bfloat16().requires_grad_()
    results = []
    for backend in ("scan", "reference"):
        disparity = FullSizeSoftArgmax(4, backend=backend)(scores)
        assert disparity.dtype == torch.float32
        results.append((disparity.detach(), torch.autograd.grad(disparity.sum(), scores)[0]))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=1e-4)
    assert results[0][1].dtype == torch.bfloat16
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-2, atol=1e-2)  # one step of bfloat16


def test_compiles_in_one_graph() -> None:
    scores = scores_of((1, 5, 3, 4))[:, None].float().requires_grad_()
    module = FullSizeSoftArgmax(3, backend="scan")
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    (wanted,) = torch.autograd.grad(module(scores).square().sum(), scores)
    disparity = compiled(scores)
    torch.testing.assert_close(disparity, module(scores))
    torch.testing.assert_close(torch.autograd.grad(disparity.square().sum(), scores)[0], wanted)


def test_an_export_holds_plain_operations() -> None:
    scores = scores_of((1, 5, 3, 4))[:, None].float()
    module = FullSizeSoftArgmax(3)
    program = torch.export.export(module, (scores,))
    assert not [node for node in program.graph.nodes if "dsmnet" in str(node.target)]
    torch.testing.assert_close(program.module()(scores), module(scores), rtol=0, atol=1e-4)


@pytest.mark.parametrize("planes", [48, 49])
def test_memory_is_a_few_maps(planes: int) -> None:
    size = (1, planes, 64, 128)
    full_map = 16 * 64 * 128 * 4 / 2**20  # MiB; the enlarged volume has 192 of them
    found = growth(functools.partial(regress_once, size, 4, backend="scan", backward=True, device="cpu"))
    # Three maps are as large as the scores; held are the padded scores, their gradient before and after
    # unpadding, the disparity twice, the sums, the gradient of the disparity twice, and blocks of 1 MiB.
    assert found < 24 * full_map + 8
