"""FSD: FoundationStereo's training set, rendered rooms, streets and flying objects with dense disparity."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.rgb24 import disparity_rgb24


class Fsd(StereoDataset):
    """FSD, about a million pairs (Wen et al., CVPR 2025).

    A disparity is a number in three digits to the base of 255, in thousandths of a pixel. Tree and form as in
    the authors' ``scripts/vis_dataset.py`` and as OpenStereo reads them.
    """

    name = "fsd"
    about = About(
        "https://github.com/NVlabs/FoundationStereo",
        "NVIDIA's own, non-commercial research",
        "Wen et al., CVPR 2025",
        size="1280x720",
        download="the folder of the whole set, over 1 TB, or the sample of one scene.",
    )

    @staticmethod
    def tree() -> Tree:
        """Return patterns and codecs."""
        layout = Layout(
            name="{scene}_{frame}",
            left="{scene}/dataset/data/left/rgb/{frame}.jpg",
            right="{scene}/dataset/data/right/rgb/{frame}.jpg",
            disparity=("{scene}/dataset/data/left/disparity/{frame}.png",),
        )
        return Tree((layout,), disparity_rgb24(1000, base=255))
