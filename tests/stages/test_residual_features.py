from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dsmnet.errors import ShapeError, UserError
from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.domain import DomainNorm
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import Everywhere, Placement
from dsmnet.stages.features.lean_unet import LeanUNetFeatures
from dsmnet.stages.features.residual import PyramidFeatures, ResidualTrunk, StageFeatures
from dsmnet.stages.features.unet import UNetFeatures

WIDTHS, BLOCKS = (4, 6, 8, 8), (2, 3, 1, 2)
BIAS, BATCH = Everywhere(ChannelBias), Everywhere(batch_norm)


def pyramid(norm: Placement = BATCH) -> PyramidFeatures:
    torch.manual_seed(0)
    return PyramidFeatures(
        norm, widths=WIDTHS, blocks=BLOCKS, pools=(8, 4, 2, 1), pool_width=3, hidden=5, out_channels=7
    )


def test_sizes_of_the_trunk() -> None:
    maps = ResidualTrunk(BATCH, widths=WIDTHS, blocks=BLOCKS)(torch.randn(2, 3, 20, 36))
    assert [tuple(m.shape) for m in maps] == [(2, 6, 5, 9), (2, 8, 5, 9), (2, 8, 5, 9)]
    assert all((m < 0).any() for m in maps)  # no ReLU after the sum


def test_strides_dilations_and_shortcuts_of_the_stages() -> None:
    trunk = ResidualTrunk(BATCH, widths=(32, 64, 128, 128), blocks=(3, 16, 3, 3))
    assert [len(stage) for stage in trunk.stages] == [3, 16, 3, 3]
    for at, (stride, dilation, shortcut) in enumerate([(1, 1, 0), (2, 1, 1), (1, 1, 1), (1, 2, 0)]):
        first, *others = trunk.stages[at]
        assert first.conv1.stride == (stride, stride)
        assert (first.shortcut is not None) == bool(shortcut)
        assert all(block.shortcut is None and block.conv1.stride == (1, 1) for block in others)
        for block in (first, *others):
            assert block.conv1.dilation == block.conv2.dilation == (dilation, dilation)


