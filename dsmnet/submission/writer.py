"""From a network to the files of an upload, and from the files to the archive."""

from __future__ import annotations

import logging
import signal
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from dsmnet.atomic import WriteError, atomic_write, cannot_write
from dsmnet.ending import Interrupted, Terminated
from dsmnet.errors import DataError, UserError, first_of
from dsmnet.inference.search import resolve_max_disparity, too_short
from dsmnet.inference.timing import needs_warm_up, timed_prediction
from dsmnet.io import write_pfm
from dsmnet.io.disparity import write_disparity_png16
from dsmnet.io.images import read_bytes
from dsmnet.submission.answers import Answer
from dsmnet.submission.form import UploadForm
from dsmnet.submission.record import Record
from dsmnet.submission.validator import answer_problems
from dsmnet.types import DisparityMap, Matcher

log = logging.getLogger(__name__)

SMALLEST = 1 / 256  # pixels: the smallest answer; 0 means that there is none
SHORTEST = 1e-6  # seconds, what is left of a shorter time when it is written


def predict_answers(
    matcher: Matcher,
    answers: Sequence[Answer],
    form: UploadForm,
    folder: Path,
    record: Record,
    max_disparity: str | int = "auto",
    watch: Callable[[Iterable[Answer]], Iterable[Answer]] = iter,
) -> int:
    """Write the files of all answers; those that the record knows and that are whole are kept as they are.

    A broken pair is reported and the rest goes on.

    Args:
        matcher: The network.
        answers: what the upload has to hold.
        form: of the benchmark.
        folder: where the files go, as they will lie in the archive.
        record: of what is done; it grows with each answer.
        max_disparity: ``auto`` or pixels, see `dsmnet.inference.search.resolve_max_disparity`.
        watch: Wraps the answers that are predicted, to show progress.

    Returns:
        How many answers were kept from an earlier run.

    Raises:
        UserError: At the end, naming the pairs that failed; or the run was interrupted.
        WriteError: The results cannot be written.
    """
    resolve_max_disparity(max_disparity)  # a wrong option is not the fault of the pairs
    todo = [answer for answer in answers if not _is_done(answer, form, folder, record)]
    cold, failed = needs_warm_up(matcher), []
    try:
        for answer in watch(todo):
            try:
                sample = answer.sample()
                reach = resolve_max_disparity(
                    max_disparity, sample.get("calibration"), sample["left"].shape[1]
                )
                if cold:
                    matcher.predict(sample["left"], sample["right"], reach)
                    cold = False
                disparity, seconds = timed_prediction(matcher, sample, reach)
                if warning := too_short(disparity, reach):
                    log.warning("%s: %s", answer.disparity, warning)
                _write(answer, form, folder, disparity, seconds)
                record.add(answer.disparity, seconds, reach)
            except WriteError:
                raise
            except UserError as error:
                log.error("%s: %s", answer.disparity, error)
                failed.append(answer.disparity)
            except torch.cuda.OutOfMemoryError:
                log.error(
                    "%s: out of GPU memory; a smaller max_disparity or device=cpu may do", answer.disparity
                )
                failed.append(answer.disparity)
    except (KeyboardInterrupt, OSError, WriteError) as error:
        raise _stopped(error, folder) from None
    if failed:
        raise UserError(f"{len(failed)} of {len(answers)} answers failed: {', '.join(first_of(failed))}")
    return len(answers) - len(todo)


def _stopped(error: BaseException, folder: Path) -> UserError:
    """Say what stopped a run, and how to go on."""
    way = f"what is finished is in {folder}; continue with the same command and paths.output="
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        return Interrupted(f"interrupted; {way}{folder.parent}", number)
    reason = cannot_write(folder, error) if isinstance(error, OSError) else error
    return WriteError(f"{reason}; {way}{folder.parent}")


def pack(archive: Path, answers: Iterable[Answer], folder: Path, comment: str = "") -> None:
    """Write the files of the answers, and no others of the folder, into a zip file with a comment.

    Raises:
        WriteError: The archive cannot be written.
    """
    with atomic_write(archive) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as content:
        content.comment = comment.encode()
        for answer in answers:
            for name in answer.files():
                content.write(folder / name, name)


def _is_done(answer: Answer, form: UploadForm, folder: Path, record: Record) -> bool:
    if answer.disparity not in record:
        return False
    there = {name for name in answer.files() if (folder / name).is_file()}
    whole = len(there) == len(answer.files())
    return whole and not answer_problems(form, answer, lambda name, _: read_bytes(folder / name), there)


def _write(answer: Answer, form: UploadForm, folder: Path, disparity: DisparityMap, seconds: float) -> None:
    wild = int((~np.isfinite(disparity)).sum())
    if wild:
        raise DataError(f"the network's answer is nan or infinite at {wild} pixels")
    disparity = np.maximum(disparity, np.float32(SMALLEST))
    if form.maps == "png16":
        write_disparity_png16(folder / answer.disparity, disparity)  # cuts what is too large, with a warning
    else:
        write_pfm(folder / answer.disparity, disparity)
    if answer.time:
        text = form.time_line.format(seconds=f"{max(seconds, SHORTEST):.6f}")
        (folder / answer.time).write_text(text + "\n", encoding="ascii")
