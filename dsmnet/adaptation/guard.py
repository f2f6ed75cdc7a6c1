"""Guard of an adaptation: scores without labels, on frames that it has not seen, and the source's error.

Three scores of a network on the target, all shares of pixels in percent, smaller is better:

inconsistent
    Pixels whose disparity the right view contradicts by more than `TOLERANCE` pixels.
contradicted
    Pixels where a second matcher trusts itself (both of its views agree) and finds a disparity that differs
    by more than three pixels.
unlike
    Pixels that look different in the other view at their disparity: the census of 5x5 pixels differs in more
    than a third of its 24 bits. Pixels that either network takes for hidden do not count.

A difference between two networks has a standard error, taken over blocks of all frames.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.adaptation.pseudo_labels import to_eight_bits
from dsmnet.errors import count
from dsmnet.inference.confidence import disagreement, match_right
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.types import DisparityMap, Image, Matcher, StereoSample

log = logging.getLogger(__name__)

TOLERANCE = 1.0  # pixels
_BLOCK = 64  # side of a block in pixels, over which errors are taken as one draw
_CONTRADICTION = 3.0  # pixels
# Share of labelled pixels below which labels are taken for chance: views exchanged, not rectified, or empty.
_FEWEST_LABELS = 0.3


class Verdict(NamedTuple):
    """One score of both networks; means over blocks, and the standard error of their difference."""

    score: str
    before: float
    after: float
    noise: float
    allowed: float = 0.0  # rise that passes, as a share of what the score was

    def __str__(self) -> str:
        return f"{self.score} {self.before:.2f} -> {self.after:.2f} (noise {self.noise:.2f})"

    @property
    def worse(self) -> bool:
        """Whether the score rose by more than is allowed, and by more than twice its noise."""
        return self.after - self.before > max(2 * self.noise, self.allowed * self.before)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of adapt.json."""
        return {**self._asdict(), "worse": self.worse}


def split_pairs(total: int, share: float) -> tuple[list[int], list[int]]:
    """Return the indices of the pairs to adapt to and of those held out; fewer than four serve for both."""
    kept = max(1, round(share * total))
    if total < 4:
        log.warning("%s alone: the guard judges by what the network is adapted to", count(total, "pair"))
        return list(range(total)), list(range(total))
    held_out = sorted({round((k + 0.5) * total / kept - 0.5) for k in range(kept)})
    return [i for i in range(total) if i not in set(held_out)], held_out


def too_few_labels(density: Mapping[str, float]) -> list[str]:
    """Return why labels are refused, by the share of pixels that pass each check and ``all``; or nothing."""
    if density["all"] >= _FEWEST_LABELS:
        return []
    worst = min(density.items(), key=lambda entry: entry[1])[0]
    return [
        f"{density['all']:.0%} of the pixels pass the checks, {_FEWEST_LABELS:.0%} are needed (fewest by "
        f"{worst}): are the views exchanged, not rectified, or without texture?"
    ]


def compare_on_target(
    before: Matcher,
    after: Matcher,
    second: Matcher | None,
    samples: Iterable[StereoSample],
    max_disparity: str | int = "auto",
) -> list[Verdict]:
    """Score two networks on pairs without ground truth; without a second matcher nothing contradicts."""
    rows: dict[str, list[NDArray[np.float64]]] = {"inconsistent": [], "contradicted": [], "unlike": []}
    for sample in samples:
        left, right = sample["left"], sample["right"]
        searched = resolve_max_disparity(max_disparity, sample.get("calibration"), left.shape[1])
        found = [_both_ways(net, left, right, searched) for net in (before, after)]
        seen = (found[0][1] <= TOLERANCE) & (found[1][1] <= TOLERANCE)
        _add(rows["inconsistent"], [(~np.isnan(apart), apart > TOLERANCE) for _, apart in found])
        if second is not None:
            other, other_apart = _both_ways(second, to_eight_bits(left), to_eight_bits(right), searched)
            away = [np.abs(disparity - other) > _CONTRADICTION for disparity, _ in found]
            _add(rows["contradicted"], [(other_apart <= TOLERANCE, wrong) for wrong in away])
        bits = [_census_distance(left, right, disparity) for disparity, _ in found]
        _add(rows["unlike"], [(seen, distance > 8) for distance in bits])
    return [_verdict(score, blocks) for score, blocks in rows.items()]


def compare_on_source(before: Sequence[float], after: Sequence[float]) -> Verdict:
    """Compare the errors of pairs of the source, such as the EPE of its validation split; 2 % may be lost."""
    pairs = [np.array(pair) for pair in zip(before, after, strict=True)]
    return _verdict("source EPE", pairs)._replace(allowed=0.02)


def reasons(verdicts: Iterable[Verdict]) -> list[str]:
    """Return in words what got worse."""
    return [
        f"{verdict.score} rose from {verdict.before:.2f} to {verdict.after:.2f} (noise {verdict.noise:.2f})"
        for verdict in verdicts
        if verdict.worse
    ]


def _both_ways(
    matcher: Matcher, left: Image, right: Image, max_disparity: int
) -> tuple[DisparityMap, NDArray[np.floating]]:
    """Return the disparity of a pair, and how far the right view's is from it."""
    disparity = matcher.predict(left, right, max_disparity)
    return disparity, disagreement(disparity, match_right(matcher, left, right, max_disparity))


def _add(rows: list[NDArray[np.float64]], counted_and_bad: Sequence[tuple[Any, Any]]) -> None:
    """Append per block the shares of bad pixels of both networks, in percent."""
    (counted, bad), (counted_after, bad_after) = counted_and_bad
    height, width = counted.shape
    for y in range(0, height, _BLOCK):
        for x in range(0, width, _BLOCK):
            block = slice(y, y + _BLOCK), slice(x, x + _BLOCK)
            pixels = counted[block].sum(), counted_after[block].sum()
            if min(pixels) >= _BLOCK:  # fewer say nothing
                shares = [(bad & counted)[block].sum(), (bad_after & counted_after)[block].sum()]
                rows.append(100 * np.array(shares) / np.array(pixels))


def _verdict(score: str, rows: Sequence[NDArray[np.float64]]) -> Verdict:
    if len(rows) < 2:
        return Verdict(score, 0.0, 0.0, 0.0)
    values = np.stack(rows)
    change = values[:, 1] - values[:, 0]
    before, after = values.mean(0)
    return Verdict(score, float(before), float(after), float(change.std(ddof=1) / np.sqrt(len(change))))


def _census_distance(left: Image, right: Image, disparity: DisparityMap) -> NDArray[np.uint8]:
    """Return in how many of 24 neighbours' comparisons the views differ at the disparity, [H, W]."""
    height, width = disparity.shape
    grey = [
        cv2.cvtColor(to_eight_bits(view), cv2.COLOR_RGB2GRAY).astype(np.float32) for view in (left, right)
    ]
    columns = np.arange(width, dtype=np.float32) - np.nan_to_num(disparity, posinf=0).astype(np.float32)
    rows = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    views = grey[0], cv2.remap(grey[1], columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    distance = np.zeros((height, width), np.uint8)
    padded = [cv2.copyMakeBorder(view, 2, 2, 2, 2, cv2.BORDER_REPLICATE) for view in views]
    for dy in range(5):
        for dx in range(5):
            brighter = [padded[k][dy : dy + height, dx : dx + width] > views[k] + 1.0 for k in range(2)]
            distance += brighter[0] != brighter[1]
    return distance
