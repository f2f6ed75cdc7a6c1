"""PSMNet's aggregation (Chang and Chen 2018, sec. 3.4): three hourglasses that hand their maps on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.conv import ConvNormAct, Convolvable, ResidualBlock, UpConvNormAct
from dsmnet.layers.conv3d import Conv3d
from dsmnet.layers.norms.placement import Placement


class StackedHourglass(nn.Module):
    """Volume -> scores of each of the hourglasses, each score added to the one before.

    Contract of the slot: `forward(volume [N, G, D, h, w], lefts) -> list of scores [N, 1, D, h, w]`, coarse
    to fine, larger is better, in evaluation the last alone; D, h, w are multiples of `divisor`. The left maps
    are not used.
    """

    divisor = 4
    folds = True

    def __init__(
        self,
        in_channels: int,
        channels: Mapping[int, int],
        *,
        norm: Placement,
        norm3d: Placement,
        width: int = 32,
    ) -> None:
        super().__init__()
        self.enter = enter(in_channels, width, norm3d)
        self.hourglasses = nn.ModuleList(_Hourglass(width, norm3d) for _ in range(3))
        self.heads = nn.ModuleList(head(width, norm3d) for _ in range(3))

    def forward(self, volume: Tensor | Convolvable, lefts: Mapping[int, Tensor]) -> list[Tensor]:
        """See the class."""
        start = x = self.enter(volume)
        first_down: Tensor | None = None
        up: Tensor | None = None
        scores: list[Tensor] = []
        for hourglass, classify in zip(self.hourglasses, self.heads, strict=True):
            change, down, up = hourglass(x, first_down, up)
            first_down = down if first_down is None else first_down
            x = start + change
            score = classify(x)
            scores.append(score + scores[-1] if scores else score)
        return scores if self.training else scores[-1:]


class _Hourglass(nn.Module):
    """Down to a quarter of the size and up again, with what other hourglasses saw at half of it."""

    def __init__(self, width: int, norm: Placement) -> None:
        super().__init__()
        wide = 2 * width
        self.down1 = ConvNormAct(width, wide, norm, stride=2, ndim=3)
        self.inner1 = ConvNormAct(wide, wide, norm, ndim=3, act=False)
        self.down2 = ConvNormAct(wide, wide, norm, stride=2, ndim=3)
        self.inner2 = ConvNormAct(wide, wide, norm, ndim=3)
        self.up2 = UpConvNormAct(wide, wide, norm, kernel=3, output_padding=1, ndim=3, act=False)
        self.up1 = UpConvNormAct(wide, width, norm, kernel=3, output_padding=1, ndim=3, act=False)

    def forward(
        self, x: Tensor, first_down: Tensor | None, last_up: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the change [N, C, D, h, w], and the half-size maps [N, 2 C, D/2, h/2, w/2] down and up.

        Args:
            x: [N, C, D, h, w].
            first_down: of the first hourglass, to add on the way up; `None` in the first.
            last_up: of the hourglass before, to add on the way down; `None` in the first.
        """
        half = self.inner1(self.down1(x))
        down = F.relu(half if last_up is None else half + last_up, inplace=True)
        coarse = self.up2(self.inner2(self.down2(down)))
        up = F.relu(coarse + (down if first_down is None else first_down), inplace=True)
        return self.up1(up), down, up


def enter(in_channels: int, width: int, norm: Placement) -> nn.Sequential:
    """Return what precedes the hourglasses, [N, G, D, h, w] -> [N, C, D, h, w]."""
    return nn.Sequential(
        ConvNormAct(in_channels, width, norm, ndim=3),
        ConvNormAct(width, width, norm, ndim=3),
        ResidualBlock(width, norm, ndim=3, act=False),
    )


def head(width: int, norm: Placement) -> nn.Sequential:
    """Return what turns a volume into scores, [N, C, D, h, w] -> [N, 1, D, h, w]."""
    return nn.Sequential(ConvNormAct(width, width, norm, ndim=3), Conv3d(width, 1, 3, padding=1, bias=False))
