"""Confidence of a disparity, per pixel in [0, 1], from two cues that need no ground truth.

Sharpness
    The share of the matching distribution that lies on the two planes around the disparity: low where several
    places of the right view look alike, or where none looks right. It comes with the prediction. A network
    that refines in steps has no distribution: there the size of its last updates stands in for the share.
Left-right consistency
    The right view's own disparity, found by matching the mirrored, exchanged pair, should send a pixel back
    to where it came from. It takes a second pass, and any matcher has it.

Their product orders pixels better than either; what each is worth on real pairs: docs/results.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsmnet.errors import UserError
from dsmnet.types import ConfidenceMap, DisparityMap, Matcher

CUES = ("both", "sharpness", "consistency")

# Disagreement of the views, pixels, at which consistency is one half. Of 0.25 to 4 px, 2 px orders the pixels
# of procedural pairs best (validation split, area of bad-1 under the sparsification curve); it is flat there.
TOLERANCE = 2.0
# Mean size of the last updates, pixels, at which steadiness is one half: a step that still moves a disparity
# by half the bound of bad-1 has not found it. Not fitted to data.
RESTLESS = 0.5
# Consistency of a pixel whose match lies outside the right view: nothing speaks for or against it.
UNSEEN = 0.5


def confidence_cue(option: bool | str) -> str | None:
    """Resolve ``confidence=false|true|both|sharpness|consistency``; true is both, false is None."""
    if isinstance(option, bool):
        return CUES[0] if option else None
    if option not in CUES:
        raise UserError(f"confidence={option}: expected true, false or one of {', '.join(CUES)}")
    return option


def check_cue(matcher: Matcher, cue: str | None) -> None:
    """Refuse an unknown cue, and sharpness of a matcher without a distribution over the disparities."""
    if cue is not None and confidence_cue(cue) == "sharpness" and not matcher.has_sharpness:
        raise UserError(
            "confidence=sharpness: this matcher hands out no distribution over the disparities; expected "
            "confidence=consistency, which works with any, or backend=torch"
        )


def predict_with_confidence(
    matcher: Matcher, left: Any, right: Any, max_disparity: int | None = None, cue: str = "both"
) -> tuple[DisparityMap, ConfidenceMap]:
    """Match a pair; return disparity and confidence, which is 0 where the disparity is not finite.

    Args:
        matcher: Network or other matcher; one without a distribution has consistency alone.
        left: View as ``matcher.predict`` takes it.
        right: The other view.
        max_disparity: Search range in pixels.
        cue: One of `CUES`; ``sharpness`` alone takes one pass.
    """
    disparity, cues = predict_with_cues(matcher, left, right, max_disparity, cue)
    confidence = np.prod(list(cues.values()), axis=0, dtype=np.float32)
    return disparity, np.where(np.isfinite(disparity), confidence, np.float32(0))


def predict_with_cues(
    matcher: Matcher, left: Any, right: Any, max_disparity: int | None = None, cue: str = "both"
) -> tuple[DisparityMap, dict[str, ConfidenceMap]]:
    """Match a pair; return disparity and the cues one by one, by name."""
    check_cue(matcher, cue)
    cues: dict[str, ConfidenceMap] = {}
    if cue != "consistency" and matcher.has_sharpness:
        disparity, cues["sharpness"] = matcher.predict_with_sharpness(left, right, max_disparity)
    else:
        disparity = matcher.predict(left, right, max_disparity)
    if cue != "sharpness":
        cues["consistency"] = consistency(disparity, match_right(matcher, left, right, max_disparity))
    return disparity, cues


def sharpness(scores: Tensor, planes: Tensor) -> Tensor:
    """Return the share of a softmax that lies on the two planes around each disparity, [N, 1, h, w].

    Args:
        scores: Logits, [N, 1, D, h, w].
        planes: Disparities in planes, [N, 1, h, w].
    """
    scores = scores.squeeze(1).float()
    count = scores.shape[1]
    below = planes.nan_to_num().floor().clamp(0, max(count - 2, 0)).long()
    around = torch.cat([below, (below + 1).clamp(max=count - 1)], dim=1)[:, : min(count, 2)]
    share = scores.log_softmax(1).gather(1, around).logsumexp(1, keepdim=True)  # of scores of any size
    return share.exp().clamp(max=1)


def steadiness(updates: Tensor) -> Tensor:
    """Return ``1 / (1 + (size / 0.5 px)^2)`` of the mean size of the last updates, [N, 1, h, w], pixels."""
    return 1 / (1 + (updates.float() / RESTLESS).square())


def consistency(disparity: DisparityMap, right_disparity: DisparityMap) -> ConfidenceMap:
    """Return left-right consistency: ``1 / (1 + (disagreement / 2 px)^2)``, one half where nothing is seen.

    Arguments are those of `disagreement`.
    """
    apart = disagreement(disparity, right_disparity)
    with np.errstate(over="ignore"):
        agreement = 1 / (1 + np.square(apart / TOLERANCE))
    return np.where(np.isnan(apart), UNSEEN, agreement).astype(np.float32)


def disagreement(disparity: DisparityMap, right_disparity: DisparityMap) -> NDArray[np.floating]:
    """Return how far the disparities of both views are apart, [H, W], pixels.

    NaN where the match lies outside the right view, infinite where a disparity is not finite.

    Args:
        disparity: Disparity of the left view, [H, W], pixels.
        right_disparity: Disparity of the right view, positive, [H, W]; sampled linearly at ``x - d``.
    """
    width = disparity.shape[1]
    target = np.arange(width) - np.nan_to_num(disparity, posinf=np.inf)
    seen = (target >= 0) & (target <= width - 1)
    place = np.where(seen, target, 0)
    before = np.minimum(place.astype(np.int64), max(width - 2, 0))
    after = np.minimum(before + 1, width - 1)
    low, high = (np.take_along_axis(right_disparity, index, 1) for index in (before, after))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(low + (place - before) * (high - low) - disparity)
    return np.where(seen, np.where(np.isfinite(apart), apart, np.inf), np.nan)


def match_right(matcher: Matcher, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
    """Return the right view's own disparity, positive, [H, W], by matching the mirrored, exchanged pair."""
    return matcher.predict(_mirror(right), _mirror(left), max_disparity)[:, ::-1]


def _mirror(view: Any) -> Any:
    """Turn left and right of an array [H, W, ...] or of a tensor [..., H, W]."""
    return view.flip(-1) if isinstance(view, Tensor) else view[:, ::-1].copy()
