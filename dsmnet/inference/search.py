"""Search range of a match, and a warning where it was too short."""

from __future__ import annotations

import math

from dsmnet.errors import UserError
from dsmnet.types import Calibration, DisparityMap

DEFAULT_RANGE = 192  # pixels: where nothing says how far to search
WIDE = 1500  # pixels: of wider images a range of their own is in proportion to the width
_STEP = 64  # pixels: ranges of wide images are rounded up to so many, that few different ones arise
# Where a range is too short, disparities pile up at its end. Of 44 matches of real pairs by dsmnet_lite in
# which 2 % of the ground truth or more lay beyond the range, 41 had 1 % to 50 % there; of 18 with enough,
# 0.3 % at most.
_END = 0.05  # of the range,
_END_PIXELS = 4.0  # or so many pixels
_PILE = 0.01  # of the pixels


def widened(max_disparity: int, width: int) -> int:
    """Return the search range for images of any width, from one that suits those up to 1,500 pixels wide.

    Disparities grow with the resolution: up to an eighth of the width is searched, where street scenes have
    at most that and rooms, which state their range, up to a sixth.
    """
    if width <= WIDE:
        return max_disparity
    return math.ceil(max_disparity * width / WIDE / _STEP) * _STEP


def resolve_max_disparity(
    max_disparity: str | int, calibration: Calibration | None = None, width: int = 0
) -> int:
    """Resolve ``max_disparity=auto|N``: auto is what the calibration states, else 192 px, `widened`.

    The width is that of the left view in pixels, 0 where no image is at hand.
    """
    if max_disparity == "auto":
        stated = calibration.max_disparity if calibration else None
        return stated or widened(DEFAULT_RANGE, width)
    if isinstance(max_disparity, int) and not isinstance(max_disparity, bool) and max_disparity > 0:
        return max_disparity
    raise UserError(f"max_disparity={max_disparity}: expected auto or a positive whole number of pixels")


def too_short(disparity: DisparityMap, max_disparity: int) -> str | None:
    """Return a warning where a suspicious share of a map [H, W] lies at the end of the search range."""
    end = max(_END * max_disparity, min(_END_PIXELS, max_disparity / 4))
    share = float((disparity >= max_disparity - end).mean())
    if share < _PILE:
        return None
    return (
        f"{share:.0%} of the disparities lie at the end of the search range of {max_disparity} px, which "
        f"may be too short: try max_disparity={2 * max_disparity}"
    )
