"""EPE, bad-k and D1: the error of a disparity map on the pixels whose ground truth is known.

All three take maps of one shape ``[..., H, W]`` and a boolean mask of the pixels that count, and return

- one number over all pixels of all images (``per_image=False``), or
- one number per image, shape ``[...]`` (``per_image=True``).

Without one valid pixel the result is nan, never 0: an image nobody could judge is not a perfect one.

A prediction that is nan or infinite on a valid pixel has an infinite error there. It is a bad pixel at every
threshold and makes the EPE infinite, so that a method gains nothing by leaving pixels out.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsmnet.errors import ShapeError
from dsmnet.types import DisparityMap, Mask

D1_PIXELS, D1_SHARE = 3.0, 0.05  # pixels, share of the true disparity

Array = TypeVar("Array", Tensor, NDArray[np.floating])


def epe(prediction: Tensor, target: Tensor, valid: Tensor, per_image: bool = False) -> Tensor:
    """End-point error: mean of |prediction - target|, in pixels.

    Args:
        prediction: Disparity, any real type, [..., H, W], pixels.
        target: True disparity, same shape.
        valid: Bool, same shape; only these pixels count, whatever the target holds elsewhere.
        per_image: One number per image instead of one over all pixels.

    Raises:
        ShapeError: The shapes differ, or are not at least [H, W].

    Example:
        >>> target = torch.tensor([[10.0, 20.0, 30.0]])
        >>> valid = torch.tensor([[True, True, False]])
        >>> float(epe(target + torch.tensor([[1.0, 3.0, 9.0]]), target, valid))
        2.0
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
    wrong = outliers(absolute_error(prediction, target, valid), target.float())
    return 100 * masked_mean(wrong.float(), valid, per_image)


def absolute_error(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """|prediction - target| as float32; 0 where not valid, inf where the prediction is not a number."""
    for name, other in (("prediction", prediction), ("valid mask", valid)):
        if other.shape != target.shape:
            raise ShapeError(
                f"the {name} has shape {list(other.shape)} but the ground truth has {list(target.shape)}; "
                f"both must be of one shape [..., H, W]"
            )
    if target.ndim < 2:
        raise ShapeError(f"a disparity map has shape [..., H, W], this one has {list(target.shape)}")
    error = (prediction.float() - target.float()).abs()
    error = torch.where(torch.isfinite(prediction), error, torch.inf)
    return torch.where(valid.bool(), error, 0.0)


def error_map(
    prediction: DisparityMap, target: DisparityMap, valid: Mask | None = None
) -> NDArray[np.float32]:
    """Do what `absolute_error` does for NumPy arrays; all pixels are valid without a mask."""
    valid = np.ones(target.shape, np.bool_) if valid is None else valid
    return absolute_error(*map(torch.from_numpy, (prediction, target, valid))).numpy()


def outlier_tolerance(target: Array) -> Array:
    """Return the largest error that D1 allows: 3 px or 5 % of the ground truth, whichever is more."""
    return (D1_SHARE * abs(target)).clip(D1_PIXELS)


def outliers(error: Any, target: Any) -> Any:
    """Return KITTI 2015's wrong pixels: error > 3 px and error > 5 % of the ground truth."""
    return error > outlier_tolerance(target)


def pixel_mask(valid: Mask, noc: Mask | None, pixels: str) -> Mask:
    """Return the `valid` pixels that are "noc" (both views see them), "occ" (only the left does), or "all".

    There is none of "noc" and "occ" where the set does not tell them.
    """
    if pixels == "all":
        return valid
    if noc is None:
        return np.zeros_like(valid)
    return valid & noc if pixels == "noc" else valid & ~noc


def masked_mean(values: Tensor, valid: Tensor, per_image: bool) -> Tensor:
    """Mean of `values` where valid, over everything or over the last two axes; nan where nothing is valid."""
    axes = (-2, -1) if per_image else tuple(range(values.ndim))
    values = torch.where(valid.bool(), values, 0.0)
    return values.sum(axes) / valid.bool().sum(axes)
