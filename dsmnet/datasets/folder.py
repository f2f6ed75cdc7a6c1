"""The user's own pairs: folders or globs of left and right views, with or without disparity."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from dsmnet.datasets.base import PairDataset
from dsmnet.datasets.tree import Pair, Tree, first_names
from dsmnet.errors import DataError, UserError, count
from dsmnet.io.disparity import DisparityCodec
from dsmnet.io.disparity_file import MAP_SUFFIXES, read_map
from dsmnet.io.pairs import check_order, find_files, pair_files, unique_names
from dsmnet.options import check_choice

log = logging.getLogger(__name__)

Where = str | Sequence[str]
_PAIRING = ("order", "name")


class Folder(PairDataset):
    """Pairs of the user's own.

    Args:
        left: Left views: a folder, a glob (``scenes/*/im0.png``), a file, or a list of those.
        right: Right views, likewise.
        disparity: Maps of the left views, likewise, as .pfm, .png or .npy, 0 where unknown; None for no
            ground truth.
        scale: Stored value of one pixel of disparity; None: 256 for a 16-bit .png, 1 for .npy.
        pairing: ``order``: the sorted files belong together one by one, refused where their names contradict;
            ``name``: those of equal names do, whatever the suffix. With ``order`` there are as many maps as
            views; with ``name`` some may be missing.
        require_ground_truth: Leave out pairs without a disparity map.

    Raises:
        UserError: An option is not given, the numbers of files differ, or names do not fit together.
        DataError: A folder is empty or not there, or there is no ground truth where it is required.
    """

    name = "folder"

    def __init__(
        self,
        left: Where | None,
        right: Where | None,
        disparity: Where | None = None,
        scale: float | None = None,
        pairing: str = "order",
        require_ground_truth: bool = True,
    ) -> None:
        if left is None or right is None:
            raise UserError(
                f"dataset.{'left' if left is None else 'right'}: expected a folder, a glob or a list of views"
            )
        if scale is not None and not scale > 0:
            raise UserError(f"scale={scale:g}: expected a positive number")
        by_name = check_choice("pairing", pairing, _PAIRING) == "name"
        found = _by_name(left, right, disparity) if by_name else _in_order(left, right, disparity)
        pairs = sorted(found, key=lambda pair: pair.name)
        target = sum(pair.disparity is not None for pair in pairs)
        if require_ground_truth:
            pairs = _with_ground_truth(pairs)
        read = partial(read_map, scale=scale)
        super().__init__(pairs, Tree((), DisparityCodec(read, _is_not_written, signed=True)))
        pairs_found = count(len(pairs), "pair")
        log.info(
            "%s: %s, %d with ground truth: left=%s right=%s", self.name, pairs_found, target, left, right
        )


def _with_ground_truth(pairs: list[Pair]) -> list[Pair]:
    known = [pair for pair in pairs if pair.disparity]
    if not known:
        raise DataError(
            "dataset.disparity: expected a folder, a glob or a list of disparity maps; with "
            "require_ground_truth=false the pairs are used without"
        )
    if len(known) < len(pairs):
        without = first_names(pair.name for pair in pairs if not pair.disparity)
        log.warning("folder: %d of %d pairs left out, they have no ground truth: %s",
                    len(pairs) - len(known), len(pairs), without)  # fmt: skip
    return known


def _in_order(left: Where, right: Where, disparity: Where | None) -> list[Pair]:
    views = pair_files(left, right)
    maps: Sequence[Path | None] = [None] * len(views)
    if disparity is not None:
        maps = found = find_files(disparity, "disparity", MAP_SUFFIXES)
        if len(found) != len(views):
            raise UserError(
                f"disparity={disparity} holds {len(found)} maps for {len(views)} pairs: expected one each, "
                "or pairing=name, which leaves pairs without ground truth"
            )
        check_order([view.left for view in views], found)
    entries = zip(views, maps, strict=True)
    return [Pair(view.name, view.left, view.right, target) for view, target in entries]


def _by_name(left: Where, right: Where, disparity: Where | None) -> list[Pair]:
    left_files = _keyed(find_files(left, "left"), "left")
    right_files = _keyed(find_files(right, "right"), "right")
    for alone, option, other in (
        (left_files.keys() - right_files.keys(), f"left={left}", f"right={right}"),
        (right_files.keys() - left_files.keys(), f"right={right}", f"left={left}"),
    ):
        if alone:
            raise UserError(
                f"{len(alone)} files of {option} have none of that name in {other}: {first_names(alone)}"
            )
    maps: dict[str, Path] = {}
    if disparity is not None:
        maps = _keyed(find_files(disparity, "disparity", MAP_SUFFIXES), "disparity")
        if not maps.keys() & left_files.keys():
            raise UserError(
                f"disparity={disparity}: no map has the name of a left view; views: "
                f"{first_names(left_files)}; maps: {first_names(maps)}"
            )
    names = unique_names(list(left_files.values()))
    entries = zip(names, left_files.items(), strict=True)
    return [Pair(name, path, right_files[key], maps.get(key)) for name, (key, path) in entries]


def _keyed(paths: Sequence[Path], option: str) -> dict[str, Path]:
    """Return the files by what tells them apart: their path below a common folder, without the suffix.

    Where all are called alike, as in ``scenes/*/im0.png``, it is the path of the folder.
    """
    common = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    alike = len(paths) > 1 and len({path.stem for path in paths}) == 1
    named: dict[str, Path] = {}
    for path in paths:
        below = path.absolute().relative_to(common)
        key = (below.parent if alike else below.with_suffix("")).as_posix()
        if key in named:
            raise UserError(
                f"{option}: {named[key]} and {path} have the same name, so pairing=name is unclear"
            )
        named[key] = path
    return named


def _is_not_written(path: Path, disparity: object) -> NoReturn:
    raise DataError(f"{path}: one's own pairs are read only")
