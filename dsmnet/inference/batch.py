"""Many pairs to files: read ahead, matched one by one, written behind; a broken one is named and skipped."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice
from operator import length_hint
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch

from dsmnet.atomic import WriteError
from dsmnet.ending import Interrupted, signal_of
from dsmnet.errors import DataError, UserError, count, first_of
from dsmnet.inference.confidence import ConfidenceMap, check_cue, confidence_cue, predict_with_confidence
from dsmnet.inference.pipeline import ReadAhead, write_behind
from dsmnet.inference.raw_views import LoadedPair, RawViews
from dsmnet.inference.record import PredictionRecord
from dsmnet.inference.search import resolve_max_disparity, too_short
from dsmnet.inference.sources import ImagePairs
from dsmnet.inference.temporal_filter import TemporalFilter
from dsmnet.io.pairs import PairFiles, PairSource
from dsmnet.io.video import EndOfVideo
from dsmnet.options import check_number, check_whole
from dsmnet.types import DisparityMap, Matcher

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Writes the results of a pair to a folder, such as `ResultWriter`."""

    @property
    def folder(self) -> Path:
        """Folder of the results."""

    def write(self, name: str, loaded: LoadedPair, matched: MatchedPair) -> None:
        """Write all files of a pair, or none."""


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
        cue, left, right = confidence_cue(self.confidence), pair.left, pair.right
        max_disparity = resolve_max_disparity(self.max_disparity, pair.calibration, left.shape[1])
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
        if pair.rectification is not None:
            disparity = pair.rectification.result(disparity)
            confidence = None if confidence is None else pair.rectification.result(confidence, 0)
        if confidence is not None and self.min_confidence is not None:
            disparity = np.where(confidence < self.min_confidence, np.float32(np.inf), disparity)
        return MatchedPair(disparity, confidence, seconds, max_disparity)


@dataclass
class BatchSummary:
    """Number of pairs finished and names of those that failed; both threads write to it."""

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of all pairs so far, those finished earlier among them
    broken: DataError | None = None  # what ended a stream before its time

    def fail(self, pair: PairFiles, reason: object) -> None:
        """Log a pair that failed, and count it."""
        log.error("%s: %s", pair.name, reason)
        self.failed.append(pair.name)

    def check(self) -> None:
        """Raise a `UserError` where a pair failed, naming it, or where the stream broke."""
        if self.broken:
            raise UserError(f"{self.broken}; {count(self.done, 'pair', 'is', 'are')} finished")
        if self.failed:
            names = ", ".join(first_of(self.failed))
            raise UserError(f"{len(self.failed)} of {count(self.total, 'pair')} failed: {names}")


def predict_files(
    matcher: Matcher,
    pairs: PairSource | Sequence[PairFiles],
    writer: Writer,
    prediction: Prediction | None = None,
    *,
    views: RawViews | None = None,
    record: PredictionRecord | None = None,
    ahead: int = 2,
    watch: Callable[[Iterable], Iterable] = iter,
    frames: int | None = None,
    smooth: TemporalFilter | None = None,
    save: bool = True,
    outputs: Sequence[Callable[[PairFiles, LoadedPair, MatchedPair], None]] = (),
) -> BatchSummary:
    """Match pairs one by one; a broken one is logged and the rest goes on.

    Args:
        matcher: Network or other matcher.
        pairs: Source of pairs, or a list of image files.
        writer: Writer of the results.
        prediction: Default: a search range by the calibration, no confidence.
        views: Rectifies the pairs and checks their rows; default: they are matched as they are.
        record: Record of finished pairs: those are skipped, and it grows.
        ahead: Pairs read ahead, and results that wait to be written, at most; 0: one after the other.
        watch: Wraps the pairs that are matched, to show progress.
        frames: Number of pairs after which the run ends; None for all.
        smooth: Filter of the disparities of a sequence.
        save: Whether the writer writes the files of each pair.
        outputs: Functions that are called with each result, one after the other.

    A stream that breaks off ends the run; `BatchSummary.check` raises it. An interruption is how a live
    stream is meant to end.

    Raises:
        UserError: The run was interrupted, or results cannot be written; what is finished is counted.
    """
    check_whole("ahead", ahead, least=0, unit="pairs")
    if frames is not None:
        check_whole("frames", frames)
    prediction = prediction or Prediction()
    check_cue(matcher, confidence_cue(prediction.confidence))
    source = pairs if isinstance(pairs, ImagePairs) or not isinstance(pairs, Sequence) else ImagePairs(pairs)
    summary = BatchSummary(0)
    todo: Iterable[PairFiles] = _unfinished(islice(source, frames), save, record, summary)
    if isinstance(source, Sized):
        todo = list(todo)
        summary.total, known = len(todo), len(summary.names)
        if len(todo) < known:
            log.info("%d of %s finished already", known - len(todo), count(known, "pair", "is", "are"))
    hint = min(frames or sys.maxsize, length_hint(source)) or frames or 0
    reading = ReadAhead(todo, lambda pair: load_pair(source, pair, views), 0 if source.live else ahead, hint)

    def write(pair: PairFiles, loaded: LoadedPair, matched: MatchedPair) -> None:
        try:
            if save:
                writer.write(pair.name, loaded, matched)
            for show in outputs:
                show(pair, loaded, matched)
        except DataError as error:
            summary.fail(pair, f"{pair.calibration}: {error}")
            return
        if record is not None:
            stamp = {} if pair.time is None else {"time": pair.time}
            measured = {"seconds": round(matched.seconds, 4), "max_disparity": matched.max_disparity}
            record.add(pair, **measured, **stamp)
        summary.done += 1

    try:
        with write_behind(ahead) as submit:
            for pair, load_now in watch(reading):
                try:
                    loaded = load_now()
                    matched = prediction.match(matcher, loaded, pair.name)
                    if smooth is not None:
                        disparity = smooth(matched.disparity, loaded.result_left, matched.confidence)
                        matched = matched._replace(disparity=disparity)
                except (UserError, OSError) as error:
                    summary.fail(pair, error)
                    if isinstance(error, EndOfVideo):
                        break
                except (MemoryError, RuntimeError) as error:
                    summary.fail(pair, memory_message(error))
                else:
                    submit(write, pair, loaded, matched)
    except DataError as error:
        summary.broken = error
    except (KeyboardInterrupt, WriteError, OSError) as error:
        if not (source.live and isinstance(error, KeyboardInterrupt)):
            raise _stopped(error, summary, writer.folder) from None
    return summary


def _unfinished(
    pairs: Iterable[PairFiles], save: bool, record: PredictionRecord | None, summary: BatchSummary
) -> Iterator[PairFiles]:
    """Yield the pairs that are to be matched; the summary hears of all."""
    for pair in pairs:
        if save:  # a camera whose files are not kept has no end
            summary.names.append(pair.name)
        if record is None or pair not in record:
            summary.total += 1
            yield pair


def load_pair(source: PairSource, pair: PairFiles, views: RawViews | None = None) -> LoadedPair:
    """Read the views and the calibration of a pair; a `ShapeError` where the views differ in size."""
    return (views or RawViews(check=False)).load(source, pair)


def memory_message(error: BaseException) -> str:
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
        return Interrupted(f"interrupted{rest}", signal_of(error))
    return WriteError(f"{error}{rest}")
