"""The folded first convolution is that of the built volume, in value and in all gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dsmnet import build_model
from dsmnet.errors import ShapeError
from dsmnet.layers.conv import VolumeConv
from dsmnet.models import stereo_net
from dsmnet.stages.volumes import ConcatVolume, GroupwiseConcatVolume, LazyConcatVolume

# planes, rows, columns: odd ones, D = 1 and 2, D > W, D about W, W < 3
SIZES = [
    (5, 3, 9), (1, 4, 7), (2, 4, 7), (3, 3, 11), (12, 5, 12), (13, 2, 12), (14, 2, 12), (15, 2, 12),
    (9, 2, 4), (3, 2, 2), (7, 2, 2), (3, 2, 1), (4, 1, 1), (1, 1, 1), (3, 3, 3), (6, 2, 5),
]  # fmt: skip
VOLUMES: list[Callable[[], Any]] = [
    lambda: ConcatVolume(6),
    lambda: GroupwiseConcatVolume(6, groups=2, joined=2),
    lambda: GroupwiseConcatVolume(6, groups=3, joined=0),
]
SMALL = ["model.features.widths=[8,8,16,16]", "model.features.blocks=[1,1,1,1]", "model.features.hidden=16"]
NETWORKS = {
    "dsmnet": ["model.widths=[8,8,12,12,12]", "model.volume_widths=[8,8,8]"],
    "psmnet": [*SMALL, "model.features.pools=[8,4,2,1]", "model.features.pool_width=4"],
    "gwcnet": [*SMALL, "model.features.joined=4", "model.volume.groups=5"],
}


def both_ways(
    volume: Any, size: tuple[int, int, int], dtype: torch.dtype, memory_order: torch.memory_format
) -> list[list[Tensor]]:
    """Return value and gradients of the views and the kernel: folded, then built."""
    torch.manual_seed(0)
    planes, h, w = size
    left, right = (torch.randn(2, 6, h, w, dtype=dtype, requires_grad=True) for _ in range(2))
    conv = VolumeConv(volume.out_channels, 4, 3, padding=1, bias=False).to(dtype)
    conv.weight.data = conv.weight.data.contiguous(memory_format=memory_order)
    change = torch.randn(2, 4, planes, h, w, dtype=dtype)
    results = []
    for given in (LazyConcatVolume(volume, left, right, planes), volume(left, right, planes)):
        out = conv(given)
        results.append([out, *torch.autograd.grad(out, (left, right, conv.weight), change)])
    return results


@pytest.mark.parametrize("make", VOLUMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("memory_order", [torch.contiguous_format, torch.channels_last_3d])
def test_equals_the_built_volume(
    make: Callable[[], Any], size: tuple[int, int, int], memory_order: Any
) -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        for lazy, whole in zip(*both_ways(make(), size, dtype, memory_order), strict=True):
            assert lazy.dtype == dtype
            scale = max(1.0, float(whole.detach().abs().max()))
            torch.testing.assert_close(lazy, whole, rtol=0, atol=tolerance * scale)


def test_bfloat16_rounds_the_result_alone() -> None:
    left, right, weight = torch.randn(1, 6, 3, 9), torch.randn(1, 6, 3, 9), torch.randn(4, 12, 3, 3, 3) / 18
    volume = ConcatVolume(6)
    expected = nn.functional.conv3d(volume(left, right, 5), weight, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        out = volume.convolve(left, right, 5, weight)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=2**-8, atol=1e-5)


def test_the_layout_is_that_of_the_convolution() -> None:
    left, right = torch.randn(2, 1, 6, 4, 9)
    conv = VolumeConv(12, 4, 3, padding=1, bias=False)
    assert conv(LazyConcatVolume(ConcatVolume(6), left, right, 5)).is_contiguous()
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last_3d)
    out = conv(LazyConcatVolume(ConcatVolume(6), left, right, 5))
    assert out.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("options", [{"kernel_size": 1}, {"kernel_size": 3, "padding": 1, "stride": 2}])
def test_another_convolution_gets_the_built_volume(options: dict[str, int]) -> None:
    left, right = torch.randn(2, 1, 6, 4, 9)
    conv = VolumeConv(12, 4, **options)
    folded = conv(LazyConcatVolume(ConcatVolume(6), left, right, 5))
    torch.testing.assert_close(folded, conv(ConcatVolume(6)(left, right, 5)))


def test_bad_views_are_named() -> None:
    left = torch.randn(1, 6, 4, 9)
    with pytest.raises(ShapeError, match=r"\(1, 6, 4, 9\).*\(1, 6, 4, 8\)"):
        LazyConcatVolume(ConcatVolume(6), left, left[..., :8], 5)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("train", [False, True])
def test_networks_are_the_same(network: str, train: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = build_model(network, "domain", NETWORKS[network]).net.double().train(train)
    height, width = max(64, net.smallest[0]), max(96, net.smallest[1])
    left, right = torch.randn(2, 2, 3, height, width, dtype=torch.float64)
    calls = []
    convolve = net.volume.convolve
    monkeypatch.setattr(net.volume, "convolve", lambda *given: (calls.append(1), convolve(*given))[1])
    results = []
    for plain in (False, True):
        monkeypatch.setattr(stereo_net, "plain_operations", lambda plain=plain: plain)
        net.zero_grad()
        outputs = net(left, right, 32)
        sum(d.square().mean() for d in outputs).backward()
        results.append([*outputs, *(p.grad for p in net.parameters() if p.grad is not None)])
    assert len(calls) == 1  # by the lazy volume alone
    for lazy, whole in zip(*results, strict=True):
        scale = max(1.0, float(whole.detach().abs().max()))
        torch.testing.assert_close(lazy, whole, rtol=0, atol=1e-8 * scale)
