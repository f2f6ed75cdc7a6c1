"""Which image files make pairs, and what their results are called."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dsmnet.errors import DataError, UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".webp")
CALIBRATION_SUFFIXES = (".txt",)
RESULT_SUFFIXES = (".pfm", ".png", "_colour.png", "_confidence.png", ".ply")


class PairFiles(NamedTuple):
    """A pair on disk, and the name that its results get."""

    name: str
    left: Path
    right: Path
    calibration: Path | None = None
    frame: int | None = None  # of two videos, counted from 1


def pair_files(
    left: str | Sequence[str], right: str | Sequence[str], calib: str | Sequence[str] | None = None
) -> list[PairFiles]:
    """Pair the images of two files, two folders, two globs or two lists, in sorted order.

    Args:
        left: the left view(s).
        right: the right view(s), as many.
        calib: one calibration file for all, or one for each pair; None for no calibration.

    Raises:
        DataError: nothing is there under one of them.
        UserError: they do not hold equally many files, or the names say that the order pairs the wrong ones.
    """
    lefts = find_files(left, "left")
    rights = find_files(right, "right")
    if len(lefts) != len(rights):
        raise UserError(
            f"left={left} holds {len(lefts)} images and right={right} {len(rights)}: expected equally many"
        )
    _check_names(lefts, rights)
    calibrations: list[Path | None] = [None] * len(lefts)
    if calib is not None:
        found = find_files(calib, "calib", CALIBRATION_SUFFIXES)
        if len(found) not in (1, len(lefts)):
            raise UserError(
                f"calib={calib} holds {len(found)} files for {len(lefts)} pairs: expected one, or one each"
            )
        calibrations = [*found] * (len(lefts) if len(found) == 1 else 1)
    names = unique_names(lefts)
    return [PairFiles(*entry) for entry in zip(names, lefts, rights, calibrations, strict=True)]


def find_files(
    where: str | Sequence[str], option: str, suffixes: tuple[str, ...] = IMAGE_SUFFIXES
) -> list[Path]:
    """Return the files that an option names: a file, a folder's images, a glob's matches, or a list of files.

    Args:
        where: the option's value; ``**`` in a glob goes through folders at any depth.
        option: its name, for messages.
        suffixes: of the files that are taken from a folder.

    Raises:
        DataError: there is nothing.
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


def _check_names(lefts: Sequence[Path], rights: Sequence[Path]) -> None:
    """Refuse a pairing that names contradict: some are the same on both sides, but not all."""
    if len(lefts) < 2:
        return
    for kind in ("stem", "folder"):
        names = [
            [path.stem if kind == "stem" else path.parent.name for path in paths] for paths in (lefts, rights)
        ]
        common = set(names[0]) & set(names[1])
        for left, right, a, b in zip(lefts, rights, *names, strict=True):
            if common and a != b:
                raise UserError(
                    f"in sorted order {left} would be paired with {right}, but their names say otherwise: "
                    "expected the same scenes on both sides"
                )
