"""The aggregation of DSMNet: two 3-D hourglasses with guided semi-global passes."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import Conv3d, ConvNormAct, LazyVolume
from dsmnet.layers.graph_filter import VolumeGraphFilter
from dsmnet.layers.merge import Merge
from dsmnet.layers.norms.placement import Placement
from dsmnet.ops import sga
from dsmnet.ops.backend import widen
from dsmnet.stages.aggregation.guidance import Guides


class GuidedBlock(nn.Module):
    """A semi-global pass and a convolution, added to the input (GANet's SGA block)."""

    def __init__(self, channels: int, norm3d: Placement) -> None:
        super().__init__()
        self.norm = norm3d.inner(channels, 3)
        self.refine = ConvNormAct(channels, channels, norm3d, ndim=3, act=False)

    def forward(self, volume: Tensor, weights: Tensor) -> Tensor:
        """Volume [N, C, D, h, w] and weights [N, 4, 5, h, w] -> volume of the same shape."""
        # No variable for intermediate volumes: each holds the largest tensor of the network in memory.
        smooth = F.relu(self.norm(sga(widen(volume), widen(weights)).to(volume.dtype)), inplace=True)
        return F.relu(volume + self.refine(smooth), inplace=True)


class GuidedHourglass(nn.Module):
    """Two hourglasses with a guided semi-global pass at each level; logits before, between and after them.

    `widths` are the channels at full, half and quarter size. With `graph_filters`, SGF runs on each plane
    before the two hourglasses, as in the paper; the released network has none.
    """

    divisor = 4
    accepts_lazy_volume = True

    def __init__(
        self,
        in_channels: int,
        norm3d: Placement,
        *,
        widths: tuple[int, int, int] = (32, 48, 64),
        guide_channels: int = 32,
        graph_filters: bool = False,
        similarity: str = "dot",
    ) -> None:
        super().__init__()
        full, half, quarter = widths
        self.conv_in = ConvNormAct(in_channels, full, norm3d, ndim=3, act=False)
        self.fine = nn.ModuleList(GuidedBlock(full, norm3d) for _ in range(3))
        self.coarse = nn.ModuleList(GuidedBlock(half, norm3d) for _ in range(4))
        self.down1 = nn.ModuleList(
            ConvNormAct(a, b, norm3d, stride=2, ndim=3) for a, b in ((full, half), (half, quarter))
        )
        self.down2 = nn.ModuleList(
            Merge(a, b, norm3d, up=False, ndim=3) for a, b in ((full, half), (half, quarter))
        )
        self.up1, self.up2 = (
            nn.ModuleList(Merge(a, b, norm3d, up=True, ndim=3) for a, b in ((quarter, half), (half, full)))
            for _ in range(2)
        )
        self.heads = nn.ModuleList(Conv3d(full, 1, 3, padding=1, bias=False) for _ in range(3))
        self.filters = nn.ModuleList(
            VolumeGraphFilter(guide_channels, full, norm3d, similarity=similarity)
            for _ in range(2 * graph_filters)
        )

    def forward(self, volume: Tensor | LazyVolume, guides: Guides, left: Tensor) -> list[Tensor]:
        """Return logits [N, 1, D, h, w], coarse to fine; in evaluation the last alone.

        D is one more than a multiple of `divisor`; the left features are [N, C, h, w].
        """
        full = self.fine[0](self.conv_in(volume), guides.fine[0])
        logits = self._logits(0, full)
        full = self._filter(0, full, left)

        half = self.coarse[0](self.down1[0](full), guides.coarse[0])
        quarter = self.down1[1](half)
        half = self.coarse[1](self.up1[0](quarter, half), guides.coarse[1])
        full = self.up1[1](half, full)  # a new name would keep the previous volume in memory
        full = self.fine[1](full, guides.fine[1])
        logits += self._logits(1, full)
        full = self._filter(1, full, left)

        half = self.coarse[2](self.down2[0](full, half), guides.coarse[2])
        quarter = self.down2[1](half, quarter)
        half = self.coarse[3](self.up2[0](quarter, half), guides.coarse[3])
        full = self.up2[1](half, full)
        full = self.fine[2](full, guides.fine[2])
        return logits + self._logits(2, full)

    def _logits(self, index: int, volume: Tensor) -> list[Tensor]:
        """Return the logits of an output, outputs but the last in training only; the heads give costs."""
        wanted = self.training or index == len(self.heads) - 1
        return [-self.heads[index](volume)] if wanted else []

    def _filter(self, index: int, volume: Tensor, left: Tensor) -> Tensor:
        return self.filters[index](volume, left) if len(self.filters) else volume
