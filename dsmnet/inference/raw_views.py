"""Views as they come from the cameras, made such that their rows meet, before they are matched."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sized
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dsmnet.errors import ShapeError, UserError
from dsmnet.io import read_cameras
from dsmnet.io.calibration import kitti_cameras
from dsmnet.io.pairs import PairFiles, PairSource
from dsmnet.options import check_choice, check_number
from dsmnet.rectification import Rectification, check_rows, estimate_rectification, rectify_rig
from dsmnet.rectification.row_check import PAIRS
from dsmnet.types import Calibration, Image, StereoRig

log = logging.getLogger(__name__)

ESTIMATED_FROM = 8  # pairs, evenly spread
_FRAMES = 120  # of a video, which is decoded from its beginning


class LoadedPair(NamedTuple):
    """A pair in memory."""

    left: Image  # as it is matched, like the right one
    right: Image
    calibration: Calibration | None  # of the results
    rectification: Rectification | None = None
    shown: Image | None = None  # left view of the results, where it is not the one that is matched

    @property
    def result_left(self) -> Image:
        """Left view that the results belong to."""
        return self.left if self.shown is None else self.shown


@dataclass
class RawViews:
    """Reads pairs and rectifies those whose calibration is one of raw views, or whose rows an estimate mends.

    Rows of a few pairs are checked on the way, after that; what is wrong is said once.

    Args:
        rectify: ``auto`` takes the estimate of `estimate_from`; None leaves views without a rig as they are.
        frame: View in which depth is written, ``rectified`` or ``raw``.
        alpha: Option of `rectify_rig`.
        min_disparity: Least disparity that is searched.
        check: Whether the rows are checked.
    """

    rectify: str | None = None
    frame: str = "rectified"
    alpha: float | None = 0.0
    min_disparity: int = 0
    check: bool = True
    _estimated: Rectification | None = None
    _last: tuple[object, tuple[Calibration | None, Rectification | None]] | None = None  # for the next pair
    _to_check: set[str] | None = None  # names of pairs
    _first: int = 0  # so many pairs are still checked as they come
    _warned: bool = False

    def __post_init__(self) -> None:
        check_choice("rectify", self.rectify, ("auto", None))
        check_choice("frame", self.frame, ("rectified", "raw"))
        if self.alpha is not None:
            check_number("alpha", self.alpha, least=0, most=1)

    def estimate_from(self, source: PairSource) -> None:
        """Estimate the rectification from pairs of a source, which is read for this alone."""
        self._estimated = estimate_rectification(_spread_views(source))

    def load(self, source: PairSource, pair: PairFiles) -> LoadedPair:
        """Read a pair, rectify it where that is to be done, and check its rows where it is one of a few."""
        left, right = source.load(pair)
        if left.shape != right.shape:
            raise ShapeError(
                f"the views differ in size (height, width): {pair.left} {left.shape[:2]}, "
                f"{pair.right} {right.shape[:2]}"
            )
        calibration, rectification = self._cameras(source, pair, left.shape[:2])
        loaded = LoadedPair(left, right, calibration)
        if rectification is not None:
            views = rectification.views(left, right)
            shown = left if rectification.in_raw_left else views[0]
            turned = [np.ascontiguousarray(np.rot90(view, rectification.turns)) for view in views]
            loaded = LoadedPair(turned[0], turned[1], calibration, rectification, shown)
        self._check_rows(source, pair, loaded)
        return loaded

    def _cameras(
        self, source: PairSource, pair: PairFiles, size: tuple[int, int]
    ) -> tuple[Calibration | None, Rectification | None]:
        """Return the calibration of the results of a pair, and how it is rectified.

        What is known of the last pair serves for the next one, where it has the same files.
        """
        files = [pair.calibration, *source.calibration_parts] if pair.calibration else []
        key = files, size, kitti_cameras(pair.left)
        if self._last is None or self._last[0] != key:
            geometry = read_cameras(*key) if files else source.rig or source.calibration
            self._last = key, self._prepared(geometry, size, pair.calibration or pair.left)
        return self._last[1]

    def _prepared(
        self, geometry: Calibration | StereoRig | None, size: tuple[int, int], where: Path
    ) -> tuple[Calibration | None, Rectification | None]:
        if isinstance(geometry, StereoRig):
            if self.rectify:
                raise UserError(
                    f"rectify=auto calib={where}: it is one of raw views, which says how to "
                    "rectify them; expected rectify=null"
                )
            try:
                found = rectify_rig(geometry, size, self.alpha)
            except UserError as error:
                raise type(error)(f"{where}: {error}") from None
            return found.calibration, found
        if self.frame == "raw":
            raise UserError(
                f"frame=raw calib={where}: depth of raw views needs the calibration of both raw "
                "cameras, this one is of rectified views"
            )
        return geometry, self._estimated

    def _check_rows(self, source: PairSource, pair: PairFiles, loaded: LoadedPair) -> None:
        if self._to_check is None:
            names = [pair.name for pair in source] if self.check and isinstance(source, Sized) else []
            chosen = np.linspace(0, len(names) - 1, min(PAIRS, len(names)))
            self._to_check = {names[int(index)] for index in chosen}
            self._first = PAIRS if self.check and not names else 0  # of a stream
        self._first -= 1
        if (pair.name in self._to_check or self._first >= 0) and not self._warned:
            remedy = "pass calib= or rectify=auto"
            if loaded.calibration:
                remedy = "calib= is of rectified views; pass that of the raw cameras, or rectify=auto"
            if loaded.rectification:
                told = "estimate" if loaded.rectification.in_raw_left else "calibration"
                remedy = f"the {told} does not hold for this pair"
            for warning in check_rows(loaded.left, loaded.right).warnings(self.min_disparity, remedy):
                log.warning("%s: %s", pair.name, warning)
                self._warned = True


def _spread_views(source: PairSource) -> Iterator[tuple[Image, Image]]:
    if not isinstance(source, Sized):  # a stream: its first pairs
        yield from (source.load(pair) for pair in islice(source, ESTIMATED_FROM))
        return
    pairs = list(source)
    count = len(pairs) if pairs and pairs[0].frame is None else min(len(pairs), _FRAMES)
    for index in np.linspace(0, count - 1, min(ESTIMATED_FROM, count)):
        with suppress(UserError, OSError):  # of a pair that cannot be read it is said where it is matched
            yield source.load(pairs[int(index)])
