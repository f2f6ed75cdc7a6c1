"""Which image files make pairs, and what their results are called."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dsmnet.errors import DataError, UserError
from dsmnet.types import Calibration, Image, StereoRig

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".webp")
CALIBRATION_SUFFIXES = (".txt", ".yml", ".yaml", ".xml", ".json", ".conf")
RESULT_SUFFIXES = (
    *(".pfm", ".png", "_color.png", "_confidence.png", "_rectified.png"),
    *(".ply", "_depth.png", "_depth.npy", "_depth.pfm", "_cloud.html"),
)
LAYOUTS = ("separate", "side_by_side", "top_bottom")


class PairFiles(NamedTuple):
    """A pair on disk, and the name that its results get."""

    name: str
    left: Path
    right: Path
    calibration: Path | None = None
    frame: int | None = None  # of a video or a stream, counted from 1
    time: float | None = None  # seconds, of the left view
    held: Any = None  # what `load` of a stream decodes


class PairSource:
    """Pairs in their order, and the views of each.

    One that has a length can be gone through at once; another is a stream, whose pairs are loaded as they
    come. `operator.length_hint` says how many there may be, 0 where nobody knows.

    Attributes:
        live: Whether pairs that nobody asks for are lost, so that reading ahead makes them old.
        calibration: Calibration of all pairs that the source itself states.
        rig: Cameras of all pairs, where it states that they are raw.
        calibration_parts: Files that a calibration of all pairs has beside its first one.
    """

    live = False
    calibration: Calibration | None = None
    rig: StereoRig | None = None
    calibration_parts: Sequence[Path] = ()

    def __iter__(self) -> Iterator[PairFiles]:
        raise NotImplementedError

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Return both views of a pair; pairs are asked for in their order."""
        raise NotImplementedError


def check_layout(layout: str, right: object, what: str) -> bool:
    """Return whether one picture holds both views, as ``layout=`` says; that needs ``right=null``.

    Raises:
        UserError: There is no such layout, or `right` does not fit it; `what` was expected on both sides.
    """
    if layout not in LAYOUTS:
        raise UserError(f"layout={layout}: expected one of {', '.join(LAYOUTS)}")
    if (layout == "separate") == (right is None):
        raise UserError(
            f"layout={layout} right={right}: expected {what} on both sides with "
            "layout=separate, or right=null with layout=side_by_side or top_bottom"
        )
    return layout != "separate"


