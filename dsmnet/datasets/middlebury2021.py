"""Middlebury 2021: scenes taken with the camera of a phone on a robot arm."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.calibration import MIDDLEBURY_CALIB
from dsmnet.io.disparity import PFM


class Middlebury2021(StereoDataset):
    """Middlebury 2021 mobile, 24 pairs of 11 scenes (Pan, Sun, Weed, Scharstein, 2021).

    The archive ``all.zip`` begins with ``data/``; the scenes may as well lie in the root itself. The set
    comes without masks of what both views see. The further views under ``ambient/`` are not read.
    """

    name = "middlebury2021"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2021/",
        "free for research, cite the authors",
        "Pan, Sun, Weed, Scharstein, 2021, without a paper",
        pairs=24,
        size="1920x1080",
        download="`all.zip`",
    )

    @staticmethod
    def tree() -> Tree:
        """Return patterns and codecs."""
        layouts = (
            Layout(
                name="{scene}",
                left=f"{folder}{{scene}}/im0.png",
                right=f"{folder}{{scene}}/im1.png",
                disparity=(f"{folder}{{scene}}/disp0.pfm",),
                right_disparity=f"{folder}{{scene}}/disp1.pfm",
                calibration=f"{folder}{{scene}}/calib.txt",
            )
            for folder in ("data/", "")
        )
        return Tree(tuple(layouts), PFM, calibration=MIDDLEBURY_CALIB)
