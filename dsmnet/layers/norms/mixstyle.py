"""MixStyle (Zhou et al., "Domain generalization with MixStyle", ICLR 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import ShapeError
from dsmnet.layers.norms.spatial import SpatialNorm
from dsmnet.ops.backend import memory_format, widen


class MixStyle(SpatialNorm):
    """In training, give each image a style between its own and that of another image of the batch.

    The style is the mean and the standard deviation over the pixels, per channel. With
    ``l ~ Beta(alpha, alpha)`` per image and a random permutation of the batch,
    ``y = (l * std + (1 - l) * other_std) * (x - mean) / std + l * mean + (1 - l) * other_mean``; no gradient
    flows through the statistics. In evaluation, and with nothing to mix, ``y = x``.

    A stereo network extracts the features of all left views and all right views in one batch, in this order.
    Both views of a pair get the same `l` and mix with the same view of the same other pair, or a pixel and
    its match would no longer look alike. Place it only where the batch is so composed.

    Random numbers are torch's own, of the CPU.

    Args:
        probability: Probability of mixing, per batch.
        alpha: Parameter of the Beta distribution; below 1, `l` is mostly near 0 or 1.
        views: Blocks of equal size that the batch consists of; volumes are one per pair, so that it counts
            as 1 there.

    Raises:
        ShapeError: In forward, as for `SpatialNorm`, or when a batch in training does not consist of `views`
            equal blocks; a single image is left as it is.
    """

    shown = ("ndim", "probability", "alpha", "views", "eps")

    def __init__(
        self,
        num_features: int,
        *,
        ndim: int = 2,
        probability: float = 0.5,
        alpha: float = 0.1,
        views: int = 2,
        eps: float = 1e-6,
    ) -> None:
        super().__init__(num_features, ndim, eps)
        if not 0 <= probability <= 1:
            raise ValueError(f"probability: expected a number from 0 to 1, got {probability}")
        if not alpha > 0:
            raise ValueError(f"alpha: expected a number above 0, got {alpha}")
        if views < 1:
            raise ValueError(f"views: expected at least 1, got {views}")
        self.probability, self.alpha = probability, alpha
        self.views = 1 if ndim == 3 else views

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` in mixed styles, same shape."""
        self.check(x)
        if not self.training or x.shape[0] == 1:
            return x
        items, rest = divmod(x.shape[0], self.views)
        if rest:
            raise ShapeError(
                f"MixStyle: expected a batch of {self.views} views of equal number, got {list(x.shape)}"
            )
        if items < 2 or torch.rand(()) >= self.probability:
            return x
        wide = widen(x)
        with torch.no_grad():
            variance, mean = torch.var_mean(wide, tuple(range(2, x.ndim)), correction=0, keepdim=True)
            std = (variance + self.eps).sqrt()
            own, other = (t.to(x.device) for t in self._draw(items))
            own = own.to(wide.dtype).view(-1, *[1] * (x.ndim - 1))
            gain = own + (1 - own) * std[other] / std
            mixed_mean = own * mean + (1 - own) * mean[other]
        out = (wide - mean) * gain + mixed_mean
        return out.to(x.dtype).contiguous(memory_format=memory_format(x))

    def _draw(self, items: int) -> tuple[Tensor, Tensor]:
        """Return for each image the weight of its own style and which image the other one is of, both [B]."""
        own = torch.distributions.Beta(self.alpha, self.alpha).sample((items,))
        other = torch.randperm(items)
        return own.repeat(self.views), torch.cat([other + view * items for view in range(self.views)])
