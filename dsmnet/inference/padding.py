"""Images of any size for networks that want multiples of a divisor."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from dsmnet.models.stereo_net import StereoNet


class Padding(NamedTuple):
    """Rows added above and columns added on the right, by repeating the border, and how to cut them again.

    On the right, because a left pixel looks for its match further left: columns added on the left would be
    matched against each other.
    """

    top: int
    right: int

    @classmethod
    def for_net(cls, net: StereoNet, height: int, width: int) -> Padding:
        """Return the padding to a multiple of a network's divisor, and to its smallest height and width."""
        top, right = (
            -(-max(size, least) // net.divisor) * net.divisor - size
            for size, least in zip((height, width), net.smallest, strict=True)
        )
        return cls(top, right)

    def apply(self, image: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H + top, W + right]."""
        return F.pad(image, (0, self.right, self.top, 0), mode="replicate")

    def cut(self, image: Tensor) -> Tensor:
        """Undo `apply`."""
        return image[..., self.top :, : image.shape[-1] - self.right]
