"""Files to files: reading pairs, matching them one by one, writing what comes out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from dsmnet.data.formats import read_calibration, read_image, write_image, write_pfm
from dsmnet.data.formats.disparity import write_disparity_png16
from dsmnet.data.pairs import PairFiles
from dsmnet.errors import DataError, ShapeError, UserError
from dsmnet.inference.cloud import CloudWriter
from dsmnet.protocols import Calibration, DisparityMap, Image, Matcher
from dsmnet.viz.colour import COLOUR_MAP, check_limits, colour_disparity, colour_table, disparity_range
from dsmnet.viz.legend import disparity_bar, with_bar

log = logging.getLogger(__name__)

DEFAULT_RANGE = 192  # pixels: where nothing says how far to search


def search_range(max_disparity: str | int, calibration: Calibration | None = None) -> int:
    """Resolve ``max_disparity=auto|N``: auto is what the calibration states, else 192 px.

    Raises:
        UserError: neither auto nor a positive whole number.
    """
    if max_disparity == "auto":
        stated = calibration.max_disparity if calibration else None
        return stated or DEFAULT_RANGE
    if isinstance(max_disparity, int) and not isinstance(max_disparity, bool) and max_disparity > 0:
        return max_disparity
    raise UserError(f"max_disparity={max_disparity}: expected auto or a positive whole number of pixels")


@dataclass(frozen=True)
class ResultWriter:
    """Writes NAME.pfm, NAME.png and NAME_colour.png of a pair, and with a calibration what `cloud` does.

    Args:
        folder: where.
        limits: disparities of the first and last colour, pixels; percentiles of each map without it.
        colour_map: a name that matplotlib knows.
        legend: a colour bar below the colour map.
        cloud: what else a calibration gives.

    Raises:
        UserError: `limits` or `colour_map` is not what it should be.
    """

    folder: Path
    limits: Sequence[float] | None = None
    colour_map: str = COLOUR_MAP
    legend: bool = True
    cloud: CloudWriter = field(default_factory=CloudWriter)

    def __post_init__(self) -> None:
        check_limits(self.limits)
        colour_table(self.colour_map)

    def colour(self, disparity: DisparityMap) -> Image:
        """Return the colour map, with its legend where that is wanted."""
        limits = check_limits(self.limits) or disparity_range(disparity)
        picture = colour_disparity(disparity, limits, colour_map=self.colour_map)
        if not self.legend:
            return picture
        return with_bar(picture, disparity_bar(picture.shape[1], limits, self.colour_map))

    def write(
        self, name: str, disparity: DisparityMap, left: Image, calibration: Calibration | None = None
    ) -> None:
        """Write the files of one pair."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if calibration is not None:  # first: it is what can fail
            self.cloud.write(self.folder, name, disparity, left, calibration)
        write_pfm(self.folder / f"{name}.pfm", disparity)
        write_disparity_png16(self.folder / f"{name}.png", disparity)
        write_image(self.folder / f"{name}_colour.png", self.colour(disparity))


def predict_files(
    matcher: Matcher, pairs: Iterable[PairFiles], writer: ResultWriter, max_disparity: str | int = "auto"
) -> int:
    """Match pairs one by one; a broken one is reported and the rest goes on.

    Args:
        matcher: the network.
        pairs: from `pair_files`; wrap it to show progress.
        writer: takes the results.
        max_disparity: ``auto`` or pixels, see `search_range`.

    Returns:
        How many pairs were matched.

    Raises:
        UserError: at the end, naming those that were not.
    """
    search_range(max_disparity)  # a wrong option is not the fault of the pairs
    done, failed = 0, []
    for pair in pairs:
        try:
            _predict_pair(matcher, pair, writer, max_disparity)
            done += 1
        except UserError as error:
            log.error("%s: %s", pair.name, error)
            failed.append(pair.name)
        except torch.cuda.OutOfMemoryError:
            log.error("%s: out of GPU memory; a smaller max_disparity or device=cpu may do", pair.name)
            failed.append(pair.name)
    if failed:
        raise UserError(f"{len(failed)} of {done + len(failed)} pairs failed: {', '.join(failed)}")
    return done


def _predict_pair(matcher: Matcher, pair: PairFiles, writer: ResultWriter, max_disparity: str | int) -> None:
    left, right = read_image(pair.left), read_image(pair.right)
    if left.shape != right.shape:
        raise ShapeError(
            f"the views differ in size (height, width): {pair.left} {left.shape[:2]}, "
            f"{pair.right} {right.shape[:2]}"
        )
    calibration = read_calibration(pair.calibration) if pair.calibration else None
    disparity = matcher.predict(left, right, search_range(max_disparity, calibration))
    wild = int((~np.isfinite(disparity)).sum())
    if wild:
        log.warning("%s: %d pixels without a finite disparity", pair.name, wild)
    try:
        writer.write(pair.name, disparity, left, calibration)
    except DataError as error:
        raise DataError(f"{pair.calibration}: {error}") from None
