"""Many pairs to files: read ahead, matched one by one, written behind; a broken one is named and skipped."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch

from dsmnet.atomic import WriteError
from dsmnet.ending import Interrupted, Terminated
from dsmnet.errors import DataError, ShapeError, UserError, count, first_of
from dsmnet.inference.confidence import ConfidenceMap, check_cue, confidence_cue, predict_with_confidence
from dsmnet.inference.pipeline import ReadAhead, write_behind
from dsmnet.inference.record import PredictionRecord
from dsmnet.inference.search import resolve_max_disparity, too_short
from dsmnet.inference.sources import ImagePairs, PairSource
from dsmnet.io import read_calibration
from dsmnet.io.calibration import kitti_cameras
from dsmnet.io.pairs import PairFiles
from dsmnet.io.video import EndOfVideo
from dsmnet.options import check_number, check_whole
from dsmnet.types import Calibration, DisparityMap, Image, Matcher

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Writes the results of a pair to a folder, such as `ResultWriter`."""

    @property
    def folder(self) -> Path:
        """Folder of the results."""

    def write(
        self,
        name: str,
        disparity: DisparityMap,
        left: Image,
        calibration: Calibration | None = None,
        confidence: ConfidenceMap | None = None,
    ) -> None:
        """Write all files of a pair, or none."""


class LoadedPair(NamedTuple):
    """A pair in memory."""

    left: Image
    right: Image
    calibration: Calibration | None


class MatchedPair(NamedTuple):
    """A prediction and what it took."""

    disparity: DisparityMap
    confidence: ConfidenceMap | None
    seconds: float
    max_disparity: int  # pixels that were searched


@dataclass(frozen=True)
class Prediction:
    """Options of a prediction; a `UserError` where one has a value it cannot have."""

    max_disparity: str | int = "auto"
    confidence: bool | str = False  # or a cue, see `inference.confidence`
    min_confidence: float | None = None  # pixels below are written as unknown

    def __post_init__(self) -> None:
        resolve_max_disparity(self.max_disparity)  # a wrong option is not the fault of the pairs
        cue = confidence_cue(self.confidence)
        if self.min_confidence is not None:
            least = check_number("min_confidence", self.min_confidence, above=0, most=1)
            if cue is None:
                raise UserError(
                    f"min_confidence={least:g} needs a confidence: expected confidence=true as well"
                )

    def match(self, matcher: Matcher, pair: LoadedPair, name: str) -> MatchedPair:
        """Match a pair; the disparity is infinite where it is not trusted."""
        cue, (left, right, calibration) = confidence_cue(self.confidence), pair
        max_disparity = resolve_max_disparity(self.max_disparity, calibration, left.shape[1])
        start, confidence = time.perf_counter(), None
        if cue is None:
            disparity = matcher.predict(left, right, max_disparity)
        else:
            disparity, confidence = predict_with_confidence(matcher, left, right, max_disparity, cue)
        seconds = time.perf_counter() - start
        if wild := int((~np.isfinite(disparity)).sum()):
            log.warning("%s: %d pixels without a finite disparity", name, wild)
        if matcher.has_range and (warning := too_short(disparity, max_disparity)):
            log.warning("%s: %s", name, warning)
        if confidence is not None and self.min_confidence is not None:
            disparity = np.where(confidence < self.min_confidence, np.float32(np.inf), disparity)
        return MatchedPair(disparity, confidence, seconds, max_disparity)


@dataclass
class BatchSummary:
    """Number of pairs finished and names of those that failed; both threads write to it."""

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)

    def fail(self, pair: PairFiles, reason: object) -> None:
        """Log a pair that failed, and count it."""
        log.error("%s: %s", pair.name, reason)
        self.failed.append(pair.name)

    def check(self) -> None:
        """Raise a `UserError` where a pair failed, naming it."""
        if self.failed:
            names = ", ".join(first_of(self.failed))
            raise UserError(f"{len(self.failed)} of {count(self.total, 'pair')} failed: {names}")


