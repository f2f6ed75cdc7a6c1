"""ETH3D two-view: grey indoor and outdoor scenes of small disparity."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.calibration import MIDDLEBURY_CALIB
from dsmnet.io.disparity import PFM
from dsmnet.io.masks import NOC_MASK
from dsmnet.options import check_choice

_FOLDERS = {"training": ("two_view_training",), "testing": ("two_view_testing", "two_view_test")}


class Eth3d(StereoDataset):
    """ETH3D low-resolution two-view benchmark, 27 training and 20 testing pairs (Schöps et al., CVPR 2017).

    ``two_view_test``, as the archive is called, does as well as ``two_view_testing``.
    """

    name = "eth3d"
    about = About(
        "https://www.eth3d.net/datasets#low-res-two-view",
        "CC BY-NC-SA 4.0",
        "Schöps et al., CVPR 2017",
        pairs={"training": 27, "testing": 20},
        size="about 940x490",
        download="`two_view_training.7z`, `two_view_training_gt.7z`, `two_view_test.7z`. Unpack each "
        "archive into a folder of its own.",
    )

    @staticmethod
    def tree(split: str = "training") -> Tree:
        """Return patterns and codecs."""
        check_choice("split", split, _FOLDERS)
        layouts = (
            Layout(
                name="{scene}",
                left=f"{folder}/{{scene}}/im0.png",
                right=f"{folder}/{{scene}}/im1.png",
                disparity=(f"{folder}_gt/{{scene}}/disp0GT.pfm",),
                noc=f"{folder}_gt/{{scene}}/mask0nocc.png",
                calibration=f"{folder}/{{scene}}/calib.txt",
            )
            for folder in _FOLDERS[split]
        )
        return Tree(tuple(layouts), PFM, NOC_MASK, MIDDLEBURY_CALIB)
