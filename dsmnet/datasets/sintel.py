"""MPI Sintel stereo: an animated film, with dense disparity and masks of what the right view does not see."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.sintel_disparity import SINTEL_DISPARITY, SINTEL_NOC
from dsmnet.options import check_choice

_PASSES = {"clean": ("clean",), "final": ("final",), "both": ("clean", "final")}


class Sintel(StereoDataset):
    """MPI Sintel stereo training data, 1,064 pairs per pass (Butler et al., ECCV 2012).

    Pixels of neither mask are ``noc``. Disparity 0, infinitely far, counts as unknown.
    """

    name = "sintel"
    about = About(
        "https://sintel.is.tue.mpg.de/stereo",
        "film: CC BY 3.0, Blender Foundation; the data asks to cite the paper",
        "Butler, Wulff, Stanley, Black, ECCV 2012",
        pairs={"clean": 1064, "final": 1064, "both": 2128},
        size="1024x436",
        download="the stereo training data. The archive begins with `training/`.",
    )

    @staticmethod
    def tree(passes: str = "both") -> Tree:
        """Return patterns and codecs.

        Args:
            passes: ``clean``, ``final`` (with motion blur and defocus) or ``both``, each giving pairs of
                its own.
        """
        chosen = _PASSES[check_choice("passes", passes, _PASSES)]
        layouts = tuple(
            Layout(
                name=f"{name}_{{scene}}_{{frame}}",
                left=f"training/{name}_left/{{scene}}/frame_{{frame}}.png",
                right=f"training/{name}_right/{{scene}}/frame_{{frame}}.png",
                disparity=("training/disparities/{scene}/frame_{frame}.png",),
                noc="training/occlusions/{scene}/frame_{frame}.png",
            )
            for name in chosen
        )
        return Tree(layouts, SINTEL_DISPARITY, SINTEL_NOC)
