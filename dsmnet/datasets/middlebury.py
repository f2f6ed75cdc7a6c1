"""MiddEval3, the third Middlebury benchmark: indoor scenes of high resolution, with dense disparity."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset, choose
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.calibration import MIDDLEBURY_CALIB
from dsmnet.io.disparity import NOC_MASK, PFM

_SPLITS = ("training", "test")
_RESOLUTIONS = ("Q", "H", "F")


class Middlebury(StereoDataset):
    """MiddEval3, 15 training and 15 test pairs (Scharstein et al., GCPR 2014).

    ::

        MiddEval3/{training,test}{F,H,Q}/
            Adirondack/im0.png          left view
                       im1.png          right view
                       calib.txt
                       disp0GT.pfm      disparity of the left view, inf unknown; training only
                       disp1GT.pfm      of the right view
                       mask0nocc.png    255 seen by both views, 128 by the left only, 0 unknown

    Args:
        root: Folder that holds trainingQ/ and so on.
        split: ``training`` or ``test``.
        resolution: ``F`` full, ``H`` half, ``Q`` quarter.
        require_ground_truth: Leave out pairs without a disparity map.
        subset: Only the pairs that a list names, see `dsmnet.datasets.subsets`.
    """

    name = "middlebury"
    about = About(
        "https://vision.middlebury.edu/stereo/submit3/",
        "free for research, cite the paper",
        "Scharstein et al., GCPR 2014",
    )

    @staticmethod
    def published(split: str = "training", resolution: str = "Q") -> int:
        """Return the number of pairs of a split."""
        return 15

    @staticmethod
    def tree(split: str = "training", resolution: str = "Q") -> Tree:
        """Return patterns and codecs."""
        choose("split", split, _SPLITS)
        choose("resolution", resolution, _RESOLUTIONS)
        scene = f"{split}{resolution}/{{scene}}"
        layout = Layout(
            name="{scene}",
            left=f"{scene}/im0.png",
            right=f"{scene}/im1.png",
            disparity=(f"{scene}/disp0GT.pfm",),
            noc=f"{scene}/mask0nocc.png",
            right_disparity=f"{scene}/disp1GT.pfm",
            calibration=f"{scene}/calib.txt",
        )
        return Tree((layout,), PFM, NOC_MASK, MIDDLEBURY_CALIB)
