"""The same files read by torchvision and by this package, pair by pair.

torchvision's readers expect folders of their own, so links to the files are laid out in that form. Both sides
then read the files that torchvision reads, and no others. Where it insists on one that a set does not have,
both get a substitute: the left disparity for the right one, a mask of all known pixels for that of ETH3D.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.tree import Layout, Pair
from dsmnet.errors import DataError
from dsmnet.io.disparity import read_disparity
from dsmnet.io.masks import NOC_MASK

READERS_INSTALLED = importlib.util.find_spec("torchvision") is not None


def _layout(folder: str, left: str, right: str, disparity: str, **others: str) -> Layout:
    """Return the places of the files of pair number {pair}, below the root of a reader."""
    paths = {name: f"{folder}/{path}" for name, path in others.items()}
    return Layout("{pair}", f"{folder}/{left}", f"{folder}/{right}", (f"{folder}/{disparity}",), **paths)


# Name of the reader in torchvision.datasets, and where it looks for files.
_READERS = {
    "kitti2012": (
        "Kitti2012Stereo",
        _layout(
            *("Kitti2012/training", "colored_0/{pair}_10.png", "colored_1/{pair}_10.png"),
            "disp_noc/{pair}.png",
        ),
    ),
    "kitti2015": (
        "Kitti2015Stereo",
        _layout(
            *("Kitti2015/training", "image_2/{pair}.png", "image_3/{pair}.png", "disp_occ_0/{pair}.png"),
            right_disparity="disp_occ_1/{pair}.png",
        ),
    ),
    "sceneflow": (
        "SceneFlowStereo",
        _layout(
            "SceneFlow/FlyingThings3D",
            "frames_finalpass/TRAIN/A/{pair}/left/0006.png",
            "frames_finalpass/TRAIN/A/{pair}/right/0006.png",
            "disparity/TRAIN/A/{pair}/left/0006.pfm",
            right_disparity="disparity/TRAIN/A/{pair}/right/0006.pfm",
        ),
    ),
    "middlebury": (
        "Middlebury2014Stereo",
        _layout(
            "Middlebury2014/train/Adirondack{pair}-perfect",  # it knows the scenes by name
            *("im0.png", "im1.png", "disp0.pfm"),
            right_disparity="disp1.pfm",
        ),
    ),
    "eth3d": (
        "ETH3DStereo",
        _layout(
            *("ETH3D", "two_view_training/{pair}/im0.png", "two_view_training/{pair}/im1.png"),
            "two_view_training_gt/{pair}/disp0GT.pfm",
            noc="two_view_training_gt/{pair}/mask0nocc.png",
        ),
    ),
}


class SameFiles(NamedTuple):
    """One data set read by both sides."""

    ours: StereoDataset
    theirs: Any  # a reader of torchvision; see `read`

    def read(self, index: int) -> tuple[Any, ...]:
        """Read a pair with torchvision: left, right, disparity, mask. It puts off decoding, this does not."""
        left, right, *others = self.theirs[index]
        return (np.asarray(left), np.asarray(right), *others)


def same_files(dataset: StereoDataset, folder: Path) -> SameFiles | None:
    """Return both readers of the files of a data set; None where torchvision has none or is not installed.

    Args:
        dataset: Data set, all of whose pairs have ground truth.
        folder: Empty folder, for links.

    Raises:
        DataError: A pair has no ground truth.
    """
    if dataset.name not in _READERS or not READERS_INSTALLED:
        return None
    name, layout = _READERS[dataset.name]
    ours = copy.copy(dataset)
    ours.pairs = [_link(pair, index, layout, folder) for index, pair in enumerate(dataset.pairs)]
    options = {"pass_name": "final"} if dataset.name == "sceneflow" else {}
    reader = getattr(importlib.import_module("torchvision.datasets"), name)
    return SameFiles(ours, reader(folder, **options))


def _link(pair: Pair, index: int, layout: Layout, folder: Path) -> Pair:
    """Link the files of a pair into the other form; return the pair with those files only that both read."""
    if pair.disparity is None:
        raise DataError(
            f"{pair.name}: torchvision reads no pair without ground truth; use require_ground_truth=true"
        )
    paths = {part: folder / path for part, path in layout.paths({"pair": f"{index:06d}"}).items()}
    files: dict[str, Path] = {part: getattr(pair, part) or pair.disparity for part in paths}
    if "noc" in paths and pair.noc is None:
        files["noc"] = folder / "masks" / f"{index:06d}.png"
        disparity = read_disparity(pair.disparity)
        NOC_MASK.write(files["noc"], disparity, disparity > 0)
    for part, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(files[part].resolve())
    return Pair(pair.name, **files)