def predict_files(
    matcher: Matcher,
    pairs: PairSource | Sequence[PairFiles],
    writer: Writer,
    prediction: Prediction | None = None,
    *,
    record: PredictionRecord | None = None,
    ahead: int = 2,
    watch: Callable[[Iterable], Iterable] = iter,
) -> BatchSummary:
    """Match pairs one by one; a broken one is logged and the rest goes on.

    Args:
        matcher: Network or other matcher.
        pairs: Source of pairs, or a list of image files.
        writer: Writer of the results.
        prediction: Default: a search range by the calibration, no confidence.
        record: Record of finished pairs: those are skipped, and it grows.
        ahead: Pairs read ahead, and results that wait to be written, at most; 0: one after the other.
        watch: Wraps the pairs that are matched, to show progress.

    Raises:
        UserError: The run was interrupted, or results cannot be written; what is finished is counted.
    """
    check_whole("ahead", ahead, least=0, unit="pairs")
    prediction = prediction or Prediction()
    check_cue(matcher, confidence_cue(prediction.confidence))
    source = ImagePairs(pairs) if isinstance(pairs, Sequence) else pairs
    todo = [pair for pair in source if record is None or pair not in record]
    if len(todo) < len(source):
        finished = len(source) - len(todo)
        log.info("%d of %s finished already", finished, count(len(source), "pair", "is", "are"))
    summary = BatchSummary(len(todo))

    def write(pair: PairFiles, loaded: LoadedPair, matched: MatchedPair) -> None:
        try:
            writer.write(pair.name, matched.disparity, loaded.left, loaded.calibration, matched.confidence)
        except DataError as error:
            summary.fail(pair, f"{pair.calibration}: {error}")
            return
        if record is not None:
            record.add(pair, seconds=round(matched.seconds, 4), max_disparity=matched.max_disparity)
        summary.done += 1

    try:
        with write_behind(ahead) as submit:
            for pair, load_now in watch(ReadAhead(todo, lambda pair: load_pair(source, pair), ahead)):
                try:
                    loaded = load_now()
                    matched = prediction.match(matcher, loaded, pair.name)
                except (UserError, OSError) as error:
                    summary.fail(pair, error)
                    if isinstance(error, EndOfVideo):
                        break
                except (MemoryError, RuntimeError) as error:
                    summary.fail(pair, _memory_message(error))
                else:
                    submit(write, pair, loaded, matched)
    except (KeyboardInterrupt, WriteError, OSError) as error:
        raise _stopped(error, summary, writer.folder) from None
    return summary


def load_pair(source: PairSource, pair: PairFiles) -> LoadedPair:
    """Read the views and the calibration of a pair; a `ShapeError` where the views differ in size."""
    left, right = source.load(pair)
    if left.shape != right.shape:
        raise ShapeError(
            f"the views differ in size (height, width): {pair.left} {left.shape[:2]}, "
            f"{pair.right} {right.shape[:2]}"
        )
    calibration = None
    if pair.calibration:
        calibration = read_calibration(pair.calibration, kitti_cameras(pair.left), left.shape[:2])
    return LoadedPair(left, right, calibration)


def _memory_message(error: BaseException) -> str:
    """Return what to do when memory ran out; any other error is raised."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return "out of GPU memory; a smaller max_disparity or device=cpu may do"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "out of memory; a smaller max_disparity or smaller images may do"
    raise error


def _stopped(error: BaseException, summary: BatchSummary, folder: Path) -> UserError:
    """Return what to raise for an interruption or a full disk: how far the run came, and how to go on."""
    rest = (
        f"; {summary.done} of {count(summary.total, 'pair', 'is', 'are')} finished, the same command with "
        f"resume=true paths.output={folder} does the rest"
    )
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        return Interrupted(f"interrupted{rest}", number)
    return WriteError(f"{error}{rest}")
