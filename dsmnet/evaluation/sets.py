"""Which of the data sets to evaluate on are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import Dataset, Subset

from dsmnet.errors import UserError
from dsmnet.protocols import StereoSample

_DEFAULT_TABLE = "cross_domain"  # of conf/evaluate.yaml
_HELD_BACK = 32  # images, as in conf/eval/synthetic.yaml


class FoundSets(NamedTuple):
    """Data sets by name, and those that are not there: name and the folder where each would lie."""

    present: dict[str, Dataset[StereoSample]]
    missing: dict[str, str]


def find_sets(nodes: Mapping[str, Any], build: Callable[[Any], Any]) -> FoundSets:
    """Build the data sets whose folder exists.

    Only a folder that is absent makes a set "missing". One that is there but empty, half copied or broken is
    an error, lest a table silently lack what the user meant to measure.

    Args:
        nodes: configuration of each set by name; ``root`` is its folder, absent for sets without files.
        build: makes a data set from such a node (`dsmnet.config.instantiate`).

    Raises:
        DataError: a folder is there, but not with what it should hold.
    """
    found = FoundSets({}, {})
    for name, node in nodes.items():
        root = node.get("root")
        if root is not None and not Path(root).is_dir():
            found.missing[name] = str(root)
        else:
            found.present[name] = build(node)
    return found


def only_set(cfg: Any) -> dict[str, Any]:
    """Return what takes the place of ``cfg.eval`` for an evaluation on ``cfg.dataset`` alone.

    Of a set without files, a generator or a mixture, that is what is held back from training.

    Args:
        cfg: with ``dataset``, and with ``choices``: which file each group was taken from.

    Raises:
        UserError: a table of several sets is asked for too, or pairs without truth are.
    """
    name, node = cfg.choices.dataset, cfg.dataset
    if cfg.choices.eval != _DEFAULT_TABLE:
        raise UserError(
            f"dataset={name} eval={cfg.choices.eval}: expected one of the two, a set or a table of sets"
        )
    if not node.get("require_truth", True):
        raise UserError(
            f"dataset={name} dataset.require_truth=false: an evaluation needs ground truth; expected true"
        )
    if "require_truth" not in node:
        node = {"_target_": "dsmnet.evaluation.HeldBack", "dataset": node, "images": _HELD_BACK}
    return {"sets": {name: node}, "fallback": None}


class HeldBack(Subset[StereoSample]):
    """The first images of the part of a data set that is kept for validation.

    Args:
        dataset: with ``split_validation() -> (train, validation)``.
        images: how many at most.
    """

    def __init__(self, dataset: Any, images: int) -> None:
        if images < 1:
            raise UserError(f"images={images}: expected at least 1")
        self.name = dataset.name
        validation = dataset.split_validation()[1]
        super().__init__(validation, range(min(images, len(validation))))