class Recorder:
    """A placement that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def __getattr__(self, slot: str) -> Callable[..., nn.Module]:
        def note(channels: int, ndim: int = 2, **place: object) -> nn.Module:
            self.asked.append((slot, channels, *place.values()))
            return nn.Identity()

        return note


def test_every_norm_says_where_it_stands() -> None:
    placement = Recorder()
    ResidualTrunk(placement, widths=WIDTHS, blocks=BLOCKS)
    expected: list[tuple[object, ...]] = [("stem", 4), ("inner", 4), ("inner", 4)]
    for at, (width, count) in enumerate(zip(WIDTHS, BLOCKS, strict=True), start=1):
        for block in range(count):
            expected += [("block_in", width, at), ("inner", width)]
            expected += [("block_out", width, at, block == count - 1)]
            if block == 0 and at in (2, 3):
                expected.append(("inner", width))  # of the shortcut
    assert placement.asked == expected


def test_every_norm_of_the_unet_says_where_it_stands() -> None:
    """Each stage is a convolution that halves, and one residual block, thus the last."""
    placement = Recorder()
    net = UNetFeatures(placement, widths=(4, 6, 8, 10, 12))
    expected: list[tuple[object, ...]] = [("stem", 4), ("inner", 4)]
    for at, width in enumerate((6, 8, 10, 12), start=1):
        expected += [("inner", width), ("block_in", width, at), ("inner", width)]
        expected += [("block_out", width, at, True)]
    expected += [("inner", width) for width in (10, 8, 6)]  # on the way up
    assert placement.asked == [*expected, ("inner", 8)]  # the last of the graph filter
    assert set(net(torch.randn(2, 3, 64, 96))) == {2, 4}


def test_every_norm_of_the_lean_unet_says_where_it_stands() -> None:
    placement = Recorder()
    net = LeanUNetFeatures(placement, widths=(4, 6, 8, 10), out_channels=12, blocks=(0, 1, 2))
    expected: list[tuple[object, ...]] = [("stem", 4), ("inner", 6)]
    for at, (width, blocks) in enumerate(((8, 1), (10, 2)), start=2):
        expected.append(("inner", width))
        for block in range(blocks):
            expected += [("block_in", width, at), ("inner", width)]
            expected += [("block_out", width, at, block == blocks - 1)]
    expected += [("inner", 8)] * 2 + [("inner", 12)]  # up to 1/8, of the graph filter, up to 1/4
    assert placement.asked == expected
    maps = net(torch.randn(2, 3, 64, 96))
    assert {stride: tuple(found.shape) for stride, found in maps.items()} == {
        2: (2, 4, 32, 48),
        4: (2, 12, 16, 24),
    }


@pytest.mark.parametrize("wrong", [{"widths": (4, 6, 8)}, {"blocks": (1, 1)}])
def test_the_lean_unet_wants_a_number_for_each_stride(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"features.widths=.*: expected channels at strides 2, 4, 8, 16"):
        LeanUNetFeatures(Recorder(), **wrong)


def window_means(channel: np.ndarray, edge: int) -> np.ndarray:
    """Means of the windows that fit, one at a time."""
    rows, columns = channel.shape[0] // edge, channel.shape[1] // edge
    return np.array(
        [
            [channel[y * edge : (y + 1) * edge, x * edge : (x + 1) * edge].mean() for x in range(columns)]
            for y in range(rows)
        ]
    )


def test_the_pyramid_equals_window_means_enlarged_by_opencv() -> None:
    """Joined: the second stage, the fourth, then the means from the smallest window to the largest."""
    net = pyramid(BIAS)
    maps = net.trunk(torch.randn(1, 3, 40, 76))
    seen: list[Tensor] = []
    net.trunk.forward = lambda image: maps  # type: ignore[method-assign]
    net.out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        assert net(torch.zeros(1, 3, 40, 76))[4].shape == (1, 7, 10, 19)
    deep = maps[2][0].detach().numpy()
    expected = [maps[0][0].detach().numpy(), deep]
    for edge in (1, 2, 4, 8):
        conv, bias, _ = net.pyramid[net.pools.index(edge)]
        means = np.stack([window_means(channel, edge) for channel in deep])
        mixed = np.einsum("oi,ihw->ohw", conv.weight[..., 0, 0].detach().numpy(), means)
        mixed = np.maximum(mixed + bias.bias.detach().numpy()[:, None, None], 0).astype(np.float32)
        expected.append(np.stack([cv2.resize(m, (19, 10), interpolation=cv2.INTER_LINEAR) for m in mixed]))
    np.testing.assert_allclose(seen[0][0].numpy(), np.concatenate(expected), atol=1e-5)


def test_instance_statistics_at_the_smallest_size() -> None:
    net = pyramid(Everywhere(DomainNorm))
    assert net.smallest == (32, 64)
    assert torch.isfinite(net(torch.randn(1, 3, *net.smallest))[4]).all()
    with pytest.raises(ShapeError, match=r"at least \(32, 64\) pixels.*got \(1, 3, 32, 60\)"):
        net(torch.randn(1, 3, 32, 60))
    assert PyramidFeatures(BATCH).smallest == (256, 512)


def test_stages_come_first_and_the_narrow_map_last() -> None:
    torch.manual_seed(0)
    net = StageFeatures(BATCH, widths=WIDTHS, blocks=BLOCKS, hidden=5, joined=3).eval()
    image = torch.randn(1, 3, 16, 24)
    maps = net(image)[4]
    assert net.channels == {4: 25}
    assert maps.shape == (1, 25, 4, 6)
    stages = torch.cat(net.trunk(image), dim=1)
    torch.testing.assert_close(maps[:, :22], stages)
    assert net.out is not None
    torch.testing.assert_close(maps[:, 22:], net.out(stages))
    alone = StageFeatures(BATCH, widths=WIDTHS, blocks=BLOCKS, joined=0)
    assert alone(image)[4].shape[1] == alone.channels[4] == 22


@pytest.mark.parametrize("options", [{"widths": (4, 8, 8)}, {"blocks": (1, 1, 1)}, {"blocks": (1, 0, 1, 1)}])
def test_four_stages_are_needed(options: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(UserError, match=r"features\.widths=.*features\.blocks=.*four stages"):
        StageFeatures(BATCH, **options)  # type: ignore[arg-type]
