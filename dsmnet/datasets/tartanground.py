"""TartanGround: walks and drives of robots on the ground through rendered places, with dense depth."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tartanair import RIGS, layout_v2
from dsmnet.datasets.tree import Pair, Tree
from dsmnet.io.depth import DEPTH_FLOAT_PNG, depth_codec


class TartanGround(StereoDataset):
    """TartanGround (Patel et al., 2025): the cameras and files of TartanAir V2.

    Of the cameras to all sides, the two to the front are read. Tree, form of depth and the product of focal
    length and baseline as WAFT-Stereo reads them. The validation split has whole runs of a robot.
    """

    name = "tartanground"
    about = About(
        "https://tartanair.org/tartanground/",
        "CC BY 4.0",
        "Patel et al., 2025",
        size="640x640",
        download="of each place and robot: image and depth of `lcam_front`, image of `rcam_front`. Unpack "
        "all archives into the one folder.",
    )

    @staticmethod
    def tree() -> Tree:
        """Return patterns and codecs."""
        layout = layout_v2("{place}_{robot}_{flight}_{frame}", "{place}/Data_{robot}/{flight}")
        return Tree((layout,), depth_codec(DEPTH_FLOAT_PNG, RIGS["v2"]), rig=RIGS["v2"])

    def _scene(self, pair: Pair) -> str:
        return str(pair.left.parents[1])
