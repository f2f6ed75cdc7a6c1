"""Rectification without a calibration: homographies that make the rows of matched points meet.

The fundamental matrix of two pinhole cameras has seven degrees of freedom: five say how the rows of the right
view have to move (offset, turn, scale, two of perspective), two where the left view's rows point to. They are
fitted directly to the difference of rows, robustly and with weak priors, which nearly rectified pairs suit
better than the eight-point method. Along the rows nothing can be measured: there each homography is the one
that distorts least, and the column through the middle stays where it is. So disparities are right up to what
a yaw of the cameras does to them, and metric depth is not claimed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.errors import DataError, ShapeError, count
from dsmnet.rectification.feature_matching import MatchedPoints, Points, agreeing, match_points
from dsmnet.rectification.row_check import FEWEST
from dsmnet.rectification.warp import PixelMap, Rectification
from dsmnet.types import Image

log = logging.getLogger(__name__)

# Prior standard deviations, in halves of the longer side: of the turn and the perspective of the left view,
# and of the perspective of the right one.
_PRIOR = np.array([np.inf, np.inf, np.inf, 0.03, 0.03, 0.1, 0.03])
_NOISE = 0.25  # of the tolerance: standard deviation of the rows of right matches
# Of the nested models (a similarity of the right view, its perspective, the left view) the simplest is taken
# whose spread of rows is at most so much larger, or below so many pixels: what is not needed distorts.
_WORSE, _IGNORED = 1.15, 0.2


def estimate_rectification(pairs: Iterable[tuple[Image, Image]]) -> Rectification:
    """Estimate how to rectify the pairs of one rig, from their images alone.

    The left view stays as it is where that suffices. Results are in the left view as given, in any case.

    Args:
        pairs: Left and right views, all of one size; several with texture all over say more than one.

    Raises:
        DataError: Too few points match.
        ShapeError: Sizes differ.
    """
    found: list[MatchedPoints] = []
    size = (0, 0)
    for left, right in pairs:
        size = size if found else left.shape[:2]
        for view in (left, right):
            if view.shape[:2] != size:
                raise ShapeError(
                    f"rectify=auto: expected views of one size, of one rig, not {size} and {view.shape[:2]}"
                )
        points = match_points(left, right)
        agree = agreeing(points, size)
        found.append(MatchedPoints(points.left[agree], points.right[agree], points.tolerance))
    number = sum(len(pair.left) for pair in found)
    if number < FEWEST:
        raise DataError(
            f"rectify=auto: only {number} points match in {count(len(found), 'pair')}; expected at least "
            f"{FEWEST}: more pairs, with texture, or calib="
        )
    half, middle = max(size) / 2, np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    all_left, all_right = (np.concatenate(side) for side in zip(*(pair[:2] for pair in found), strict=True))
    scaled = MatchedPoints((all_left - middle) / half, (all_right - middle) / half, found[0].tolerance / half)
    fits = [_fit(scaled, free) for free in (3, 5, 7)]
    enough = max(_WORSE * min(spread for _, spread in fits), _IGNORED / half)
    chosen, spread = next(fit for fit in fits if fit[1] <= enough)
    to_pixels = np.array([[half, 0, middle[0]], [0, half, middle[1]], [0, 0, 1]])
    to_left, to_right = (to_pixels @ h @ np.linalg.inv(to_pixels) for h in _homographies(chosen))
    log.info(
        "rectify=auto: %d points of %s, rows meet to %.2f px; the right view moves by %.1f rows and turns by "
        "%.2f degrees, the left one by %.2f",
        *(number, count(len(found), "pair"), spread * half),
        *(-chosen[2] * half, np.degrees(np.arctan2(chosen[0], chosen[1])), np.degrees(chosen[5])),
    )
    return Rectification(
        left_map=_map(np.linalg.inv(to_left), size),
        right_map=_map(np.linalg.inv(to_right), size),
        look_up=cache(lambda: (_map(to_left, size), np.ones(size, np.float32))),
        in_raw_left=True,
    )


def _homographies(parameters: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return those of the left and the right view, with the middle as origin, in halves of the longer side.

    The right view's row is ``(a x + b y + c) / (g x + h y + 1)``. Where that is the middle, at ``x = 0``, the
    homography is a similarity, and keeps the column.
    """
    a, b, c, g, h, turn, perspective = parameters
    right = np.array([[b, -a, -a * c / b], [a, b, c], [g, h, 1]])
    left = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [perspective, 0, 1]])
    return left, right


def _fit(points: MatchedPoints, free: int) -> tuple[NDArray[np.float64], float]:
    """Fit the first `free` of the seven parameters; return all of them and the spread of the rows."""
    parameters = np.array([0.0, 1, 0, 0, 0, 0, 0])
    prior = (points.tolerance * _NOISE / _PRIOR[:free]) ** 2
    for _ in range(15):
        error = _row_error(parameters, points)
        weight = 1 / np.square(1 + np.square(error / points.tolerance))
        steps = 1e-6 * np.eye(7)[:free]
        slopes = np.stack([(_row_error(parameters + step, points) - error) / 1e-6 for step in steps], axis=1)
        normal = (slopes * weight[:, None]).T @ slopes + np.diag(prior + 1e-12)
        gradient = (slopes * weight[:, None]).T @ error + prior * parameters[:free]
        parameters[:free] -= np.linalg.solve(normal, gradient)
    return parameters, 1.4826 * float(np.median(np.abs(_row_error(parameters, points))))


def _row_error(parameters: NDArray[np.float64], points: MatchedPoints) -> NDArray[np.float64]:
    left, right = _homographies(parameters)
    return _project(right, points.right)[:, 1] - _project(left, points.left)[:, 1]


def _project(homography: NDArray[Any], points: Points) -> Points:
    moved = points @ homography[:, :2].T + homography[:, 2]
    return moved[:, :2] / moved[:, 2:]


def _map(homography: NDArray[Any], size: tuple[int, int]) -> PixelMap:
    """Return where a homography takes each pixel of a view of `size`."""
    x, y = np.meshgrid(np.arange(size[1], dtype=np.float64), np.arange(size[0], dtype=np.float64))
    return cv2.perspectiveTransform(np.stack([x, y], axis=-1), homography).astype(np.float32)
