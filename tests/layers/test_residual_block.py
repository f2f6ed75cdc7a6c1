"""The forms of a residual block."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dsmnet.layers.conv import ResidualBlock
from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import Everywhere

BIAS = Everywhere(ChannelBias)


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize(("channels", "stride", "dilation"), [(4, 1, 1), (4, 1, 2), (6, 1, 1), (4, 2, 1)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_equals_plain_convolutions(
    dimensions: int, channels: int, stride: int, dilation: int, act: bool
) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(
        channels, BIAS, in_channels=4, stride=stride, dilation=dilation, ndim=dimensions, act=act
    )
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    conv = {2: F.conv2d, 3: F.conv3d}[dimensions]
    state = block.state_dict()
    x = torch.randn(2, 4, *(7, 8, 5)[:dimensions])
    inside = conv(x, state["conv1.weight"], state["norm1.bias"], stride, dilation, dilation).relu()
    expected = conv(inside, state["conv2.weight"], state["norm2.bias"], 1, dilation, dilation)
    if (channels, stride) == (4, 1):
        assert not any(name.startswith("shortcut") for name in state)
        expected = expected + x
    else:
        expected = expected + conv(x, state["shortcut.0.weight"], state["shortcut.1.bias"], stride)
    torch.testing.assert_close(block(x), expected.relu() if act else expected)


def test_the_plain_form_keeps_its_names() -> None:
    """Weights are stored under them."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = ["conv1.weight", *(f"norm1.{n}" for n in norm), "conv2.weight", *(f"norm2.{n}" for n in norm)]
    assert list(ResidualBlock(4, Everywhere(batch_norm)).state_dict()) == expected
