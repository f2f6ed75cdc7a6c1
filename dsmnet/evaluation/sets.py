"""The data sets to evaluate on, as far as they are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import Dataset, Subset

from dsmnet.datasets.base import PairDataset, StereoDataset
from dsmnet.errors import DataError, UserError, count
from dsmnet.options import check_whole
from dsmnet.types import StereoSample

log = logging.getLogger(__name__)

_DEFAULT_TABLE = "cross_domain"  # of conf/evaluate.yaml
_VALIDATION = 32  # images, as in conf/eval/synthetic.yaml


class FoundSets(NamedTuple):
    """Data sets to evaluate on.

    Args:
        present: Data sets by name.
        missing: Folder where each of the others would lie, by name.
        trained_on: Number of pairs that were left out since the network was trained on them, by name.
    """

    present: dict[str, Dataset[StereoSample]]
    missing: dict[str, str]
    trained_on: dict[str, int] = {}  # noqa: RUF012  (of a tuple, which is never changed)


def leave_out_trained(found: FoundSets, train_part: Any) -> FoundSets:
    """Leave out the pairs that a network was trained on, by their files or their names in a published set.

    Args:
        found: Data sets to evaluate on.
        train_part: Data set, part of one or mixture that was trained on.

    Returns:
        The sets without those pairs; one that has no other pair is gone.
    """
    known = {key for keys, _ in _pairs(train_part) for key in keys}
    present, trained_on = {}, {}
    for name, dataset in found.present.items():
        pairs = _pairs(dataset)
        kept = [index for keys, index in pairs if not keys & known]
        if len(kept) == len(pairs):
            present[name] = dataset
            continue
        trained_on[name] = len(pairs) - len(kept)
        log.warning(
            "%s: %d of %d pairs are left out of the table, they were trained on",
            *(name, trained_on[name], len(pairs)),
        )
        if kept:
            present[name] = Subset(dataset, kept)
    return FoundSets(present, found.missing, trained_on)


def _pairs(dataset: Any) -> list[tuple[set[object], int]]:
    """Return keys that tell the pairs of a data set from others, with their indices; none of a generator."""
    if isinstance(dataset, PairDataset):
        published = isinstance(dataset, StereoDataset)  # whose pairs have the same names in any copy and size
        return [
            ({pair.left.absolute()} | ({(dataset.name, pair.name)} if published else set()), index)
            for index, pair in enumerate(dataset.pairs)
        ]
    if hasattr(dataset, "indices"):
        whole = dataset.parent if hasattr(dataset, "parent") else dataset.dataset
        keys = {index: keys for keys, index in _pairs(whole)}
        return [(keys[item], index) for index, item in enumerate(dataset.indices) if item in keys]
    parts = getattr(dataset, "parts", {})
    return [entry for part in parts.values() for entry in _pairs(part)]


def find_sets(nodes: Mapping[str, Any], build: Callable[[Any], Any]) -> FoundSets:
    """Build the data sets whose folder exists.

    Only a folder that is absent makes a set "missing". One that is there but empty, half copied or broken is
    an error, lest a table silently lack what the user meant to measure.

    Args:
        nodes: Configuration of each set by name; ``root`` is its folder, absent for sets without files.
        build: Makes a data set from such a node (`dsmnet.config.instantiate`).

    Raises:
        DataError: A folder is there, but not with what it should hold.
    """
    found = FoundSets({}, {})
    for name, node in nodes.items():
        root = node.get("root")
        if root is not None and not Path(root).is_dir():
            found.missing[name] = str(root)
        else:
            found.present[name] = build(node)
    return found


def choose_sets(cfg: Any, build: Callable[[Any], Any], *, brief: bool = False) -> FoundSets:
    """Find the sets of ``cfg.eval.sets``; where there is none, take ``cfg.eval.fallback`` and say so.

    Args:
        cfg: Configuration with ``eval``.
        build: Makes an object of a configuration node (`dsmnet.config.instantiate`).
        brief: Say on one line what is there, instead of one for each set.

    Raises:
        DataError: No set is there and the configuration names no fallback, or a set is broken.
        UserError: The configuration names no set.
    """
    if not cfg.eval.sets:
        raise UserError("eval.sets is empty: expected at least one data set, as in eval=cross_domain")
    with _quiet("dsmnet.datasets") if brief else nullcontext():
        found = find_sets(cfg.eval.sets, build)
    if found.present:
        if brief:
            sizes = {name: len(dataset) for name, dataset in found.present.items()}  # type: ignore[arg-type]
            there = ", ".join(f"{name} ({count(size, 'pair')})" for name, size in sizes.items())
            log.info("evaluation on %s; not there: %s", there, ", ".join(found.missing) or "none")
        return found
    places = ", ".join(f"{name} in {folder}" for name, folder in found.missing.items())
    fallback = cfg.eval.get("fallback")
    if not fallback:
        raise DataError(f"no data set to evaluate on; expected {places} (set paths.data or DSMNET_DATA)")
    log.warning(
        "No real data set found, so the table is on scenes of the validation split (%s). "
        "With paths.data=DIR or DSMNET_DATA=DIR real ones are used: %s",
        ", ".join(fallback),
        places,
    )
    return FoundSets({name: build(node) for name, node in fallback.items()}, found.missing)


def only_set(cfg: Any, endless: bool) -> dict[str, Any]:
    """Return what takes the place of ``cfg.eval`` for an evaluation on ``cfg.dataset`` alone.

    Of an endless set, a generator or a mixture, that is the validation split.

    Args:
        cfg: Configuration with ``dataset``, and with ``choices``: the file that each group was taken from.
        endless: Whether the data set is endless.

    Raises:
        UserError: A table of several sets is asked for too, or pairs without ground truth are.
    """
    name, node = cfg.choices.dataset, cfg.dataset
    if cfg.choices.eval != _DEFAULT_TABLE:
        raise UserError(
            f"dataset={name} eval={cfg.choices.eval}: expected one of the two, a set or a table of sets"
        )
    if not node.get("require_ground_truth", True):
        raise UserError(
            f"dataset={name} dataset.require_ground_truth=false: an evaluation needs it; expected true"
        )
    if endless:
        node = {"_target_": "dsmnet.evaluation.ValidationSplit", "dataset": node, "images": _VALIDATION}
    return {"sets": {name: node}, "fallback": None}


class ValidationSplit(Subset[StereoSample]):
    """First images of the validation split of a data set.

    Args:
        dataset: Data set with ``split_validation() -> (train, validation)``.
        images: Number of images at most.

    Raises:
        UserError: `images` is no whole number of at least 1.
    """

    def __init__(self, dataset: Any, images: int) -> None:
        check_whole("images", images)
        self.name = dataset.name
        validation = dataset.split_validation()[1]
        super().__init__(validation, range(min(images, len(validation))))


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let only warnings of a part of the package be logged meanwhile."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
