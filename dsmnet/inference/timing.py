"""Run time of a prediction."""

from __future__ import annotations

import time

import torch

from dsmnet.errors import ShapeError
from dsmnet.types import DisparityMap, Matcher, StereoSample


def timed_prediction(
    matcher: Matcher, sample: StereoSample, max_disparity: int
) -> tuple[DisparityMap, float]:
    """Match a pair; return the map, which is to be of the left view's size, and the seconds that it took."""
    _finish_pending_work()
    start = time.perf_counter()
    prediction = matcher.predict(sample["left"], sample["right"], max_disparity)
    _finish_pending_work()
    seconds = time.perf_counter() - start
    size = sample["left"].shape[:2]
    if prediction.shape != size:
        raise ShapeError(
            f"{type(matcher).__name__} predicts {sample['dataset']} {sample['name']} with shape "
            f"{list(prediction.shape)}, the left view has {list(size)}"
        )
    return prediction, seconds


def needs_warm_up(matcher: Matcher) -> bool:
    """Return whether a first pass is slower than later ones: on a GPU, which allocates and picks kernels."""
    return matcher.device.type == "cuda"


def _finish_pending_work() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
