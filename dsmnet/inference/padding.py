"""Images of any size for networks that want multiples of a divisor."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Padding:
    """Rows added above and columns added on the right, by repeating the border, and how to cut them again.

    On the right, because a left pixel looks for its match further left: columns added on the left would be
    matched against each other.
    """

    top: int
    right: int

    @classmethod
    def to_multiple(cls, height: int, width: int, divisor: int) -> Padding:
        """Return the padding up to the next multiple, at least four times the divisor.

        Below that, the coarsest maps would be too small for instance statistics.
        """
        smallest = 4 * divisor
        return cls(
            top=max(smallest, -(-height // divisor) * divisor) - height,
            right=max(smallest, -(-width // divisor) * divisor) - width,
        )

    def apply(self, image: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H + top, W + right]."""
        return F.pad(image, (0, self.right, self.top, 0), mode="replicate")

    def cut(self, image: Tensor) -> Tensor:
        """Undo `apply`."""
        return image[..., self.top :, : image.shape[-1] - self.right]
