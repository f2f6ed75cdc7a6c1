"""Pseudo-labels: disparities of a teacher, kept where independent checks do not contradict them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.inference.confidence import disagreement, match_right
from dsmnet.inference.gap_filling import fill_gaps
from dsmnet.options import check_number
from dsmnet.types import DisparityMap, Image, Mask, Matcher

# Standard deviation, of 255, below which a view shows nothing that could be matched.
_EMPTY = 2.0


@dataclass(frozen=True)
class LabelRules:
    """Checks that a teacher's disparity has to pass, each in pixels; None leaves one out.

    Args:
        left_right: Largest difference from the disparity of the right view at the matched pixel; pixels whose
            match lies outside the right view are left out as well.
        scale: Largest difference from the disparity of the pair at half size.
        scale_share: The same as a share of the disparity; the larger bound counts.
        second: Largest difference from another matcher.
    """

    left_right: float | None = 1.0
    scale: float | None = 1.5
    scale_share: float = 0.04
    second: float | None = 2.0

    def __post_init__(self) -> None:
        for name in ("left_right", "scale", "second"):
            if getattr(self, name) is not None:
                check_number(f"labels.{name}", getattr(self, name), above=0)
        check_number("labels.scale_share", self.scale_share, least=0)


class PseudoLabel(NamedTuple):
    """A labelled pair."""

    disparity: DisparityMap  # of the teacher, pixels, everywhere
    kept: dict[str, Mask]  # pixels that pass each rule, by the rule's name

    @property
    def mask(self) -> Mask:
        """Pixels that pass all rules."""
        everywhere = np.isfinite(self.disparity) & (self.disparity > 0)
        for kept in self.kept.values():
            everywhere &= kept
        return everywhere

    @property
    def filled(self) -> DisparityMap:
        """Disparity everywhere, where a rule fails the teacher's between the labels beside it."""
        return fill_gaps(self.disparity, self.mask, np.nan_to_num(self.disparity, posinf=0.0))


def make_label(
    teacher: Matcher,
    left: Image,
    right: Image,
    max_disparity: int,
    rules: LabelRules,
    second: Matcher | None = None,
) -> PseudoLabel:
    """Match a pair and apply the rules; views [H, W, 3], search range in pixels."""
    disparity = teacher.predict(left, right, max_disparity)
    kept: dict[str, Mask] = {}
    if min(float(np.std(view)) for view in (to_eight_bits(left), to_eight_bits(right))) < _EMPTY:
        return PseudoLabel(disparity, {"content": np.zeros(disparity.shape, bool)})
    if rules.left_right is not None:
        apart = disagreement(disparity, match_right(teacher, left, right, max_disparity))
        kept["left_right"] = np.nan_to_num(apart, nan=np.inf) <= rules.left_right
    if rules.scale is not None:
        bound = np.maximum(rules.scale, rules.scale_share * disparity)
        coarse = _at_half_size(teacher, left, right, max_disparity)
        kept["scale"] = np.abs(coarse - disparity) <= bound
    if rules.second is not None and second is not None:
        other = second.predict(to_eight_bits(left), to_eight_bits(right), max_disparity)
        kept["second"] = np.abs(other - disparity) <= rules.second
    return PseudoLabel(disparity, kept)


def to_eight_bits(view: NDArray[Any]) -> Image:
    """Return a view as uint8, which classical matchers take."""
    return (
        view if view.dtype == np.uint8 else np.round(view / max(float(view.max()), 1) * 255).astype(np.uint8)
    )


def _at_half_size(teacher: Matcher, left: Image, right: Image, max_disparity: int) -> DisparityMap:
    height, width = left.shape[:2]
    halves = [
        cv2.resize(view, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
        for view in (left, right)
    ]
    coarse = teacher.predict(halves[0], halves[1], max(max_disparity // 2, 1))
    scale = width / coarse.shape[1]
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(scale)