def split_views(picture: Image, layout: str, path: Path | str) -> tuple[Image, Image]:
    """Return the left and the right view of a picture: its left and right half, or its upper and lower one.

    Raises:
        DataError: The side that is halved has an odd number of pixels; `path` names the picture.
    """
    axis = 1 if layout == "side_by_side" else 0
    length = picture.shape[axis]
    if length % 2:
        raise DataError(f"{path}: a {('height', 'width')[axis]} of {length} cannot be halved into two views")
    if axis:
        return picture[:, : length // 2].copy(), picture[:, length // 2 :].copy()
    return picture[: length // 2], picture[length // 2 :]


def pair_files(
    left: str | Sequence[str], right: str | Sequence[str], calib: str | Sequence[str] | None = None
) -> list[PairFiles]:
    """Pair the images of two files, two folders, two globs or two lists, in sorted order.

    Names that contradict the order are refused, see `check_order`. Calibrations are one for all, or one each.

    Raises:
        DataError: Nothing is there under one of them.
        UserError: They do not hold equally many files, or the names say that the order pairs the wrong ones.
    """
    left_files = find_files(left, "left")
    right_files = find_files(right, "right")
    if len(left_files) != len(right_files):
        raise UserError(
            f"left={left} holds {len(left_files)} images and right={right} {len(right_files)}: "
            "expected equally many"
        )
    check_order(left_files, right_files)
    calibrations: list[Path | None] = [None] * len(left_files)
    if calib is not None:
        found = find_files(calib, "calib", CALIBRATION_SUFFIXES)
        if len(found) not in (1, len(left_files)):
            raise UserError(
                f"calib={calib} holds {len(found)} files for {len(left_files)} pairs: "
                "expected one, or one each"
            )
        if len(found) > 1:
            check_order(left_files, found)
        calibrations = [*found] * (len(left_files) if len(found) == 1 else 1)
    entries = zip(unique_names(left_files), left_files, right_files, calibrations, strict=True)
    return [PairFiles(*entry) for entry in entries]


def find_files(
    where: str | Sequence[str], option: str, suffixes: tuple[str, ...] = IMAGE_SUFFIXES
) -> list[Path]:
    """Return the files that an option names: a file, a folder's images, a glob's matches, or a list of files.

    Raises:
        DataError: There is nothing, or nothing of these suffixes in the folder.
    """
    if isinstance(where, list | tuple):
        return [path for entry in where for path in find_files(entry, option, suffixes)]
    path = Path(str(where)).expanduser()  # Hydra reads a folder called 2024 as a number
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes and p.is_file())
        if not found:
            raise DataError(f"{option}={where}: the folder holds no file ending in {', '.join(suffixes)}")
        return found
    found = sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
    if not found:
        raise DataError(f"{option}={where}: no such file or folder, and as a glob it matches no file")
    return found


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Return a name per file, so that no two results overwrite each other.

    The stem (``000001_10``) where that is enough; else with as many parent folders in front as it takes
    (``Piano_im0``); else with a number in front.
    """
    parts = [path.absolute().with_suffix("").parts[1:] for path in paths]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        names = ["_".join(part[-depth:]) for part in parts]
        results = [(name + suffix).casefold() for name in names for suffix in RESULT_SUFFIXES]
        if len(set(results)) == len(results):
            return names
    return [f"{i:04d}_{path.stem}" for i, path in enumerate(paths)]


def result_names(pairs: Iterable[PairFiles]) -> list[str]:
    """Return the names of all files that the results of pairs may have."""
    return [pair.name + suffix for pair in pairs for suffix in RESULT_SUFFIXES]


def files_of(pairs: object) -> Iterator[Path]:
    """Yield the files of pairs: a list of them, a data set, or a part of one."""
    entries = pairs if isinstance(pairs, list) else getattr(pairs, "pairs", ())
    for pair in entries:
        yield from (part for part in pair if isinstance(part, Path))
    if hasattr(pairs, "dataset"):
        yield from files_of(pairs.dataset)


def check_order(firsts: Sequence[Path], seconds: Sequence[Path]) -> None:
    """Refuse a pairing by order that the names of the files, or of their folders, contradict.

    Names: where one is the same on both sides, those of every pair are. Numbers in names: where those of one
    pair agree, or a number is found on both sides, those of every pair agree (``left_4`` and ``right_3`` do
    not go together where there is a ``right_4``). A number that all names of a side share says which view it
    is (``im0`` and ``im1``, ``cam0_12`` and ``cam1_12``), and numbers that have nothing in common contradict
    nothing. Of the times of two clocks, numbers of ten digits and more, some may agree. Where a number counts
    the pairs and agrees in all of them, the others, such as times of exposure, are free.

    Raises:
        UserError: They do; the message names the first pair.
    """
    if len(firsts) < 2:
        return
    for part in ("stem", "folder"):
        names = [
            [path.stem if part == "stem" else path.parent.name for path in paths]
            for paths in (firsts, seconds)
        ]
        misfit = _misfit(*names) if set(names[0]) & set(names[1]) else _misfit_of_numbers(*names)
        if misfit is not None:
            raise UserError(
                f"in sorted order {firsts[misfit]} would be paired with {seconds[misfit]}, but their names "
                "say otherwise: expected the same scenes on both sides"
            )


def _misfit(firsts: Sequence[object], seconds: Sequence[object]) -> int | None:
    """Return the first pair that differs, where another agrees or its like is found elsewhere."""
    differ = [index for index, (a, b) in enumerate(zip(firsts, seconds, strict=True)) if a != b]
    if all(map(_is_time, (*firsts, *seconds))):
        differ = [index for index in differ if firsts[index] in seconds or seconds[index] in firsts]
        return differ[0] if differ else None
    contradict = len(differ) < len(firsts) or not set(firsts).isdisjoint(seconds)
    return differ[0] if differ and contradict else None


def _misfit_of_numbers(firsts: Sequence[str], seconds: Sequence[str]) -> int | None:
    """Return the first pair whose numbers contradict the order, among those that are named alike."""
    alike = defaultdict(list)
    for index, names in enumerate(zip(firsts, seconds, strict=True)):
        alike[tuple(re.sub(r"\d+", "#", name) for name in names)].append(index)
    for members in alike.values():
        sides = [
            list(zip(*([int(n) for n in re.findall(r"\d+", names[i])] for i in members), strict=True))
            for names in (firsts, seconds)
        ]
        keys = list(_keys(*sides))
        if any(a == b and len({*a}) == len(a) for a, b in keys):
            continue
        for key in keys:
            misfit = _misfit(*key)
            if misfit is not None:
                return members[misfit]
    return None


Column = Sequence[object]  # a number of each name, or all of its numbers


def _keys(firsts: list[tuple[int, ...]], seconds: list[tuple[int, ...]]) -> Iterator[tuple[Column, Column]]:
    """Yield what tells the pairs apart on both sides: all of their numbers, and each that counts them."""
    if len(firsts) == len(seconds):
        columns = [(a, b) for a, b in zip(firsts, seconds, strict=True) if len({*a}) > 1 or len({*b}) > 1]
    else:
        varying = [[column for column in side if len({*column}) > 1] for side in (firsts, seconds)]
        columns = list(zip(*varying, strict=True)) if len(varying[0]) == len(varying[1]) else []
    if columns:
        yield tuple(list(zip(*side, strict=True)) for side in zip(*columns, strict=True))  # type: ignore[misc]
    yield from (column for column in columns if all(map(_counts, column)))


def _is_time(key: object) -> bool:
    """Whether a name or number, or each of several numbers, is that of a clock: of ten digits at least."""
    numbers = key if isinstance(key, tuple) else (key,)
    return all(len(str(number)) >= 10 and str(number).isdigit() for number in numbers)


def _counts(column: tuple[int, ...]) -> bool:
    """Whether numbers count the names of a side, with gaps: no two are the same and few are left out."""
    return len({*column}) == len(column) and max(column) - min(column) < 2 * len(column) + 2
