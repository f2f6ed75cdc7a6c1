"""The data sets to evaluate on, as far as they are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import Dataset, Subset

from dsmnet.datasets.base import PairDataset, StereoDataset
from dsmnet.datasets.shards import Shards
from dsmnet.errors import DataError, UserError, count
from dsmnet.options import check_whole
from dsmnet.types import StereoSample

log = logging.getLogger(__name__)

_DEFAULT_TABLE = "cross_domain"  # of conf/evaluate.yaml
_VALIDATION = 32  # images, as in conf/eval/synthetic.yaml


class FoundSets(NamedTuple):
    """Data sets to evaluate on, by name."""

    present: dict[str, Dataset[StereoSample]]
    missing: dict[str, str]  # the folders where they would lie
    trained_on: dict[str, int] = {}  # noqa: RUF012  (of a tuple, which is never changed)


def leave_out_trained(found: FoundSets, train_part: Any) -> FoundSets:
    """Leave out the pairs that a network was trained on, and so a set that has no other.

    `train_part` is a data set, part of one or mixture. Pairs are told by their files, and by their names in a
    published set.
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
    if isinstance(dataset, Shards):
        return [({entry}, index) for index, entry in enumerate(dataset.names())]
    if hasattr(dataset, "indices"):
        keys = {index: keys for keys, index in _pairs(dataset.dataset)}
        return [(keys[item], index) for index, item in enumerate(dataset.indices) if item in keys]
    parts = getattr(dataset, "parts", {})
    return [entry for part in parts.values() for entry in _pairs(part)]


def find_sets(nodes: Mapping[str, Any], build: Callable[[Any], Any]) -> FoundSets:
    """Build the data sets whose folder (``root`` of a node, absent for sets without files) exists.

    Only a folder that is absent makes a set "missing". One that is there but empty, half copied or broken is
    a DataError, lest a table silently lack what the user meant to measure.
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

    With `brief` one line says what is there, instead of one for each set. A DataError says that there is
    neither a set nor a fallback, or that a set is broken.
    """
    if not cfg.eval.sets:
        raise UserError("eval.sets is empty: expected at least one data set, as in eval=cross_domain")
    with _quiet("dsmnet.datasets") if brief else nullcontext():
        found = find_sets(cfg.eval.sets, build)
    if found.present:
        if brief:
            there = ", ".join(f"{name} ({count(len(s), 'pair')})" for name, s in found.present.items())  # type: ignore[arg-type]
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

    Of an endless set, a generator or a mixture, that is the validation split. A table of several sets beside
    it, or pairs without ground truth, are a UserError.
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
    """First images, at most so many, of a data set's ``split_validation() -> (train, validation)``."""

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
