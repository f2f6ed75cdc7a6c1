"""The convolution that names its kernel equals PyTorch's, and steps aside wherever it must."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from dsmnet.layers.conv import Conv3d
from dsmnet.ops.convolution import conv3d

SHAPES = [(1, 32, 32, 12, 24, 39), (1, 2, 8, 7, 9, 11), (2, 3, 5, 4, 6, 8), (1, 8, 1, 5, 13, 6)]


def kernels(run: object) -> set[str]:
    with profile(activities=[ProfilerActivity.CPU]) as found:
        run()  # type: ignore[operator]
    return {event.key for event in found.key_averages()}


@pytest.mark.parametrize(("n", "c", "o", "d", "h", "w"), SHAPES)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize(("stride", "dilation", "bias"), [(1, 1, True), (2, 1, False), (1, 2, True)])
def test_equals_torch(n, c, o, d, h, w, memory_format, stride, dilation, bias):
    torch.manual_seed(0)
    x = torch.randn(n, c, d, h, w).contiguous(memory_format=memory_format)
    conv = Conv3d(c, o, 3, stride, dilation, dilation, bias=bias).to(memory_format=memory_format)
    with torch.inference_mode():
        got = conv(x)
        expected = F.conv3d(x, conv.weight, conv.bias, stride, dilation, dilation)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert got.is_contiguous(memory_format=memory_format) or o == 1


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")
def test_a_small_volume_stays_with_the_fast_kernel():
    x, conv = torch.randn(1, 4, 6, 8, 10), Conv3d(4, 4, 3, padding=1)
    with torch.inference_mode():
        assert "aten::mkldnn_convolution" in kernels(lambda: conv(x))
        with torch.backends.mkldnn.flags(enabled=False):
            assert "aten::mkldnn_convolution" not in kernels(lambda: conv(x))


def test_gradients_are_those_of_torch():
    torch.manual_seed(0)
    x, weight = torch.randn(1, 3, 4, 5, 6, requires_grad=True), torch.randn(2, 3, 3, 3, 3, requires_grad=True)
    ours = torch.autograd.grad(conv3d(x, weight, padding=(1, 1, 1)).square().sum(), (x, weight))
    theirs = torch.autograd.grad(F.conv3d(x, weight, padding=1).square().sum(), (x, weight))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_a_graph_keeps_the_plain_convolution():
    with torch.no_grad():
        program = torch.export.export(Conv3d(2, 2, 3, padding=1), (torch.randn(1, 2, 4, 4, 4),))
    targets = {str(node.target) for node in program.graph.nodes}
    assert any("conv3d" in name for name in targets)
    assert not any("mkldnn" in name for name in targets)


def test_double_and_half_precision_go_past_it():
    conv = Conv3d(2, 2, 3, padding=1).double()
    x = torch.randn(1, 2, 4, 4, 4, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(conv(x), F.conv3d(x, conv.weight, conv.bias, padding=1))
        with torch.autocast("cpu", torch.bfloat16):
            assert Conv3d(2, 2, 3, padding=1)(x.float()).dtype == torch.bfloat16
