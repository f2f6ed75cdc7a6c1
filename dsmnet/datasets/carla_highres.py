"""High-res virtual stereo (HR-VS): street scenes of the CARLA simulator at five megapixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.disparity import DisparityCodec, known_disparity, write_disparity_pfm
from dsmnet.io.pfm import read_pfm
from dsmnet.types import DisparityMap


class CarlaHighRes(StereoDataset):
    """HR-VS, 780 pairs (Yang, Manela, Happold, Ramanan, CVPR 2019)."""

    name = "carla_highres"
    about = About(
        "https://github.com/gengshan-y/high-res-stereo",
        "none stated for the data; the repository that offers it: MIT",
        "Yang, Manela, Happold, Ramanan, CVPR 2019",
        pairs=780,
        size="2464x2056",
        download="the archive called HR-VS. The archive begins with `carla-highres/`.",
    )

    @staticmethod
    def tree() -> Tree:
        """Return patterns and codecs."""
        layout = Layout(
            name="{scene}",
            left="trainingF/{scene}/im0.png",
            right="trainingF/{scene}/im1.png",
            disparity=("trainingF/{scene}/disp0GT.pfm",),
            right_disparity="trainingF/{scene}/disp1GT.pfm",
        )
        return Tree((layout,), DisparityCodec(_read_magnitude, write_disparity_pfm))


def _read_magnitude(path: Path) -> DisparityMap:
    """Return the disparity whatever its sign: other readers of this set take the magnitude too."""
    return known_disparity(np.abs(read_pfm(path)), path)
