"""Middlebury 2003: Cones and Teddy, the first scenes measured by structured light."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.disparity import eight_bits, png8
from dsmnet.options import check_choice

_SCALES = {"FullSize": 1, "HalfSize": 2, "QuarterSize": 4}  # stored value of one pixel of disparity


class Middlebury2003(StereoDataset):
    """Middlebury 2003, 2 scenes of which views 2 and 6 are used (Scharstein, Szeliski, CVPR 2003).

    The archives come as PNG or as PPM and PGM, and both are read. Unpack each into the folder of its size,
    since the scale of the disparity cannot be told from the files. The set says nothing of occlusion.
    """

    name = "middlebury2003"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2003/",
        "free for research, cite the paper",
        "Scharstein, Szeliski, CVPR 2003",
        pairs=2,
        size="1800x1500, half, quarter",
        download="a scene and size an archive. The scale of an 8-bit disparity follows from the size of "
        "the views, so each size lies in a folder of its own.",
    )

    @staticmethod
    def tree(resolution: str = "QuarterSize") -> Tree:
        """Return patterns and codecs."""
        scale = _SCALES[check_choice("resolution", resolution, _SCALES)]
        layouts = (
            Layout(
                name="{scene}",
                left=f"{resolution}/{{scene}}/im2.{view}",
                right=f"{resolution}/{{scene}}/im6.{view}",
                disparity=(f"{resolution}/{{scene}}/disp2.{target}",),
                right_disparity=f"{resolution}/{{scene}}/disp6.{target}",
            )
            for view, target in (("png", "png"), ("ppm", "pgm"))
        )
        return Tree(tuple(layouts), png8(scale), rig=eight_bits(scale))
