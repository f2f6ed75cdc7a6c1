"""Many pairs to files: read ahead, matched one by one, written behind; a broken one is named and skipped."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from dsmnet.atomic import WriteError
from dsmnet.ending import Interrupted, Terminated
from dsmnet.errors import DataError, ShapeError, UserError, count, first_of
from dsmnet.inference.confidence import ConfidenceMap, check_cue, confidence_cue, predict_with_confidence
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.pipeline import ReadAhead, WriteBehind
from dsmnet.inference.record import PredictionRecord
from dsmnet.inference.search import resolve_max_disparity, too_short
from dsmnet.io import read_calibration
from dsmnet.io.calibration import kitti_cameras
from dsmnet.io.images import read_views as read_images
from dsmnet.io.pairs import PairFiles
from dsmnet.io.video import EndOfVideo
from dsmnet.types import Calibration, DisparityMap, Image, Matcher

log = logging.getLogger(__name__)

Views = tuple[Image, Image]


def read_views(pair: PairFiles) -> Views:
    """Read the two images of a pair."""
    return read_images(pair.left, pair.right)


class LoadedPair(NamedTuple):
    """A pair in memory."""

    views: Views
    calibration: Calibration | None


class Answer(NamedTuple):
    """What a matcher made of a pair."""

    disparity: DisparityMap
    confidence: ConfidenceMap | None
    seconds: float
    reach: int  # pixels that were searched


@dataclass(frozen=True)
class Prediction:
    """What is asked of the matcher.

    Args:
        max_disparity: ``auto`` or pixels, see `resolve_max_disparity`.
        confidence: ``false``, ``true`` or a cue, see `inference.confidence`.
        min_confidence: Pixels below are written as unknown.

    Raises:
        UserError: An option has a value it cannot have.
    """

    max_disparity: str | int = "auto"
    confidence: bool | str = False
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        resolve_max_disparity(self.max_disparity)  # a wrong option is not the fault of the pairs
        cue, least = confidence_cue(self.confidence), self.min_confidence
        if least is None:
            return
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 < least <= 1:
            raise UserError(f"min_confidence={least}: expected a number above 0 and up to 1, or null")
        if cue is None:
            raise UserError(f"min_confidence={least} needs a confidence: expected confidence=true as well")

    def of(self, matcher: Matcher, loaded: LoadedPair, name: str) -> Answer:
        """Match a pair; the disparity is infinite where it is not trusted."""
        cue, width = confidence_cue(self.confidence), loaded.views[0].shape[1]
        reach = resolve_max_disparity(self.max_disparity, loaded.calibration, width)
        start, confidence = time.perf_counter(), None
        if cue is None:
            disparity = matcher.predict(*loaded.views, reach)
        else:
            disparity, confidence = predict_with_confidence(matcher, *loaded.views, reach, cue)
        seconds = time.perf_counter() - start
        wild = int((~np.isfinite(disparity)).sum())
        if wild:
            log.warning("%s: %d pixels without a finite disparity", name, wild)
        if warning := too_short(disparity, reach):
            log.warning("%s: %s", name, warning)
        if confidence is not None and self.min_confidence is not None:
            disparity = np.where(confidence < self.min_confidence, np.float32(np.inf), disparity)
        return Answer(disparity, confidence, seconds, reach)


@dataclass
class Tally:
    """What became of the pairs so far; both threads write to it."""

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)

    def fail(self, pair: PairFiles, reason: object) -> None:
        """Report a pair that came to nothing."""
        log.error("%s: %s", pair.name, reason)
        self.failed.append(pair.name)

    def check(self) -> None:
        """Raise a `UserError` where a pair failed, naming it."""
        if not self.failed:
            return
        names = ", ".join(first_of(self.failed))
        raise UserError(f"{len(self.failed)} of {count(self.total, 'pair')} failed: {names}")


def predict_files(
    matcher: Matcher,
    pairs: Sequence[PairFiles],
    writer: ResultWriter,
    prediction: Prediction | None = None,
    *,
    load: Callable[[PairFiles], Views] = read_views,
    record: PredictionRecord | None = None,
    ahead: int = 2,
    watch: Callable[[Iterable], Iterable] = iter,
) -> Tally:
    """Match pairs one by one; a broken one is reported and the rest goes on.

    Args:
        matcher: The network.
        pairs: From `pair_files`, or the frames of two videos.
        writer: Takes the results.
        prediction: what is asked of the matcher.
        load: Reads the views of a pair, in order.
        record: of what is finished: those are skipped, and it grows.
        ahead: Pairs read ahead, and results that wait to be written, at most; 0: one after the other.
        watch: Wraps the pairs that are matched, to show progress.

    Returns:
        What became of them.

    Raises:
        UserError: The run was interrupted, or results cannot be written; what is finished is counted.
    """
    if isinstance(ahead, bool) or not isinstance(ahead, int) or ahead < 0:
        raise UserError(f"ahead={ahead}: expected a number of pairs, 0 or more")
    prediction = prediction or Prediction()
    check_cue(matcher, confidence_cue(prediction.confidence))
    todo = [pair for pair in pairs if record is None or pair not in record]
    if len(todo) < len(pairs):
        log.info("%d of %s finished already", len(pairs) - len(todo), count(len(pairs), "pair", "is", "are"))
    tally = Tally(len(todo))

    def write(pair: PairFiles, loaded: LoadedPair, answer: Answer) -> None:
        try:
            writer.write(pair.name, answer.disparity, loaded.views[0], loaded.calibration, answer.confidence)
        except DataError as error:
            tally.fail(pair, f"{pair.calibration}: {error}")
            return
        if record is not None:
            record.add(pair, seconds=round(answer.seconds, 4), max_disparity=answer.reach)
        tally.done += 1

    try:
        with WriteBehind(ahead) as writing:
            for pair, load_now in watch(ReadAhead(todo, lambda pair: _load(pair, load), ahead)):
                try:
                    loaded = load_now()
                    answer = prediction.of(matcher, loaded, pair.name)
                except (UserError, OSError) as error:
                    tally.fail(pair, error)
                    if isinstance(error, EndOfVideo):
                        break
                except (MemoryError, RuntimeError) as error:
                    tally.fail(pair, _memory_message(error))
                else:
                    writing.submit(write, pair, loaded, answer)
    except (KeyboardInterrupt, WriteError, OSError) as error:
        pairs_are = count(tally.total, "pair", "is", "are")
        rest = (
            f"; {tally.done} of {pairs_are} finished, the same command with resume=true "
            f"paths.output={writer.folder} does the rest"
        )
        if isinstance(error, KeyboardInterrupt):
            number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            raise Interrupted(f"interrupted{rest}", number) from None
        raise WriteError(f"{error}{rest}") from None
    return tally


def _load(pair: PairFiles, load: Callable[[PairFiles], Views]) -> LoadedPair:
    left, right = load(pair)
    if left.shape != right.shape:
        raise ShapeError(
            f"the views differ in size (height, width): {pair.left} {left.shape[:2]}, "
            f"{pair.right} {right.shape[:2]}"
        )
    calibration = None
    if pair.calibration:
        calibration = read_calibration(pair.calibration, kitti_cameras(pair.left), left.shape[:2])
    return LoadedPair((left, right), calibration)


def _memory_message(error: BaseException) -> str:
    """Return what to do when memory ran out; any other error is raised."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return "out of GPU memory; a smaller max_disparity or device=cpu may do"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "out of memory; a smaller max_disparity or smaller images may do"
    raise error
