"""A matcher whose answer is known, and small data sets for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.evaluation import Compared, Results, evaluate
from dsmnet.evaluation.html import Pictures
from dsmnet.evaluation.html.results_page import render_results
from dsmnet.types import Calibration, DisparityMap, Image, Matcher, StereoSample

MakeSample = Callable[..., StereoSample]


class ReadsRed(Matcher):
    """Answers with the red channel of the left view plus an offset, and remembers how it was asked."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self.ranges: list[int | None] = []

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        self.ranges.append(max_disparity)
        return left[..., 0].astype(np.float32) + np.float32(self.offset)


@pytest.fixture
def reads_red() -> type[ReadsRed]:
    return ReadsRed


@pytest.fixture
def make_sample() -> MakeSample:
    def make(
        name: str = "a",
        size: tuple[int, int] = (5, 7),
        target: float = 40.0,
        red: int = 40,
        valid: Sequence[slice] | None = None,
        noc: Sequence[slice] | None = None,
        bound: int | None = None,
    ) -> StereoSample:
        """Give a pair with constant ground truth; `valid` and `noc` are regions, all pixels without."""
        left = np.zeros((*size, 3), np.uint8)
        left[..., 0] = red
        known = np.zeros(size, np.bool_)
        known[tuple(valid) if valid is not None else ...] = True
        sample: StereoSample = {"left": left, "right": left.copy(), "name": name, "dataset": "made"}
        sample["disparity"] = np.where(known, np.float32(target), np.float32(0))
        sample["valid"] = known
        if noc is not None:
            visible = np.zeros(size, np.bool_)
            visible[tuple(noc)] = True
            sample["noc"] = visible & known
        if bound is not None:
            sample["calibration"] = Calibration(max_disparity=bound)
        return sample

    return make


@pytest.fixture
def make_page(tmp_path: Path) -> Callable[..., tuple[Results, str]]:
    def make(
        sets: Any, first: Any, compared: dict[str, Any] | None = None, limit: int = 200, **options: Any
    ) -> tuple[Results, str]:
        """Evaluate a matcher, called "first", and others by label; return its results and the page."""
        others = {label: Compared(matcher, f"{label}.ckpt") for label, matcher in (compared or {}).items()}
        label = "first" if others else "readsred"
        with Pictures(tmp_path / "page", limit) as pictures:
            results = evaluate(
                first,
                sets,
                progress=False,
                label=label,
                compared=others,
                on_image=[pictures.drawn_by(label)],
                on_others=pictures.drawn_by,
                **options,
            )
            return results, render_results(results, pictures)

    return make
