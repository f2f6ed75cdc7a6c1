"""Virtual KITTI 2: rendered street scenes, five of KITTI's and variations of them, with dense depth."""

from __future__ import annotations

from collections.abc import Sequence

from dsmnet.datasets.base import About, StereoDataset, choose_some
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.depth import depth_codec, depth_png16
from dsmnet.options import check_choice
from dsmnet.types import Calibration

VARIATIONS = (
    "15-deg-left",
    "15-deg-right",
    "30-deg-left",
    "30-deg-right",
    "clone",
    "fog",
    "morning",
    "overcast",
    "rain",
    "sunset",
)
_RIG = Calibration(focal=725.0087, baseline=0.532725, cx=620.5, cy=187.0)
_ARCHIVES = {"together": ("", ""), "apart": ("vkitti_2.0.3_rgb/", "vkitti_2.0.3_depth/")}


class VirtualKitti2(StereoDataset):
    """Virtual KITTI 2, 21,260 pairs: 2,126 in each of ten variations (Cabon, Murray, Humenberger, 2020).

    The scenes are 01, 02, 06, 18 and 20. What is 655.35 m away or more, the sky, counts as unknown. With
    ``archives=apart`` the two archives lie in folders of their own, ``vkitti_2.0.3_rgb/Scene01`` and so on.
    """

    name = "vkitti2"
    about = About(
        "https://europe.naverlabs.com/proxy-virtual-worlds-vkitti-2/",
        "CC BY-NC-SA 3.0",
        "Cabon, Murray, Humenberger, arXiv:2001.10773, 2020",
        pairs=dict.fromkeys(VARIATIONS, 2126),
        size="1242x375",
        download="`vkitti_2.0.3_rgb.tar`, `vkitti_2.0.3_depth.tar`. Unpack both archives into one "
        "folder, or set `dataset.archives=apart`.",
    )

    @staticmethod
    def tree(variations: Sequence[str] = VARIATIONS, archives: str = "together") -> Tree:
        """Return patterns and codecs.

        Args:
            variations: Some of `VARIATIONS`: ``clone`` is as in KITTI, others turn the camera or change the
                weather.
            archives: ``together``, unpacked into one folder, or ``apart``.
        """
        rgb, depth = _ARCHIVES[check_choice("archives", archives, _ARCHIVES)]
        layouts = []
        for variation in choose_some("variations", variations, VARIATIONS):
            frames = f"{{scene}}/{variation}/frames"
            layouts.append(
                Layout(
                    name=f"{{scene}}_{variation}_{{frame}}",
                    left=f"{rgb}{frames}/rgb/Camera_0/rgb_{{frame}}.jpg",
                    right=f"{rgb}{frames}/rgb/Camera_1/rgb_{{frame}}.jpg",
                    disparity=(f"{depth}{frames}/depth/Camera_0/depth_{{frame}}.png",),
                    right_disparity=f"{depth}{frames}/depth/Camera_1/depth_{{frame}}.png",
                )
            )
        return Tree(tuple(layouts), depth_codec(depth_png16(unit=0.01), _RIG), rig=_RIG)
