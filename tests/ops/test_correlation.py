"""The group-wise correlation in one operator against the one plane by plane."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from benchmarks.correlation import correlate_once
from benchmarks.memory import growth
from dsmnet.ops import correlation
from dsmnet.ops.correlation import groupwise_correlation
from dsmnet.stages.volumes import GroupwiseVolume

SIZES = [  # n, groups, channels of a group, h, w, planes
    (2, 3, 2, 4, 7, 5),
    (1, 1, 1, 1, 1, 1),
    (2, 2, 3, 3, 4, 9),  # more planes than columns
    (3, 1, 4, 1, 5, 5),
    (1, 4, 1, 5, 6, 1),
]


def pair_of(n: int, groups: int, k: int, h: int, w: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(2, n, groups * k, h, w, generator=generator, dtype=torch.float64)
    left, right = (x.contiguous(memory_format=torch.channels_last).requires_grad_() for x in pair)
    return left, right


def with_gradients(volume: GroupwiseVolume, left: Tensor, right: Tensor, planes: int) -> list[Tensor]:
    built = volume(left, right, planes)
    share = torch.randn(built.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return [built.detach(), *torch.autograd.grad(built, (left, right), share.to(built.dtype))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("block", [1, 40, 2**17])
def test_equals_the_loop_over_planes(
    size: tuple[int, ...], cosine: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correlation, "_BLOCK_ON_CPU", block)
    *shape, planes = size
    left, right = pair_of(*shape)
    volume = GroupwiseVolume(left.shape[1], size[1], cosine)
    found = with_gradients(volume, left, right, planes)
    monkeypatch.setenv("DSMNET_BACKEND", "reference")
    for one, wanted in zip(found, with_gradients(volume, left, right, planes), strict=True):
        torch.testing.assert_close(one, wanted, rtol=0, atol=1e-12)


def test_infinite_features_stay_where_they_belong() -> None:
    left, right = (x.detach() for x in pair_of(1, 1, 1, 3, 5))
    left[0, 0, 1, 0] = torch.inf
    volume = GroupwiseVolume(1, 1, cosine=False)(left, right, 4)
    assert volume[:, :, 0, 1, 0].isinf().all()
    assert volume.isfinite().sum() == volume.numel() - 1


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)])
def test_lower_precisions(dtype: torch.dtype, bound: float) -> None:
    pair = pair_of(2, 3, 4, 3, 7)
    volume = GroupwiseVolume(12, 3, cosine=False)
    expected = with_gradients(volume, *pair, 4)
    low = [x.detach().to(dtype).requires_grad_() for x in pair]
    for found, wanted in zip(with_gradients(volume, low[0], low[1], 4), expected, strict=True):
        assert found.dtype == dtype
        assert (found.double() - wanted).abs().max() < bound * (1 + wanted.abs().max())


def test_registration_and_gradient() -> None:
    left, right = (x.detach().view(2, 3, 2, 2, 5).requires_grad_() for x in pair_of(2, 3, 2, 2, 5))
    operator = torch.ops.dsmnet.groupwise_correlation.default
    checks = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_static")
    torch.library.opcheck(operator, (left, right, 3), test_utils=checks)
    assert torch.autograd.gradcheck(functools.partial(groupwise_correlation, planes=3), (left, right))


def test_a_capture_gets_plain_operations() -> None:
    left, right = (x.detach() for x in pair_of(1, 2, 2, 3, 5))

    volume = GroupwiseVolume(4, 2)
    program = torch.export.export(volume, (left, right, 3))
    assert not [node for node in program.graph.nodes if "dsmnet" in str(node.target)]
    torch.testing.assert_close(program.module()(left, right, 3), volume(left, right, 3))


def test_holds_little_beside_the_volume() -> None:
    setup = functools.partial(
        correlate_once, (1, 64, 64, 48, 96), 4, cosine=True, backward=False, device="cpu"
    )
    of_volume = 4 * 64 * 48 * 96 * 4 / 2**20
    maps = 2 * 64 * 48 * 96 * 4 / 2**20
    assert growth(functools.partial(setup, backend="auto")) < of_volume + 4 * maps + 3
