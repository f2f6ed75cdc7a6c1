"""How far a disparity can be trusted, per pixel in [0, 1], from two cues that need no ground truth.

Sharpness
    The share of the matching distribution that lies on the two planes around the answer: low where several
    places of the right view look alike, or where none looks right. It comes with the answer.
Left-right consistency
    The right view's own disparity, found by matching the mirrored, exchanged pair, should send a pixel back
    to where it came from. It takes a second pass, and any matcher has it.

Their product orders pixels better than either; what each is worth on real pairs: docs/results.md.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dsmnet.errors import UserError
from dsmnet.types import DisparityMap, Matcher

CUES = ("both", "sharpness", "consistency")

# Disagreement of the views, pixels, at which consistency is one half. Of 0.25 to 4 px, 2 px orders the pixels
# of held-back procedural pairs best (area of bad-1 under the sparsification curve), by a flat optimum.
TOLERANCE = 2.0
UNSEEN = (
    0.5  # consistency of a pixel whose match lies outside the right view: nothing speaks for or against it
)

ConfidenceMap = NDArray[np.float32]  # [H, W], in [0, 1]
Array = TypeVar("Array", NDArray[Any], Tensor)


@runtime_checkable
class SharpMatcher(Matcher, Protocol):
    """A matcher that may know how sharp its distribution over the disparities is: it does where `sharp`."""

    @property
    def sharp(self) -> bool:
        """Whether `predict_with_sharpness` can be called."""
        ...

    def predict_with_sharpness(
        self, left: Any, right: Any, max_disparity: int | None = None
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Return what ``predict`` does, and the sharpness of each pixel, [H, W]."""
        ...


def confidence_cue(option: bool | str) -> str | None:
    """Resolve ``confidence=false|true|both|sharpness|consistency``; true is both, false is None.

    Raises:
        UserError: It is none of these.
    """
    if isinstance(option, bool):
        return CUES[0] if option else None
    if option not in CUES:
        raise UserError(f"confidence={option}: expected true, false or one of {', '.join(CUES)}")
    return option


def check_cue(matcher: Matcher, cue: str | None) -> bool:
    """Return whether a matcher hands out its distribution.

    Raises:
        UserError: An unknown cue, or sharpness of a matcher that does not.
    """
    sharp = isinstance(matcher, SharpMatcher) and matcher.sharp
    if cue is not None and confidence_cue(cue) == "sharpness" and not sharp:
        raise UserError(
            "confidence=sharpness: this matcher hands out no distribution over the disparities; expected "
            "confidence=consistency, which works with any, or backend=torch"
        )
    return sharp


def predict_with_confidence(
    matcher: Matcher, left: Any, right: Any, max_disparity: int | None = None, cue: str = "both"
) -> tuple[DisparityMap, ConfidenceMap]:
    """Match a pair and say of each pixel how far to trust it.

    Args:
        matcher: A network, or any other `Matcher`; one without a distribution has consistency alone.
        left: The left view, as ``matcher.predict`` takes it.
        right: The right view.
        max_disparity: Search range in pixels.
        cue: One of `CUES`; without ``sharpness`` or ``both`` the distribution is not looked at, and
            ``sharpness`` alone takes one pass.

    Returns:
        Disparity in pixels and confidence in [0, 1], float32 [H, W]; 0 where the disparity is not finite.

    Raises:
        UserError: An unknown cue, or sharpness of a matcher that has none.
    """
    disparity, cues = predict_with_cues(matcher, left, right, max_disparity, cue)
    confidence = np.prod(list(cues.values()), axis=0, dtype=np.float32)
    return disparity, np.where(np.isfinite(disparity), confidence, np.float32(0))


def predict_with_cues(
    matcher: Matcher, left: Any, right: Any, max_disparity: int | None = None, cue: str = "both"
) -> tuple[DisparityMap, dict[str, ConfidenceMap]]:
    """Do what `predict_with_confidence` does, with the cues one by one, by name."""
    sharp = check_cue(matcher, cue)
    cues: dict[str, ConfidenceMap] = {}
    if cue != "consistency" and isinstance(matcher, SharpMatcher) and sharp:
        disparity, cues["sharpness"] = matcher.predict_with_sharpness(left, right, max_disparity)
    else:
        disparity = matcher.predict(left, right, max_disparity)
    if cue != "sharpness":
        mirrored = matcher.predict(_mirror(right), _mirror(left), max_disparity)
        cues["consistency"] = consistency(disparity, mirrored[:, ::-1])
    return disparity, cues


def sharpness(scores: Tensor, planes: Tensor) -> Tensor:
    """Return the share of a softmax that lies on the two planes around each answer.

    Args:
        scores: [N, 1, D, h, w], larger is better.
        planes: The answers, [N, 1, h, w], in planes.

    Returns:
        [N, 1, h, w] in [0, 1].
    """
    scores = scores.squeeze(1).float()
    count = scores.shape[1]
    below = planes.nan_to_num().floor().clamp(0, max(count - 2, 0)).long()
    near = torch.cat([below, (below + 1).clamp(max=count - 1)], dim=1)[:, : min(count, 2)]
    share = scores.log_softmax(1).gather(1, near).logsumexp(1, keepdim=True)  # of scores of any size
    return share.exp().clamp(max=1)


def full_size(coarse: Tensor, size: torch.Size) -> Tensor:
    """Enlarge a map [N, 1, h, w] to height and width `size`."""
    return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)


def consistency(disparity: DisparityMap, right_disparity: DisparityMap) -> ConfidenceMap:
    """Say how far the views agree: ``1 / (1 + (disagreement / 2 px)^2)``, one half where nothing is seen.

    Args:
        disparity: of the left view, [H, W], pixels.
        right_disparity: of the right view, positive, [H, W]; sampled linearly at ``x - d``.
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
        agreement = 1 / (1 + np.square(apart / TOLERANCE))
    agreement = np.where(np.isfinite(apart), agreement, 0)
    return np.where(seen, agreement, UNSEEN).astype(np.float32)


def _mirror(view: Array) -> Array:
    """Turn left and right of an array [H, W, 3] or [H, W], or of a tensor [3, H, W] or [H, W]."""
    if isinstance(view, Tensor):
        return view.flip(-1)
    return np.ascontiguousarray(view[:, ::-1])
