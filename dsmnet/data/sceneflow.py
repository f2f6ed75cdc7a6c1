"""SceneFlow: rendered pairs with dense disparity of both views (FlyingThings3D, Driving, Monkaa)."""

from __future__ import annotations

import logging
from pathlib import Path

from torch.utils.data import Dataset

from dsmnet.data.base import About, StereoDataset, choose
from dsmnet.data.formats.disparity import PFM
from dsmnet.data.tree import Layout, Tree
from dsmnet.protocols import StereoSample

log = logging.getLogger(__name__)

_SPLITS = ("TRAIN", "TEST")
_PASSES = {"clean": ("cleanpass",), "final": ("finalpass",), "both": ("cleanpass", "finalpass")}
# Folders between the pass and left/ or right/; Driving and Monkaa belong to the training part.
_SUBSETS = {
    "TRAIN": {
        "FlyingThings3D": "TRAIN/{letter}/{sequence}",
        "Driving": "{lens}/{direction}/{speed}",
        "Monkaa": "{scene}",
    },
    "TEST": {"FlyingThings3D": "TEST/{letter}/{sequence}"},
}


class SceneFlow(StereoDataset):
    """SceneFlow, 35,454 training and 4,370 test pairs per pass (Mayer et al., CVPR 2016).

    ::

        SceneFlow/
            FlyingThings3D/frames_{cleanpass,finalpass}/{TRAIN,TEST}/{A,B,C}/0000/{left,right}/0006.png
                           disparity/{TRAIN,TEST}/{A,B,C}/0000/{left,right}/0006.pfm
            Driving/frames_{cleanpass,finalpass}/15mm_focallength/scene_forwards/fast/{left,right}/0001.png
                    disparity/15mm_focallength/scene_forwards/fast/{left,right}/0001.pfm
            Monkaa/frames_{cleanpass,finalpass}/a_rain_of_stones_x2/{left,right}/0000.png
                   disparity/a_rain_of_stones_x2/{left,right}/0000.pfm

    Of the three sets and two passes, what is there is used.

    Args:
        root: Folder that holds FlyingThings3D/, Driving/, Monkaa/, or some of them.
        split: ``TRAIN`` or ``TEST``.
        passes: ``clean``, ``final`` (with motion blur and defocus) or ``both``, each giving pairs of its own.
        require_truth: Leave out pairs without a disparity map.
        subset: Only the pairs that a list names, see `dsmnet.data.subsets`.
    """

    name = "sceneflow"
    about = About(
        "https://lmb.informatik.uni-freiburg.de/resources/datasets/SceneFlowDatasets.en.html",
        "non-commercial research",
        "Mayer et al., CVPR 2016",
    )

    def __init__(
        self,
        root: str | Path,
        split: str = "TRAIN",
        passes: str = "both",
        require_truth: bool = True,
        subset: str | Path | None = None,
    ) -> None:
        super().__init__(root, self.tree(split, passes), require_truth, subset)
        self.split = split
        self.passes = passes
        self.require_truth = require_truth

    @staticmethod
    def tree(split: str = "TRAIN", passes: str = "both") -> Tree:
        """Return patterns and codecs."""
        choose("split", split, _SPLITS)
        chosen = _PASSES[choose("passes", passes, tuple(_PASSES))]
        layouts = [
            _layout(subset, folders, name) for subset, folders in _SUBSETS[split].items() for name in chosen
        ]
        return Tree(tuple(layouts), PFM)

    def split_validation(self) -> tuple[Dataset[StereoSample], Dataset[StereoSample]]:
        """Return the TRAIN and the TEST part; without a TEST part, every fifth pair is held back."""
        if self.split == "TRAIN":
            found = self.tree("TEST", self.passes).find(self.root)
            if any(pair.disparity for pair in found):
                return self, SceneFlow(self.root, "TEST", self.passes, self.require_truth)
            log.info("sceneflow: no TEST part with truth, so every fifth pair of TRAIN is held back")
        return super().split_validation()


def _layout(subset: str, folders: str, render_pass: str) -> Layout:
    parts = folders.replace("/", "_")
    frames, disparity = f"{subset}/frames_{render_pass}/{folders}", f"{subset}/disparity/{folders}"
    return Layout(
        name=f"{subset}_{render_pass}_{parts}_{{frame}}",
        left=f"{frames}/left/{{frame}}.png",
        right=f"{frames}/right/{{frame}}.png",
        disparity=(f"{disparity}/left/{{frame}}.pfm",),
        right_disparity=f"{disparity}/right/{{frame}}.pfm",
    )
