"""SGF and SGA: the fast paths against the reference, the reference against the papers' definitions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dsmnet.errors import ShapeError, UserError
from dsmnet.ops import sga, sga_directions, sgf
from dsmnet.ops.sga import scan
from dsmnet.ops.sgf.reference import NEIGHBOURS

SIZES = [(5, 7), (1, 6), (6, 1), (1, 1), (4, 9), (9, 3)]
BACKENDS = ["reference", "scan"]


def normalised_weights(n: int, h: int, w: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 4, 5, h, w, generator=generator, dtype=torch.float64).softmax(2)


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
def test_sgf_scan_equals_the_reference(size: tuple[int, int]) -> None:
    x, weights = random(2, 3, *size), normalised_weights(2, *size)
    found, expected = (sgf(x, weights, backend) for backend in ("scan", "reference"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_sga_scan_equals_the_reference(size: tuple[int, int]) -> None:
    x, weights = random(2, 2, 4, *size), normalised_weights(2, *size)
    expected = torch.stack(sga_directions(x, weights, "reference"))
    found = torch.stack(sga_directions(x, weights, "scan"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for backend in BACKENDS:
        torch.testing.assert_close(sga(x, weights, backend), expected.amax(0), rtol=0, atol=1e-12)
        mean = sga(x, weights, backend, reduce="mean")
        torch.testing.assert_close(mean, expected.mean(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(3, 4), (1, 3), (3, 1)])
def test_gradients(size: tuple[int, int], backend: str) -> None:
    # Not normalised: where all weights of a pixel act on its own value, normalised ones would make the
    # directions tie, and a maximum has no derivative there.
    weights = random(1, 4, 5, *size, seed=2).mul(0.4).requires_grad_()
    x = random(1, 2, *size).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: sgf(a, b, backend), (x, weights))
    volume = random(1, 2, 3, *size).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: sga(a, b, backend), (volume, weights))
    assert torch.autograd.gradcheck(lambda a, b: sga(a, b, backend, "mean"), (volume, weights))
    assert torch.autograd.gradcheck(lambda a, b: sga_directions(a, b, backend), (volume, weights))


@pytest.mark.parametrize("reduce", ["max", "mean"])
@pytest.mark.parametrize("size", [(2, 5, 4, 5, 7), (1, 2, 1, 4, 3), (1, 3, 5, 1, 6), (2, 1, 3, 6, 1)])
@pytest.mark.parametrize("block", [1, 400, 2**17])
def test_sga_scan_equals_the_reference_where_values_tie(
    reduce: str, size: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planes and directions of equal value, such as zeros, share the gradient as autograd shares it."""
    monkeypatch.setattr(scan, "_BLOCK", block)
    x = random(*size).relu_()
    x[:, :, :, : size[3] // 2] = 0
    x.requires_grad_()
    weights = normalised_weights(size[0], *size[-2:]).requires_grad_()
    share = random(*size, seed=3)
    expected = sga(x, weights, "reference", reduce)
    found = sga(x, weights, "scan", reduce)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for one, wanted in zip(
        torch.autograd.grad(found, (x, weights), share),
        torch.autograd.grad(expected, (x, weights), share),
        strict=True,
    ):
        torch.testing.assert_close(one, wanted, rtol=0, atol=1e-12)


def paths_into(pixel: tuple[int, int], size: tuple[int, int]) -> list[list[tuple[int, int, int]]]:
    """Every path of the down pass's graph to a pixel, as (entry, row, column) of each edge's end."""
    found: list[list[tuple[int, int, int]]] = [[]]
    for entry, (dr, dc) in enumerate(NEIGHBOURS[0], start=1):
        r, c = pixel[0] + dr, pixel[1] + dc
        if 0 <= r < size[0] and 0 <= c < size[1]:
            found += [[*path, (entry, *pixel)] for path in paths_into((r, c), size)]
    return found


@pytest.mark.parametrize("size", [(3, 3), (1, 4), (4, 1), (2, 4)])
def test_sgf_is_the_sum_over_all_paths(size: tuple[int, int]) -> None:
    """DSMNet's definition: a value reaches a pixel along every path, times the product of its edges."""
    x, weights = random(1, 1, *size), normalised_weights(1, *size)
    weights[:, 1:, 0], weights[:, 1:, 1:] = 1, 0  # the other three passes keep everything
    w = weights[0, 0]
    filtered = sgf(x, weights)[0, 0]
    for r in range(size[0]):
        for c in range(size[1]):
            value, total = 0.0, 0.0
            for path in paths_into((r, c), size):
                start = (r, c)
                if path:
                    entry, *end = path[0]
                    step = NEIGHBOURS[0][entry - 1]
                    start = (end[0] + step[0], end[1] + step[1])
                own = float(w[0, start[0], start[1]])
                for entry, (dr, dc) in enumerate(NEIGHBOURS[0], start=1):
                    if not (0 <= start[0] + dr < size[0] and 0 <= start[1] + dc < size[1]):
                        own += float(w[entry, start[0], start[1]])
                product = own
                for entry, *end in path:
                    product *= float(w[entry, end[0], end[1]])
                value, total = value + product * float(x[0, 0, start[0], start[1]]), total + product
            assert total == pytest.approx(1)  # the supplement's induction
            assert float(filtered[r, c]) == pytest.approx(value)


def saved_bytes(function: Callable[[], Tensor]) -> int:
    """Bytes of distinct memory that a forward pass keeps for the backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    alive = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive.append(function())
    return sum(kept.values())


def test_memory_for_the_backward_pass_is_bounded() -> None:
    """As the documentation states it, in sizes of the input."""
    weights = normalised_weights(1, 24, 40).requires_grad_()
    x = random(1, 16, 24, 40).requires_grad_()
    assert saved_bytes(lambda: sgf(x, weights, "scan")) < 10 * x.nbytes
    volume = random(1, 16, 12, 24, 40).requires_grad_()
    assert saved_bytes(lambda: sga(volume, weights, "scan")) < 6.2 * volume.nbytes


def test_sgf_is_a_convex_combination() -> None:
    x, weights = random(1, 1, 6, 8), normalised_weights(1, 6, 8)
    constant = torch.full_like(x, 3.0)
    torch.testing.assert_close(sgf(constant, weights), constant)
    result = sgf(x, weights)
    assert result.min() >= x.min()
    assert result.max() <= x.max()


def test_weights_that_keep_the_pixel_itself_change_nothing() -> None:
    keep = torch.zeros(1, 4, 5, 4, 5, dtype=torch.float64)
    keep[:, :, 0] = 1
    x, volume = random(1, 2, 4, 5), random(1, 2, 3, 4, 5)
    assert torch.equal(sgf(x, keep), x)
    assert torch.equal(sga(volume, keep), volume)


def test_wrong_shapes_and_names_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 4, 5, 3, 3\).*\(1, 2, 4, 4\)"):
        sgf(random(1, 2, 4, 4), normalised_weights(1, 3, 3))
    with pytest.raises(ShapeError, match=r"\(1, 4, 5, 3, 3\).*\(1, 2, 3, 4, 4\)"):
        sga(random(1, 2, 3, 4, 4), normalised_weights(1, 3, 3))
    with pytest.raises(UserError, match="backend='cuda'"):
        sgf(random(1, 2, 3, 3), normalised_weights(1, 3, 3), backend="cuda")
    with pytest.raises(UserError, match="reduce='sum'"):
        sga(random(1, 2, 3, 3, 3), normalised_weights(1, 3, 3), reduce="sum")
