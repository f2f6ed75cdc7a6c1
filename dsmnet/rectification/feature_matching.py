"""Points that both views of a pair show, matched without any knowledge of the cameras."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.types import Image, Mask

Points = NDArray[np.float64]  # [N, 2], x and y, pixels of the view as it is given

LONGEST = 800  # pixels: larger views are shrunk to it, which keeps a pair under 0.1 s
FEATURES = 1200  # of a view
_FARTHEST = 64  # bits of 256 that the descriptors of a match may differ in
_MOVED = 4.0  # pixels, of the shrunk views: what refinement moves farther has left its corner
TOLERANCE = 2.0  # pixels, of the shrunk views: what does not fit better belongs to no model of the rows
_TRIALS = 400  # of RANSAC: with half of the matches wrong, all fail once in 10^11
_DEGENERATE = 1e-4  # determinant of points that lie on a line, or are one
_STEEPEST = 0.35  # rows per column: views turned by 20 degrees at most
_GAIN = 1.2  # times as many matches


class MatchedPoints(NamedTuple):
    """Points of one pair, or of several of one rig."""

    left: Points
    right: Points
    tolerance: float  # pixels: the error that a right match may have


def match_points(left: Image, right: Image) -> MatchedPoints:
    """Match corners of two views of one size: ORB, each other's best, refined by Lucas and Kanade.

    Contrast is equalised in parts of the image, since the views of real pairs differ in exposure and light.
    ORB: Rublee et al., ICCV 2011.
    """
    height, width = left.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    views = [_prepared(view, size) for view in (left, right)]
    detector = cv2.ORB.create(FEATURES, fastThreshold=7)
    (corners, one), (others, two) = (detector.detectAndCompute(view, None) for view in views)
    tolerance = TOLERANCE * width / size[0]
    matcher = cv2.BFMatcher.create(cv2.NORM_HAMMING, crossCheck=True)
    found = () if one is None or two is None else matcher.match(one, two)
    found = [match for match in found if match.distance < _FARTHEST]
    if not found:
        return MatchedPoints(np.zeros((0, 2)), np.zeros((0, 2)), tolerance)
    first = np.array([[corners[match.queryIdx].pt] for match in found], np.float32)
    second = np.array([[others[match.trainIdx].pt] for match in found], np.float32)
    refined, state, _ = cv2.calcOpticalFlowPyrLK(
        views[0],
        views[1],
        first,
        second.copy(),
        winSize=(15, 15),
        maxLevel=0,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 0.01),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    kept = (state.ravel() > 0) & (np.abs(refined - second).max(axis=(1, 2)) < _MOVED)
    ratio = np.array([width / size[0], height / size[1]])
    points = [(np.asarray(side, np.float64)[kept, 0] + 0.5) * ratio - 0.5 for side in (first, refined)]
    return MatchedPoints(points[0], points[1], tolerance)


def _prepared(view: Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    grey = view if view.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(view[..., :3]), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if grey.dtype != np.uint8:  # 10 or 12 bits in 16: their own range
        low, high = float(grey.min()), float(grey.max())
        grey = ((grey - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    return np.asarray(cv2.createCLAHE(3.0, (8, 8)).apply(grey), np.uint8)


def row_terms(left: Points, right: Points, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return what the difference of the rows of matched points is linear in, [N, 4].

    A constant, the right point's place from the middle of the view (across and down, in halves of the longer
    side), and the disparity in the same unit: with both cameras rolled, rows differ by a share of it.
    """
    height, width = size
    half = max(height, width) / 2
    x, y = (right - [(width - 1) / 2, (height - 1) / 2]).T / half
    return np.stack([np.ones_like(x), x, y, (left[:, 0] - right[:, 0]) / half], axis=1)


def agreeing(points: MatchedPoints, size: tuple[int, int]) -> Mask:
    """Return which matches agree on a linear model of the difference of rows, by RANSAC; [N].

    The disparity has a part in it only where that lets many more agree: among wrong matches it is arbitrary.
    """
    terms, moved = row_terms(points.left, points.right, size), points.right[:, 1] - points.left[:, 1]
    simple, full = (_consensus(terms[:, :count], moved, points.tolerance, max(size) / 2) for count in (3, 4))
    return full if full.sum() > _GAIN * simple.sum() else simple


def _consensus(terms: NDArray[np.float64], moved: NDArray[np.float64], tolerance: float, half: float) -> Mask:
    number, count = terms.shape
    if number < count:
        return np.zeros(number, np.bool_)
    chosen = np.random.default_rng(0).integers(0, number, (_TRIALS, count))
    chosen = chosen[np.abs(np.linalg.det(terms[chosen])) > _DEGENERATE]
    models = np.linalg.solve(terms[chosen], moved[chosen][..., None])[..., 0]
    models = models[(np.abs(models[:, 1:]) < _STEEPEST * half).all(axis=1)]
    if not len(models):
        return np.zeros(number, np.bool_)
    errors = np.abs(terms @ models.T - moved[:, None])
    best = np.minimum(errors, tolerance).sum(axis=0).argmin()
    return np.asarray(errors[:, best] < tolerance, np.bool_)
