"""Cost volumes of two feature maps; plane d compares left (x, y) with right (x - d, y), d = 0 .. D-1.

Each class states `out_channels`; volumes are zero where x < d, beyond the border of the right view.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import ShapeError, UserError
from dsmnet.ops.backend import memory_format, plain_operations
from dsmnet.ops.concat_convolution import convolve_pair
from dsmnet.ops.correlation import correlation_in_a_graph, groupwise_correlation
from dsmnet.ops.normalize import unit_length


class _Volume(nn.Module):
    """Base of cost volumes: `forward(left, right, planes)`, [N, C, h, w] -> [N, out_channels, D, h, w]."""

    out_channels: int

    def forward(self, left: Tensor, right: Tensor, planes: int) -> Tensor:
        _check(left, right, planes)
        left, right = self.prepare(left), self.prepare(right)
        if torch.compiler.is_compiling():
            return self._capture(left, right, planes)
        width = left.shape[-1]
        slices = [
            F.pad(self.compare(left[..., d:], right[..., : width - d]), (d, 0))
            for d in range(min(planes, width))
        ]
        slices += [torch.zeros_like(slices[0])] * (planes - width)
        return torch.stack(slices, dim=2)

    def _capture(self, left: Tensor, right: Tensor, planes: int) -> Tensor:
        """Compute the volume without slices whose size depends on the plane: for graphs of any width."""
        width = left.shape[-1]
        shifted = F.pad(right, (planes - 1, 0))
        slices = [
            self.compare(left, shifted[..., planes - 1 - d : planes - 1 - d + width]) for d in range(planes)
        ]
        volume = torch.stack(slices, dim=2)
        seen = torch.arange(width, device=left.device) >= torch.arange(planes, device=left.device)[:, None]
        return volume * seen[:, None].to(volume.dtype)

    def prepare(self, features: Tensor) -> Tensor:
        """Return features [N, ..., h, w] prepared once per view."""
        return features

    def compare(self, left: Tensor, right: Tensor) -> Tensor:
        """Compare aligned maps [N, C, h, w - d] -> [N, out_channels, h, w - d]."""
        raise NotImplementedError


def _check(left: Tensor, right: Tensor, planes: int) -> None:
    if left.shape != right.shape:
        raise ShapeError(f"volume: left features {tuple(left.shape)} and right {tuple(right.shape)} differ")
    if planes < 1:
        raise ShapeError(f"volume: {planes} planes; at least one is needed")


class LazyConcatVolume:
    """A cost volume of concatenated features [N, C, h, w] that is convolved without being held in memory."""

    def __init__(
        self, volume: ConcatVolume | GroupwiseConcatVolume, left: Tensor, right: Tensor, planes: int
    ) -> None:
        _check(left, right, planes)
        self.volume = volume
        self.views = left, right, planes

    def convolve(self, conv: nn.Conv3d) -> Tensor:
        """Return the volume convolved by `conv`, [N, out_channels, D, h, w].

        Only 3x3x3 kernels of stride 1 and padding 1 without bias are fast; others get the volume in memory.
        """
        plain = conv.stride == conv.dilation == (1, 1, 1) and conv.groups == 1 and conv.bias is None
        if plain and conv.kernel_size == (3, 3, 3) and conv.padding == (1, 1, 1):
            return self.volume.convolve(*self.views, conv.weight)
        built: Tensor = conv(self.volume(*self.views))
        return built


class GroupwiseVolume(_Volume):
    """Group-wise correlation (GwcNet, Guo et al. 2019, eq. 3); cosine: of unit length per group."""

    def __init__(self, channels: int, groups: int = 8, cosine: bool = True) -> None:
        super().__init__()
        if channels % groups:
            raise UserError(f"volume.groups={groups} does not divide the {channels} feature channels")
        self.out_channels = groups
        self.cosine = cosine

    def prepare(self, features: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, G, C/G, h, w], scaled so that the mean over C/G is the (cosine) correlation."""
        n, c, h, w = features.shape
        grouped = features.reshape(n, self.out_channels, c // self.out_channels, h, w)
        if self.cosine:
            return unit_length(grouped.flatten(0, 1)).view_as(grouped)
        return grouped * (c // self.out_channels) ** -0.5

    def forward(self, left: Tensor, right: Tensor, planes: int) -> Tensor:
        """Features [N, C, h, w] -> volume [N, groups, D, h, w], by one operator or by plain operations."""
        if plain_operations():
            return super().forward(left, right, planes)
        _check(left, right, planes)
        return groupwise_correlation(self.prepare(left), self.prepare(right), planes)

    def _capture(self, left: Tensor, right: Tensor, planes: int) -> Tensor:
        return correlation_in_a_graph(left, right, planes)

    def compare(self, left: Tensor, right: Tensor) -> Tensor:
        """Sum of products over the channels of each group."""
        return (left * right).sum(dim=2)


class ConcatVolume(_Volume):
    """Concatenation of left and shifted right features (GC-Net, PSMNet, DSMNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = 2 * channels

    def compare(self, left: Tensor, right: Tensor) -> Tensor:
        """Concatenate along the channels."""
        return torch.cat([left, right], dim=1)

    def convolve(self, left: Tensor, right: Tensor, planes: int, weight: Tensor) -> Tensor:
        """Return the volume convolved with a 3x3x3 kernel [O, out_channels, 3, 3, 3], padding 1."""
        return convolve_pair(left, right, planes, weight)


class GroupwiseConcatVolume(nn.Module):
    """Group-wise correlation, then concatenation of the last `joined` channels (GwcNet-gc, sec. 3.2)."""

    def __init__(self, channels: int, groups: int = 40, joined: int = 12) -> None:
        super().__init__()
        self.correlated = channels - joined
        if not 0 <= joined < channels or self.correlated % groups:
            raise UserError(
                f"volume.groups={groups}: expected a divisor of what volume.joined={joined} leaves of the "
                f"{channels} feature channels"
            )
        self.correlation = GroupwiseVolume(self.correlated, groups, cosine=False)
        self.concatenation = ConcatVolume(joined)
        self.out_channels = groups + 2 * joined

    def forward(self, left: Tensor, right: Tensor, planes: int) -> Tensor:
        """[N, C, h, w] -> [N, out_channels, planes, h, w]."""
        _check(left, right, planes)
        split = self.correlated
        correlation = self.correlation(left[:, :split], right[:, :split], planes)
        if split == left.shape[1]:
            return correlation
        return torch.cat([correlation, self.concatenation(left[:, split:], right[:, split:], planes)], dim=1)

    def convolve(self, left: Tensor, right: Tensor, planes: int, weight: Tensor) -> Tensor:
        """Return the volume convolved with a 3x3x3 kernel [O, out_channels, 3, 3, 3], padding 1."""
        split, groups = self.correlated, self.correlation.out_channels
        correlation = self.correlation(left[:, :split], right[:, :split], planes)
        # A slice would miss torch's fast convolution.
        kernel = weight[:, :groups].contiguous(memory_format=memory_format(weight))
        out = F.conv3d(correlation, kernel, padding=1)
        if split == left.shape[1]:
            return out
        return out.add_(convolve_pair(left[:, split:], right[:, split:], planes, weight[:, groups:]))


class DifferenceVolume(_Volume):
    """Difference of left and shifted right features (StereoNet, Khamis et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = channels

    def compare(self, left: Tensor, right: Tensor) -> Tensor:
        """Subtract."""
        return left - right
