"""Structure-preserving graph filter (DSMNet, section 3.2): edge weights from features, SGF, fusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sgf
from dsmnet.ops.sgf.reference import NEIGHBOURS


def edge_weights(embedding: Tensor, similarity: str = "dot", temperature: Tensor | float = 1.0) -> Tensor:
    """Turn the similarity of neighbouring pixels into the weights that `dsmnet.ops.sgf` takes.

    The embedding is [N, C, H, W], its similarity ``dot`` (as in DSMNet's code) or ``cosine`` (as in the
    paper); `temperature` multiplies it before the softmax over the five entries. A neighbour outside the map
    has similarity 0.

    Returns:
        Weights [N, 4, 5, H, W] that sum to 1 over the entries.
    """
    if similarity == "cosine":
        embedding = F.normalize(embedding, dim=1)
    elif similarity != "dot":
        raise UserError(f"similarity={similarity!r}: expected 'dot' or 'cosine'")
    h, w = embedding.shape[-2:]
    padded = F.pad(embedding, (1, 1, 1, 1))
    near = {
        (dr, dc): (embedding * padded[..., 1 + dr : 1 + dr + h, 1 + dc : 1 + dc + w]).sum(1)
        for dr in (-1, 0, 1)
        for dc in (-1, 0, 1)
    }
    logits = torch.stack(
        [torch.stack([near[step] for step in ((0, 0), *steps)], 1) for steps in NEIGHBOURS], 1
    )
    return (logits * temperature).softmax(dim=2)


class GraphFilter(nn.Module):
    """SGF on a feature map, fused with its input.

    With `standardize`, the embedding has instance norm, as published; else a learned temperature. The kernel
    is that of the fusing convolution; the embedding has as many channels as the map unless told otherwise.
    """

    def __init__(
        self,
        channels: int,
        norm: Placement,
        *,
        similarity: str = "cosine",
        standardize: bool = False,
        embedding: int | None = None,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.similarity = similarity
        width = embedding or channels
        conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.embed: nn.Module = nn.Sequential(conv, InstanceNorm(width)) if standardize else conv
        self.log_temperature = None if standardize else nn.Parameter(torch.zeros(()))
        self.fuse = ConvNormAct(2 * channels, channels, norm, kernel=kernel)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        temperature = 1.0 if self.log_temperature is None else self.log_temperature.exp()
        weights = edge_weights(self.embed(x), self.similarity, temperature)
        return self.fuse(torch.cat([sgf(x, weights), x], dim=1))


class VolumeGraphFilter(nn.Module):
    """SGF on every plane of a cost volume, guided by a map of the left view."""

    def __init__(
        self, guide_channels: int, channels: int, norm3d: Placement, *, similarity: str = "dot"
    ) -> None:
        super().__init__()
        self.similarity = similarity
        conv = nn.Conv2d(guide_channels, guide_channels, 3, padding=1, bias=False)
        self.embed = nn.Sequential(conv, InstanceNorm(guide_channels))
        self.fuse = ConvNormAct(2 * channels, channels, norm3d, ndim=3)

    def forward(self, volume: Tensor, guide: Tensor) -> Tensor:
        """Volume [N, C, D, H, W] and map [N, G, H, W] -> volume of the same shape."""
        weights = edge_weights(self.embed(guide), self.similarity)
        filtered = sgf(volume.flatten(1, 2), weights).view_as(volume)
        return self.fuse(torch.cat([filtered, volume], dim=1))
