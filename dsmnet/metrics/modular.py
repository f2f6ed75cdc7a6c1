"""EPE, bad-k and D1 as torchmetrics: they collect over batches and over processes, for the training loop."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from dsmnet.metrics.pixel_error import absolute_error, outliers


class DisparityMetric(Metric):
    """Mean of a per-pixel quantity over everything seen; a subclass says which quantity.

    Args:
        average: ``"image"`` gives every image the same weight (images without a valid pixel are left out),
            ``"pixel"`` pools the pixels of all images.
        kwargs: Arguments of `torchmetrics.Metric`.

    `compute` returns nan as long as no valid pixel was seen. States are sums, so several processes add up to
    what one process would have computed.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    total: Tensor
    count: Tensor

    def __init__(self, average: Literal["image", "pixel"] = "image", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if average not in ("image", "pixel"):
            raise ValueError(f"average is {average!r}; expected 'image' or 'pixel'")
        self.average = average
        # float32 and int64 exist on every accelerator; a count in float32 would stall at 16.8 million pixels.
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def per_pixel(self, error: Tensor, target: Tensor) -> Tensor:
        """Return the quantity to average, float32, from the absolute error (both [..., H, W])."""
        raise NotImplementedError

    def update(self, prediction: Tensor, target: Tensor, valid: Tensor) -> None:
        """Add a batch of maps [..., H, W]; see `dsmnet.metrics.epe`."""
        valid = valid.bool()
        values = self.per_pixel(absolute_error(prediction, target, valid), target)
        values = torch.where(valid, values, 0.0)
        sums, pixels = values.sum((-2, -1)), valid.sum((-2, -1))
        if self.average == "image":
            sums = torch.where(pixels > 0, sums / pixels.clamp(min=1), 0.0)
            pixels = (pixels > 0).long()
        self.total += sums.sum()
        self.count += pixels.sum()

    def compute(self) -> Tensor:
        """Return the mean, a float32 scalar; nan where nothing valid was seen."""
        return self.total / self.count


class EPE(DisparityMetric):
    """End-point error in pixels, see `dsmnet.metrics.epe`."""

    def per_pixel(self, error: Tensor, target: Tensor) -> Tensor:
        """Return the error itself."""
        return error


class BadPixel(DisparityMetric):
    """Percent of pixels with an error above `threshold` pixels, see `dsmnet.metrics.bad_pixel`."""

    def __init__(self, threshold: float, average: Literal["image", "pixel"] = "image", **kwargs: Any) -> None:
        super().__init__(average, **kwargs)
        self.threshold = threshold

    def per_pixel(self, error: Tensor, target: Tensor) -> Tensor:
        """Return 100 where the error exceeds the threshold."""
        return 100.0 * (error > self.threshold)


class D1(DisparityMetric):
    """Percent of pixels with an error above 3 px and 5 %, see `dsmnet.metrics.pixel_error.d1`."""

    def per_pixel(self, error: Tensor, target: Tensor) -> Tensor:
        """Return 100 where the pixel is an outlier."""
        return 100.0 * outliers(error, target.float())
