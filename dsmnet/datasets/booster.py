"""Booster: transparent and mirroring surfaces under several lights, with dense ground truth."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.masks import NOC_BINARY
from dsmnet.io.npy import NPY
from dsmnet.options import check_choice


class Booster(StereoDataset):
    """Booster, its balanced part: 228 training and 191 test pairs (Zama Ramirez et al., CVPR 2022).

    The views have 12 megapixels. Ground truth and mask belong to all pairs of a scene; to validate, whole
    scenes are taken. The unbalanced part, a pair of two different cameras, is not read.
    """

    name = "booster"
    about = About(
        "https://cvlab-unibo.github.io/booster-web/",
        "CC BY-NC 4.0",
        "Zama Ramirez et al., CVPR 2022",
        pairs={"train": 228, "test": 191},
        size="4112x3008",
        download="train and test archives. Only the balanced part is read.",
    )

    @staticmethod
    def tree(split: str = "train") -> Tree:
        """Return patterns and codecs."""
        folder = check_choice("split", split, ("train", "test")) + "/balanced/{scene}"
        layout = Layout(
            name="{scene}_{light}",
            left=f"{folder}/camera_00/{{light}}.png",
            right=f"{folder}/camera_02/{{light}}.png",
            disparity=(f"{folder}/disp_00.npy",),
            right_disparity=f"{folder}/disp_02.npy",
            noc=f"{folder}/mask_00.png",
        )
        return Tree((layout,), NPY, NOC_BINARY)

    def _scene(self, pair: Pair) -> str:
        return pair.left.parent.parent.name
