"""PSMNet's aggregation (Chang and Chen 2018, sec. 3.4): three stacked hourglasses with shared skips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import Conv3d, ConvNormAct, LazyVolume, ResidualBlock, UpConvNormAct
from dsmnet.layers.norms.placement import Placement
from dsmnet.stages.aggregation.contract import Aggregation, AggregationInput


class Hourglasses(Aggregation):
    """Base of aggregations by three hourglasses at `width` channels, and output convolutions."""

    divisor = 4
    accepts_lazy_volume = True

    def __init__(
        self, given: AggregationInput, width: int, hourglass: Callable[..., nn.Module], heads: int
    ) -> None:
        super().__init__()
        norm = given.norm3d
        self.conv_in = nn.Sequential(
            ConvNormAct(given.volume_channels, width, norm, ndim=3),
            ConvNormAct(width, width, norm, ndim=3),
            ResidualBlock(width, norm, ndim=3, act=False),
        )
        self.hourglasses = nn.ModuleList(hourglass(width, norm) for _ in range(3))
        self.heads = nn.ModuleList(
            nn.Sequential(ConvNormAct(width, width, norm, ndim=3), Conv3d(width, 1, 3, padding=1, bias=False))
            for _ in range(heads)
        )


class HourglassConvs(nn.Module):
    """Convolutions of an hourglass: encoder to 1/4 of the size and decoder."""

    def __init__(self, width: int, half: int, quarter: int, norm: Placement, act: bool) -> None:
        super().__init__()
        self.down1 = ConvNormAct(width, half, norm, stride=2, ndim=3)
        self.inner1 = ConvNormAct(half, half, norm, ndim=3, act=act)
        self.down2 = ConvNormAct(half, quarter, norm, stride=2, ndim=3)
        self.inner2 = ConvNormAct(quarter, quarter, norm, ndim=3)
        self.up2 = UpConvNormAct(quarter, half, norm, kernel=3, output_padding=1, ndim=3, act=False)
        self.up1 = UpConvNormAct(half, width, norm, kernel=3, output_padding=1, ndim=3, act=False)


class StackedHourglass(Hourglasses):
    """Three hourglasses; the logits of each are added to those of the one before."""

    def __init__(self, given: AggregationInput, *, width: int = 32) -> None:
        super().__init__(given, width, _Hourglass, heads=3)

    def forward(self, volume: Tensor | LazyVolume, left_features: Mapping[int, Tensor]) -> list[Tensor]:
        """See `Aggregation`."""
        start = x = self.conv_in(volume)
        first_down: Tensor | None = None
        up: Tensor | None = None
        logits: list[Tensor] = []
        for hourglass, head in zip(self.hourglasses, self.heads, strict=True):
            change, down, up = hourglass(x, first_down, up)
            first_down = down if first_down is None else first_down
            x = start + change
            logit = head(x)
            logits.append(logit + logits[-1] if logits else logit)
        return logits if self.training else logits[-1:]


class _Hourglass(HourglassConvs):
    """Hourglass with skips from the other ones at 1/2."""

    def __init__(self, width: int, norm: Placement) -> None:
        super().__init__(width, 2 * width, 2 * width, norm, act=False)

    def forward(
        self, x: Tensor, first_down: Tensor | None, last_up: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the residual [N, C, D, h, w], and the half-size maps [N, 2C, D/2, h/2, w/2] down and up.

        The other maps are the encoder's of the first hourglass and the decoder's of the one before.
        """
        half = self.inner1(self.down1(x))
        down = F.relu(half if last_up is None else half + last_up, inplace=True)
        coarse = self.up2(self.inner2(self.down2(down)))
        up = F.relu(coarse + (down if first_down is None else first_down), inplace=True)
        return self.up1(up), down, up
