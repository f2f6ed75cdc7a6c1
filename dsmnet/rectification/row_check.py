"""Do the rows of a pair meet, and are its views what they are said to be?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dsmnet.rectification.feature_matching import agreeing, match_points, row_terms
from dsmnet.types import Image

SMALLEST = 16  # pixels, height and width of a view that features can be found in
FEWEST = 25  # matches that agree; fewer say nothing
SHARE = 0.2  # of the matches that have to agree: else the views show different things
# Rows of 53 real pairs of benchmarks differ by up to 0.64 of what is expected.
EXPECTED = 0.5  # pixels, root mean square over the matches
EXPECTED_SHARE = 1 / 1600  # of the width, where that is more
BEYOND = 1.0  # pixels below the search range that a match may lie by its own error
FEW_BEYOND = 0.03  # of the matches may be wrong ones; of real pairs up to 1.5 % are
CHANCE = 3  # standard deviations above that share, which few matches exceed by chance
ENOUGH = 150  # matches; with fewer the limit grows as the error of the fit does, by the root of their number
PAIRS = 4  # of a folder that are looked at


@dataclass(frozen=True)
class RowReport:
    """What the matched points of a pair say of its rows; lengths in pixels of the views as given.

    Attributes:
        matches: Number of matches that agree; below `FEWEST` nothing is said and all numbers are 0.
        offset: Rows by which the right view lies lower, in its middle.
        rotation: Degrees by which the right view is turned counterclockwise against the left one.
        deviation: Root mean square of the difference of rows over the matches, without their noise.
        disparities: Percentiles 1, 50 and 99 of the disparities, with the rotation undone.
        negative: Share of the matches with a disparity below -1 px.
        same: Whether both views show the very same image.
        expected: Deviation that rectified pairs of this width, and so many matches, stay under.
    """

    matches: int
    offset: float = 0.0
    rotation: float = 0.0
    deviation: float = 0.0
    disparities: tuple[float, float, float] = (0.0, 0.0, 0.0)
    negative: float = 0.0
    same: bool = False
    expected: float = EXPECTED

    def warnings(self, min_disparity: int = 0, remedy: str = "pass calib= or rectify=auto") -> list[str]:
        """Return what is wrong with the pair as it is to be matched, in words with the numbers."""
        if self.same:
            return ["left and right view are the same image"]
        if self.matches < FEWEST:
            return []
        found = []
        if round(self.deviation, 2) > round(self.expected, 2):  # as they are told
            found.append(
                f"rows differ by {abs(self.offset):.1f} px in the middle and are turned by "
                f"{abs(self.rotation):.2f} degrees, {self.deviation:.2f} px on average; expected under "
                f"{self.expected:.2f}: {remedy}"
            )
        low, middle, high = self.disparities
        least = 8 * math.floor((low - 2) / 8)  # with a little room
        few = FEW_BEYOND + CHANCE * math.sqrt(FEW_BEYOND * (1 - FEW_BEYOND) / self.matches)
        all_negative = middle < -BEYOND and (high < BEYOND or self.negative > 1 - few)
        if all_negative and min_disparity >= 0:
            found.append(
                f"disparities are negative, {low:.0f} to {high:.0f} px: are left and right exchanged? Of "
                f"cameras that converge, expected min_disparity={least}"
            )
        elif self.negative > few and low < min_disparity - BEYOND:
            found.append(
                f"disparities begin at {low:.0f} px, {self.negative:.0%} are negative: the cameras converge, "
                f"or the views were cut differently; expected min_disparity={least}"
            )
        return found


def check_rows(left: Image, right: Image) -> RowReport:
    """Measure how far the rows of two views of one size differ, from matched features.

    It takes less than 0.1 s on one core. Views that show too little texture, or different things, give a
    report that says nothing.
    """
    size = left.shape[:2]
    if left.shape != right.shape or min(size) < SMALLEST:
        return RowReport(0)
    if np.array_equal(left, right) and left.min() < left.max():
        return RowReport(0, same=True)
    points = match_points(left, right)
    agree = agreeing(points, size)
    first, second, half = points.left[agree], points.right[agree], max(size) / 2
    if len(first) < max(FEWEST, SHARE * len(agree)):
        return RowReport(0)
    moved, terms = second[:, 1] - first[:, 1], row_terms(first, second, size)
    offset, turn, growth = _robust(terms[:, :3], moved, points.tolerance)
    explained = terms @ _robust(terms, moved, points.tolerance)
    # A turn by an angle moves the columns by what it moves the rows, across.
    shift = first[:, 0] - second[:, 0] - turn * terms[:, 2]
    low, middle, high = (float(value) for value in np.percentile(shift, (1, 50, 99)))
    apart = float(np.percentile(np.abs(first - second), 95))
    return RowReport(
        matches=len(first),
        offset=float(offset),
        rotation=-math.degrees(math.atan2(turn, half - growth)),
        deviation=float(np.sqrt(np.mean(np.square(explained)))),
        disparities=(low, middle, high),
        negative=float((shift < -BEYOND).mean()),
        same=apart < 0.05,
        expected=max(EXPECTED, EXPECTED_SHARE * size[1]) * max(1.0, math.sqrt(ENOUGH / len(first))),
    )


def _robust(terms: np.ndarray, values: np.ndarray, tolerance: float) -> np.ndarray:
    """Fit values by a linear combination of terms; errors far above a quarter of the tolerance count little.

    A small ridge keeps terms apart that a scene does not.
    """
    ridge = np.diag([0.0, *[1e-4] * (terms.shape[1] - 1)]) * len(values)
    weight = np.ones_like(values)
    for _ in range(10):
        weighted = terms * weight[:, None]
        fitted = np.linalg.solve(weighted.T @ terms + ridge + 1e-9 * np.eye(len(ridge)), weighted.T @ values)
        weight = 1 / np.square(1 + np.square((terms @ fitted - values) / (tolerance / 2)))
    return fitted
