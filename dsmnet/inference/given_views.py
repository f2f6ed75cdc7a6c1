"""Views as a program holds them: paths, PIL images, arrays, tensors; one pair or several."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from torch import Tensor

from dsmnet.errors import ShapeError, UserError
from dsmnet.io.decoding import warn_once
from dsmnet.io.images import read_image, read_views, views_to_eight_bits
from dsmnet.types import Image

AnyImage = NDArray[Any] | Tensor
_BRIGHT = 2.0  # floats above are hardly meant to be in [0, 1]
GivenView = AnyImage | PilImage.Image | str | Path


def is_batch(view: Any) -> bool:
    """Return whether views come as a list or tuple, or stacked in [N, H, W, 3] or a tensor [N, 3, H, W]."""
    stacked = isinstance(view, np.ndarray | Tensor) and view.ndim == 4 and len(view) > 0
    return stacked or isinstance(view, list | tuple)


def pairs_of(left: Any, right: Any) -> Iterator[tuple[Any, Any]]:
    """Return an iterator of the pairs of a batch; ShapeError where the sides are not equally many."""
    found = f"{len(right)}" if is_batch(right) else "one view"
    if found != f"{len(left)}":
        raise ShapeError(f"left holds {len(left)} views and right {found}: expected equally many")
    return zip(left, right, strict=True)


def as_images(left: GivenView, right: GivenView) -> tuple[AnyImage, AnyImage]:
    """Return two views as arrays [H, W, 3], [H, W] or tensors [3, H, W], RGB, of a type that networks take.

    Raises:
        DataError: There is no such file, or it cannot be read.
        ShapeError: The type of the pixels is none of an image: uint8, uint16, or floats in [0, 1].
    """
    if isinstance(left, str | Path) and isinstance(right, str | Path):
        return read_views(left, right)  # together, as the bits of 16-bit images are
    return _as_image(left, "left"), _as_image(right, "right")


def _as_image(view: GivenView, name: str) -> AnyImage:
    if isinstance(view, str | Path):
        return read_image(view)
    if isinstance(view, PilImage.Image):
        if view.mode.startswith("I"):  # 16 bit
            view = np.asarray(view).astype(np.uint16)
        else:
            view = np.array(view if view.mode in ("F", "L") else view.convert("RGB"))
    if not isinstance(view, np.ndarray | Tensor):
        raise UserError(
            f"{name}: {type(view).__name__}, where a path, a PIL image, an array, a tensor or a list of "
            "these was expected"
        )
    floating = view.is_floating_point() if isinstance(view, Tensor) else view.dtype.kind == "f"
    kind = str(view.dtype).removeprefix("torch.")
    if not floating and kind not in ("uint8", "uint16"):
        raise ShapeError(f"{name}: pixels of {kind}, where uint8, uint16 or floats in [0, 1] were expected")
    if floating and 0 not in view.shape:
        largest = float(view.max())
        if not math.isfinite(largest):
            raise ShapeError(f"{name}: pixels that are nan or infinite, where floats in [0, 1] were expected")
        if largest > _BRIGHT:
            warn_once(("bright", name), "%s: floats up to %.0f, where [0, 1] was expected", name, largest)
    return view


def as_eight_bits(left: GivenView, right: GivenView) -> tuple[Image, Image]:
    """Return two views as uint8 [H, W, 3], RGB, as files are read."""
    arrays = []
    for name, view in zip(("left", "right"), as_images(left, right), strict=True):
        array = view.detach().cpu() if isinstance(view, Tensor) else view
        if isinstance(array, Tensor):
            array = (array.float() if array.is_floating_point() else array).numpy()
            array = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
        array = array[..., None] if array.ndim == 2 else array
        if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
            raise ShapeError(f"{name}: expected an image [H, W, 3] or [H, W], got shape {tuple(view.shape)}")
        if array.dtype.kind == "f":
            if not (array.min() >= 0 and array.max() <= 1):  # nan is neither
                raise ShapeError(f"{name}: floats that are not in [0, 1]; expected image / 255, or uint8")
            array = np.rint(array * 255).astype(np.uint8)
        arrays.append(np.ascontiguousarray(np.broadcast_to(array[..., :3], (*array.shape[:2], 3))))
    first, second = views_to_eight_bits(arrays, "left")
    return first, second
