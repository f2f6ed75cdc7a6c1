"""IRS: homes, offices, restaurants and shops as a robot sees them, rendered, with dense disparity."""

from __future__ import annotations

from collections.abc import Sequence

from dsmnet.datasets.base import About, StereoDataset, choose_some
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.io.exr import EXR
from dsmnet.types import Calibration

_PAIRS = {"Home": 31_145, "Office": 43_417, "Restaurant": 22_058, "Store": 6_696}
_RIG = Calibration(focal=480.0, baseline=0.1, cx=480.0, cy=270.0)


class Irs(StereoDataset):
    """Indoor Robotics Stereo, 103,316 pairs (Wang et al., ICME 2021).

    Reading the disparity needs OpenEXR (``pip install 'dsmnet[irs]'``). Numbers of pairs and cameras stand in
    the authors' readme, the names of the files in their lists. The validation split has whole scenes.
    """

    name = "irs"
    about = About(
        "https://github.com/HKBU-HPML/IRS",
        "none stated for the data; the repository that offers it: Apache-2.0",
        "Wang et al., ICME 2021",
        pairs=_PAIRS,
        size="960x540",
        download="the archives of the four kinds. Unpack them into the one folder. Reading the ground truth "
        "needs OpenEXR: `pip install 'dsmnet[irs]'`.",
    )

    @staticmethod
    def tree(kinds: Sequence[str] = tuple(_PAIRS)) -> Tree:
        """Return patterns and codecs."""
        layouts = tuple(
            Layout(
                name=f"{kind}_{{scene}}_{{frame}}",
                left=f"{kind}/{{scene}}/l_{{frame}}.png",
                right=f"{kind}/{{scene}}/r_{{frame}}.png",
                disparity=(f"{kind}/{{scene}}/d_{{frame}}.exr",),
            )
            for kind in choose_some("kinds", kinds, _PAIRS)
        )
        return Tree(layouts, EXR, rig=_RIG)

    def _scene(self, pair: Pair) -> str:
        return str(pair.left.parent)
