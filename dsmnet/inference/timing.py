"""How long a matcher takes for a pair."""

from __future__ import annotations

import time

import torch

from dsmnet.errors import ShapeError
from dsmnet.types import DisparityMap, Matcher, StereoSample


def timed_prediction(matcher: Matcher, sample: StereoSample, reach: int) -> tuple[DisparityMap, float]:
    """Match a pair; return the map, and the seconds that ``predict`` took.

    Args:
        matcher: A network, or any other `Matcher`.
        sample: The pair.
        reach: Search range in pixels.

    Raises:
        ShapeError: The map is not of the left view's size.
    """
    _finish_pending_work()
    start = time.perf_counter()
    prediction = matcher.predict(sample["left"], sample["right"], reach)
    _finish_pending_work()
    seconds = time.perf_counter() - start
    size = sample["left"].shape[:2]
    if prediction.shape != size:
        raise ShapeError(
            f"{type(matcher).__name__} answers {sample['dataset']} {sample['name']} with shape "
            f"{list(prediction.shape)}, the left view has {list(size)}"
        )
    return prediction, seconds


def needs_warm_up(matcher: Matcher) -> bool:
    """Say whether a first pass is slower than those after it: on a GPU, which allocates and picks kernels."""
    return getattr(getattr(matcher, "device", None), "type", "cpu") == "cuda"


def _finish_pending_work() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
