"""InStereo2K: indoor scenes with semi-dense disparity of both views from structured light."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.disparity import png16
from dsmnet.options import check_choice

# The scenes of the training part lie in parts; the archive has 2010 of them, where the authors say 2000.
_SPLITS = {"train": ("train/{part}/{scene}", "{part}_{scene}"), "test": ("test/{scene}", "{scene}")}


class InStereo2K(StereoDataset):
    """InStereo2K, 2,010 training and 50 test pairs (Bao et al., SCIS 2020)."""

    name = "instereo2k"
    about = About(
        "https://github.com/YuhuaXu/StereoDataset",
        "free for non-commercial purposes",
        "Bao et al., Science China Information Sciences 2020",
        pairs={"train": 2010, "test": 50},
        size="1080x860",
        download="train and test archives. Unpack the parts of the training set into `train/`.",
    )
    splits = ("train", "test")

    @staticmethod
    def tree(split: str = "train") -> Tree:
        """Return patterns and codecs."""
        folder, name = _SPLITS[check_choice("split", split, _SPLITS)]
        layout = Layout(
            name=name,
            left=f"{folder}/left.png",
            right=f"{folder}/right.png",
            disparity=(f"{folder}/left_disp.png",),
            right_disparity=f"{folder}/right_disp.png",
        )
        return Tree((layout,), png16(100))
