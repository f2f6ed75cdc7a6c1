"""Base of the norms that take statistics over the pixels."""

from __future__ import annotations

from torch import Tensor, nn

from dsmnet.errors import ShapeError
from dsmnet.layers.norms.checks import check_ndim
from dsmnet.ops.backend import widen


class SpatialNorm(nn.Module):
    """Norm that is computed in float32 (or float64) whatever the input.

    The result has the input's type and memory format.

    Args:
        num_features: Channels.
        ndim: 1 for sequences [B, C, L], 2 for maps [B, C, H, W], 3 for volumes [B, C, D, H, W].
        eps: Added to the variances.

    Raises:
        ShapeError: In forward, when the input is not of that form or has one pixel per channel.
    """

    shown: tuple[str, ...] = ()  # names of the arguments to print

    def __init__(self, num_features: int, ndim: int, eps: float) -> None:
        super().__init__()
        check_ndim(ndim)
        self.num_features, self.ndim, self.eps = num_features, ndim, eps

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised, same shape."""
        self.check(x)
        return self.compute(widen(x)).to(x.dtype)

    def compute(self, x: Tensor) -> Tensor:
        """Return `x`, float32 or float64, normalised, in its memory format."""
        raise NotImplementedError

    def check(self, x: Tensor) -> None:
        """Refuse an input that has no statistics over its spatial dimensions."""
        norm, shape = type(self).__name__, list(x.shape)
        if len(shape) != self.ndim + 2 or shape[1] != self.num_features:
            space = {1: "L", 2: "H, W", 3: "D, H, W"}[self.ndim]
            raise ShapeError(f"{norm}: expected an input [B, {self.num_features}, {space}], got {shape}")
        if all(size == 1 for size in shape[2:]):
            raise ShapeError(
                f"{norm}: expected more than one pixel per channel to take statistics of, got {shape}"
            )

    def extra_repr(self) -> str:
        """Return the arguments, for printing."""
        return ", ".join([f"{self.num_features}", *(f"{name}={getattr(self, name)}" for name in self.shown)])
