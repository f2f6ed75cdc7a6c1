"""Pairs of a target's own images with exact ground truth: right views rendered from left ones.

A disparity that is only plausible is ground truth of the pair that it renders (Watson et al., *Learning
Stereo from Single Images*, ECCV 2020).
"""

from __future__ import annotations

import cv2
import numpy as np
from torch.utils.data import Dataset

from dsmnet.inference.gap_filling import fill_gaps
from dsmnet.types import DisparityMap, Image, Mask, StereoPairs, StereoSample

_STEP = 1.0  # pixels of disparity between neighbours of different surfaces
_SEED = 7


class RenderedPairs(Dataset[StereoSample]):
    """Pairs whose right view is rendered anew, in each variant at another baseline; half of them mirrored.

    Args:
        pairs: Pairs with a disparity at every pixel.
        scales: Least and largest factor of the baseline.
        variants: Renderings of a pair.
        rows: Rows of a rendering, at a random height; all of a pair that has fewer.
    """

    name = "rendered"

    def __init__(
        self,
        pairs: StereoPairs,
        scales: tuple[float, float] = (0.6, 1.4),
        variants: int = 1000,
        rows: int = 1 << 16,
    ) -> None:
        self.pairs, self.scales, self.variants, self.rows = pairs, scales, variants, rows

    def __len__(self) -> int:
        return len(self.pairs) * self.variants

    def __getitem__(self, index: int) -> StereoSample:
        """Render variant ``index // len(pairs)`` of a pair."""
        rng = np.random.default_rng([_SEED, index])
        sample = self.pairs[index % len(self.pairs)]
        mirrored, top = rng.random() < 0.5, int(rng.integers(max(len(sample["left"]) - self.rows, 0) + 1))
        band = slice(top, top + self.rows)
        left, right, disparity = sample["left"][band], sample["right"][band], sample["disparity"][band]
        if mirrored:  # then the right view is the left one
            moved = right_disparity(disparity)
            left, right = right[:, ::-1], left[:, ::-1]
            disparity = fill_gaps(moved, moved > 0)[:, ::-1]
        scale = float(np.exp(rng.uniform(*np.log(self.scales))))
        view, noc = render_right(left, right, disparity, scale)
        valid = disparity > 0
        return {
            "left": np.ascontiguousarray(left),
            "right": view,
            "disparity": disparity * np.float32(scale),
            "valid": valid,
            "noc": noc & valid,
            "name": sample["name"],
            "dataset": self.name,
        }


def render_right(left: Image, right: Image, disparity: DisparityMap, scale: float) -> tuple[Image, Mask]:
    """Render the right view of a pair at another baseline.

    Args:
        left: Left view, [H, W, 3].
        right: Right view, [H, W, 3], which shows what the left one does not.
        disparity: Disparity at every pixel of the left view, [H, W], pixels.
        scale: Factor of the baseline.

    Returns:
        Right view, and the mask of the left pixels that it shows.
    """
    height, width = disparity.shape
    scaled = disparity * np.float32(scale)
    nearest = right_disparity(scaled)
    shown = nearest >= 0
    behind = fill_gaps(nearest, shown)
    x = np.arange(width, dtype=np.float32)
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    hidden = ~shown & ~_cracks(nearest, shown) | (x + behind > width - 1)
    view = cv2.remap(left, x + behind, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    other = cv2.remap(
        right, x + behind - behind / np.float32(scale), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    view[hidden] = other[hidden]
    place = np.rint(x - scaled).astype(np.intp)
    front = np.take_along_axis(nearest, place.clip(0, width - 1), axis=1)
    return np.asarray(view, left.dtype), (place >= 0) & (front - scaled < _STEP)


def right_disparity(disparity: DisparityMap) -> DisparityMap:
    """Return the largest left disparity that falls on each pixel of the right view, -1 where none does."""
    height, width = disparity.shape
    place = np.rint(np.arange(width) - disparity).astype(np.intp)
    inside = (place >= 0) & (place < width)
    nearest = np.full((height, width), -1, np.float32)
    np.maximum.at(nearest, (np.nonzero(inside)[0], place[inside]), disparity[inside])
    return nearest


def _cracks(nearest: DisparityMap, shown: Mask) -> Mask:
    """Return gaps of one pixel within a surface, which opens them where it turns to the right view."""
    before, after = np.roll(nearest, 1, axis=1), np.roll(nearest, -1, axis=1)
    cracks = ~shown & (before >= 0) & (after >= 0) & (np.abs(before - after) < 2 * _STEP)
    cracks[:, [0, -1]] = False
    return cracks
