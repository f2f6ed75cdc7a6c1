"""WMGStereo: rooms, flying objects and landscapes that Infinigen builds by rules, with dense disparity."""

from __future__ import annotations

from collections.abc import Sequence

from dsmnet.datasets.base import About, StereoDataset, choose_some
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.infinigen_cameras import INFINIGEN_CAMERAS
from dsmnet.io.npy import NPY

KINDS = ("indoor", "flying", "nature")


class WmgStereo(StereoDataset):
    """WMGStereo-150k, first called Infinigen-Stereo (Yan, Raistrick, Deng, CVPR 2026).

    The masks of the sky and of what the right view does not see are not read: nothing published says how they
    are stored. The tree is that of the authors' readme, the form of disparity as WAFT-Stereo reads it. The
    validation split has whole scenes.
    """

    name = "wmgstereo"
    about = About(
        "https://huggingface.co/datasets/princeton-vl/WMGStereo",
        "BSD-3-Clause",
        "Yan, Raistrick, Deng, CVPR 2026",
        download="the archives of a kind. Unpack each into the folder of its kind.",
    )

    @staticmethod
    def tree(kinds: Sequence[str] = KINDS) -> Tree:
        """Return patterns and codecs."""
        layouts = tuple(_layout(kind) for kind in choose_some("kinds", kinds, KINDS))
        return Tree(layouts, NPY, calibration=INFINIGEN_CAMERAS)

    def _scene(self, pair: Pair) -> str:
        return str(pair.left.parents[3])


def _layout(kind: str) -> Layout:
    # Infinigen's suffix: number of the rig, of the drawing anew, of the frame, of the camera.
    folder, suffix = f"{kind}/{{scene}}/frames", "{rig}_{resample}_{frame}"
    return Layout(
        name=f"{kind}_{{scene}}_{suffix}",
        left=f"{folder}/Image/camera_0/Image_{suffix}_0.png",
        right=f"{folder}/Image/camera_1/Image_{suffix}_1.png",
        disparity=(f"{folder}/disparity/camera_0/disparity_{suffix}_0.npy",),
        calibration=f"{folder}/camview/camera_0/camview_{suffix}_0.npz",
    )
