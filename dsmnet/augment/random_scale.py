"""A window of random size, brought to the size that training wants: random scale, stretch and crop in one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dsmnet.augment.fields import hide_unmatched
from dsmnet.augment.random_crop import choose_corner, cut, pad
from dsmnet.augment.resample import is_sparse, resize
from dsmnet.errors import UserError
from dsmnet.options import check_number, check_range, check_share, check_whole
from dsmnet.types import StereoSample

KINDS = ("auto", "dense", "sparse")


@dataclass
class RandomScaleCrop:
    """Scale a pair by a random factor and cut a window of fixed size out of it.

    The window is cut first and scaled then: the same, for a tenth of the work. Its size in the original is
    rounded to whole pixels and the factors follow from it, so that they are exact; disparities are multiplied
    by the horizontal one. Factors are raised where the window would not fit into the images. Images smaller
    than the window at factor 1 are padded below and on the left. Points whose match lies outside of the
    window are no longer `noc`. In the manner of RAFT-Stereo and DSMNet.
    """

    height: int  # of the window, pixels
    width: int
    min_scale: float = -0.2  # least exponent; the factor is 2 to the power of `min_scale` ... `max_scale`
    max_scale: float = 0.4
    stretch: float = 0.2  # largest exponent, either way, of a further factor for each axis on its own
    scale_probability: float = 0.8  # how often there is another factor than 1 at all
    stretch_probability: float = 0.8  # how often, of these, the axes get factors of their own
    min_valid: float = 0.0  # see `RandomCrop`; of the window before scaling
    tries: int = 1  # see `RandomCrop`
    # dense: disparities are interpolated on surfaces, looked up at edges; sparse: the known ones are carried
    # to the nearest pixel, their values kept; auto: what the map looks like.
    ground_truth: str = "auto"

    def __post_init__(self) -> None:
        self.size = check_whole("height", self.height), check_whole("width", self.width)
        check_range("min_scale, max_scale", (self.min_scale, self.max_scale))
        check_number("stretch", self.stretch, least=0)
        for name in ("scale_probability", "stretch_probability", "min_valid"):
            check_share(name, getattr(self, name))
        check_whole("tries", self.tries)
        if self.ground_truth not in KINDS:
            raise UserError(
                f"transform: ground_truth={self.ground_truth}: expected one of {', '.join(KINDS)}"
            )

    def __call__(self, sample: StereoSample, rng: np.random.Generator) -> StereoSample:
        """Return the changed sample."""
        window = self._window(sample["left"].shape[:2], self._factors(rng))
        # Known before the cut: a window may show one dense patch of sparse ground truth.
        sparse = self.ground_truth == "sparse"
        if self.ground_truth == "auto" and "valid" in sample and window != self.size:
            sparse = is_sparse(sample["valid"])
        sample, added = pad(sample, *window)
        corner = choose_corner(sample, window, rng, self.min_valid, self.tries)
        scaled = resize(cut(sample, corner, window), *self.size, sparse=sparse)
        first = max(added - corner[1], 0) * self.size[1] / window[1]
        return hide_unmatched(scaled, math.ceil(first))

    def _factors(self, rng: np.random.Generator) -> tuple[float, float]:
        """Draw the vertical and the horizontal factor."""
        exponents = np.zeros(2)
        if rng.random() < self.scale_probability:
            exponents += rng.uniform(self.min_scale, self.max_scale)
            if rng.random() < self.stretch_probability:
                exponents += rng.uniform(-self.stretch, self.stretch, 2)
        vertical, horizontal = 2**exponents
        return float(vertical), float(horizontal)

    def _window(self, image: tuple[int, ...], factors: tuple[float, float]) -> tuple[int, int]:
        """Return the height and width that these factors bring to the wanted size."""
        height, width = (
            min(max(round(size / factor), 1), max(size, available))
            for size, available, factor in zip(self.size, image, factors, strict=True)
        )
        return height, width
