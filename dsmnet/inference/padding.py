"""Images of any size for networks that want multiples of a divisor."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from dsmnet.models.stereo_net import StereoNet


@dataclass(frozen=True)
class Padding:
    """Rows added above and columns added on the right, by repeating the border, and how to cut them again.

    On the right, because a left pixel looks for its match further left: columns added on the left would be
    matched against each other.
    """

    top: int
    right: int

    @classmethod
    def to_multiple(
        cls, height: int, width: int, divisor: int, smallest: tuple[int, int] | None = None
    ) -> Padding:
        """Return the padding up to the next multiple, and up to the `smallest` height and width.

        Its default is four times the divisor: below that, the coarsest maps would be too small for instance
        statistics.
        """
        least = smallest or (4 * divisor, 4 * divisor)
        top, right = (
            -(-max(size, low) // divisor) * divisor - size
            for size, low in zip((height, width), least, strict=True)
        )
        return cls(top, right)

    @classmethod
    def for_net(cls, net: StereoNet, height: int, width: int) -> Padding:
        """Return the padding that a network needs."""
        return cls.to_multiple(height, width, net.divisor, net.smallest)

    def apply(self, image: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H + top, W + right]."""
        return F.pad(image, (0, self.right, self.top, 0), mode="replicate")

    def cut(self, image: Tensor) -> Tensor:
        """Undo `apply`."""
        return image[..., self.top :, : image.shape[-1] - self.right]
