"""Middlebury 2006: indoor scenes with dense disparity of both views in 8-bit images."""

from __future__ import annotations

from typing import ClassVar

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.disparity import eight_bits, png8
from dsmnet.options import check_choice

_SCALES = {"FullSize": 1, "HalfSize": 2, "ThirdSize": 3}  # stored value of one pixel of disparity
_VIEWS = {"default": ("{scene}", ""), "lights": ("{scene}_{light}_{exposure}", "/{light}/{exposure}")}
_LIGHTS = 9  # three lights, each with three exposures


class Middlebury2006(StereoDataset):
    """Middlebury 2006, 21 scenes of which views 1 and 5 are used (Hirschmüller, Scharstein, CVPR 2007).

    The set says nothing of occlusion, so samples have no ``noc``.
    Their calibration holds one thing, a bound on what an 8-bit image can store.
    """

    name = "middlebury2006"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2006/",
        "free for research, cite the paper",
        "Hirschmüller, Scharstein, CVPR 2007",
        size="about 1300x1110, half, third",
        download="the two-view archive of a size. The scale of an 8-bit disparity follows from the size "
        "of the views, so each size lies in a folder of its own.",
    )
    scenes: ClassVar[int] = 21  # with published disparity

    @classmethod
    def published(cls, resolution: str = "ThirdSize", views: str = "default") -> int:
        """Return the number of pairs with ground truth."""
        return cls.scenes * (_LIGHTS if views == "lights" else 1)

    @staticmethod
    def tree(resolution: str = "ThirdSize", views: str = "default") -> Tree:
        """Return patterns and codecs."""
        scale = _SCALES[check_choice("resolution", resolution, _SCALES)]
        name, folder = _VIEWS[check_choice("views", views, _VIEWS)]
        scene = f"{resolution}/{{scene}}"
        layout = Layout(
            name=name,
            left=f"{scene}{folder}/view1.png",
            right=f"{scene}{folder}/view5.png",
            disparity=(f"{scene}/disp1.png",),
            right_disparity=f"{scene}/disp5.png",
        )
        return Tree((layout,), png8(scale), rig=eight_bits(scale))
