"""Middlebury 2006: indoor scenes with dense disparity of both views in 8-bit images."""

from __future__ import annotations

from pathlib import Path

from dsmnet.data.base import About, StereoDataset, choose
from dsmnet.data.formats.disparity import png8
from dsmnet.data.tree import Layout, Pair, Tree
from dsmnet.protocols import Calibration

_SCALES = {"FullSize": 1, "HalfSize": 2, "ThirdSize": 3}  # stored value of one pixel of disparity


class Middlebury2006(StereoDataset):
    """Middlebury 2006, 21 scenes of which views 1 and 5 are used (Hirschmüller, Scharstein, CVPR 2007).

    ::

        Middlebury_2006/{FullSize,HalfSize,ThirdSize}/
            Aloe/view1.png    left view
                 view5.png    right view
                 disp1.png    disparity of the left view times 1, 2, 3 at full, half, third size; 0 unknown
                 disp5.png    of the right view

    The scenes of 2005 have the same form. The set says nothing of occlusion, so samples have no ``noc``.
    Their calibration holds one thing, a bound on what an 8-bit image can store.

    Args:
        root: Folder that holds ThirdSize/ and so on.
        resolution: ``FullSize``, ``HalfSize`` or ``ThirdSize``.
        require_truth: Leave out pairs without a disparity map.
        subset: Only the pairs that a list names, see `dsmnet.data.subsets`.
    """

    name = "middlebury2006"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2006/",
        "free for research, cite the paper",
        "Hirschmüller, Scharstein, CVPR 2007",
    )

    def __init__(
        self,
        root: str | Path,
        resolution: str = "ThirdSize",
        require_truth: bool = True,
        subset: str | Path | None = None,
    ) -> None:
        super().__init__(root, self.tree(resolution), require_truth, subset)
        self._bound = Calibration(max_disparity=255 // _SCALES[resolution] + 1)

    @staticmethod
    def published(resolution: str = "ThirdSize") -> int:
        """Return the number of pairs of a split."""
        return 21

    @staticmethod
    def tree(resolution: str = "ThirdSize") -> Tree:
        """Return patterns and codecs."""
        scale = _SCALES[choose("resolution", resolution, tuple(_SCALES))]
        layout = Layout(
            name="{scene}",
            left=f"{resolution}/{{scene}}/view1.png",
            right=f"{resolution}/{{scene}}/view5.png",
            disparity=(f"{resolution}/{{scene}}/disp1.png",),
            right_disparity=f"{resolution}/{{scene}}/disp5.png",
        )
        return Tree((layout,), png8(scale))

    def _calibration(self, pair: Pair) -> Calibration:
        return self._bound
