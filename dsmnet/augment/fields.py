"""What the transforms share: all maps of a sample at once, and what of a pair both views still show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dsmnet.types import StereoSample

MAPS = ("left", "right", "disparity", "valid", "noc", "right_disparity", "right_valid", "foreground")
TARGETS = (("disparity", "valid"), ("right_disparity", "right_valid"))  # of the left view, of the right one


def change_maps(sample: StereoSample, change: Callable[[NDArray[Any]], NDArray[Any]]) -> StereoSample:
    """Apply one change to every map of a sample."""
    changed = {
        key: change(cast("NDArray[Any]", value)) if key in MAPS else value for key, value in sample.items()
    }
    return cast(StereoSample, changed)


def replace(sample: StereoSample, **parts: Any) -> StereoSample:
    """Return a sample with some of its parts changed."""
    return cast(StereoSample, {**sample, **parts})


def drop(sample: StereoSample, *keys: str) -> StereoSample:
    """Return a sample without some of its parts."""
    return cast(StereoSample, {key: value for key, value in sample.items() if key not in keys})


class KeepClean:
    """Keep the views as they are here as ``clean_left`` and ``clean_right``, for self-distillation.

    What moves pixels has its place before this step, what changes colors, light or blur behind it.
    """

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the sample with its clean views."""
        return replace(sample, clean_left=sample["left"], clean_right=sample["right"])


def known(sample: StereoSample, disparity: str, valid: str) -> NDArray[np.bool_]:
    """Return where a disparity map of a sample is known; without a mask, where it is not 0."""
    maps = cast("dict[str, NDArray[Any]]", sample)
    return maps[valid] if valid in maps else maps[disparity] != 0


def hide_unmatched(sample: StereoSample, first: int = 0) -> StereoSample:
    """Take the points out of `noc` whose match lies left of column `first` of the right view.

    None lies right of it: disparities are positive.
    """
    if "noc" not in sample:
        return sample
    match = np.arange(sample["noc"].shape[1], dtype=np.float32) - sample["disparity"]
    return replace(sample, noc=sample["noc"] & (match >= first))
