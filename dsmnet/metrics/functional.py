"""EPE, bad-k and D1: the error of a disparity map on the pixels whose ground truth is known.

All three take maps of one shape ``[..., H, W]`` and a boolean mask of the pixels that count, and return

- one number over all pixels of all images (``per_image=False``), or
- one number per image, shape ``[...]`` (``per_image=True``).

Without one valid pixel the answer is nan, never 0: an image nobody could judge is not a perfect one.

A prediction that is nan or infinite on a valid pixel has an infinite error there. It is a bad pixel at every
threshold and makes the EPE infinite, so that a method gains nothing by not answering.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dsmnet.errors import ShapeError


def epe(prediction: Tensor, target: Tensor, valid: Tensor, per_image: bool = False) -> Tensor:
    """End-point error: mean of |prediction - target|, in pixels.

    Args:
        prediction: Disparity, any real type, [..., H, W], pixels.
        target: True disparity, same shape.
        valid: Bool, same shape; only these pixels count, whatever the target holds elsewhere.
        per_image: One number per image instead of one over all pixels.

    Raises:
        ShapeError: The shapes differ, or are not at least [H, W].
    """
    return masked_mean(absolute_error(prediction, target, valid), valid, per_image)


def bad_pixel(
    prediction: Tensor, target: Tensor, valid: Tensor, threshold: float, per_image: bool = False
) -> Tensor:
    """bad-k: share of pixels whose error exceeds ``threshold`` pixels, in percent (Middlebury, ETH3D).

    Arguments and errors as in `epe`.
    """
    wrong = absolute_error(prediction, target, valid) > threshold
    return 100 * masked_mean(wrong.float(), valid, per_image)


def d1(prediction: Tensor, target: Tensor, valid: Tensor, per_image: bool = False) -> Tensor:
    """D1: share of pixels whose error exceeds both 3 px and 5 % of the ground truth, in percent (KITTI 2015).

    Arguments and errors as in `epe`.
    """
    wrong = outliers(absolute_error(prediction, target, valid), target)
    return 100 * masked_mean(wrong.float(), valid, per_image)


def absolute_error(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """|prediction - target| as float32; 0 where not valid, inf where the prediction is not a number.

    Raises:
        ShapeError: The shapes differ, or are not at least [H, W].
    """
    if prediction.shape != target.shape:
        raise ShapeError(
            f"prediction has shape {list(prediction.shape)} but the ground truth has {list(target.shape)}; "
            f"both must be of one shape [..., H, W]"
        )
    if valid.shape != target.shape:
        raise ShapeError(
            f"the valid mask has shape {list(valid.shape)} but the ground truth has {list(target.shape)}; "
            f"both must be of one shape [..., H, W]"
        )
    if target.ndim < 2:
        raise ShapeError(f"a disparity map has shape [..., H, W], this one has {list(target.shape)}")
    error = (prediction.float() - target.float()).abs()
    error = torch.where(torch.isfinite(prediction), error, torch.inf)
    return torch.where(valid.bool(), error, 0.0)


def outliers(error: Tensor, target: Tensor) -> Tensor:
    """KITTI 2015's definition of a wrong pixel: error > 3 px and error > 5 % of the ground truth."""
    return (error > 3) & (error > 0.05 * target.float().abs())


def masked_mean(values: Tensor, valid: Tensor, per_image: bool) -> Tensor:
    """Mean of `values` where valid, over everything or over the last two axes; nan where nothing is valid.

    `values` must be 0 where not valid.
    """
    axes = (-2, -1) if per_image else tuple(range(values.ndim))
    values = torch.where(valid.bool(), values, 0.0)
    return values.sum(axes) / valid.bool().sum(axes)
