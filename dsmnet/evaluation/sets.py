"""Which of the data sets to evaluate on are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import Dataset, Subset

from dsmnet.errors import UserError
from dsmnet.protocols import StereoSample


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
