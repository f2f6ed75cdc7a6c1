"""MiddEval3, the third Middlebury benchmark: indoor scenes of high resolution, with dense disparity."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.calibration import MIDDLEBURY_CALIB
from dsmnet.io.disparity import PFM
from dsmnet.io.masks import NOC_MASK
from dsmnet.options import check_choice

_SPLITS = ("training", "test")
_RESOLUTIONS = ("Q", "H", "F")


class Middlebury(StereoDataset):
    """MiddEval3, 15 training and 15 test pairs (Scharstein et al., GCPR 2014)."""

    name = "middlebury"
    about = About(
        "https://vision.middlebury.edu/stereo/submit3/",
        "free for research, cite the paper",
        "Scharstein et al., GCPR 2014",
        pairs={"training": 15, "test": 15},
        size="6 megapixels, half, quarter",
        download="`MiddEval3-data-{Q,H,F}.zip`, `MiddEval3-GT0-{Q,H,F}.zip`. The archives already begin "
        "with `MiddEval3/`. The ground truth of the right view is in `MiddEval3-GT1-*.zip`.",
    )

    @staticmethod
    def tree(split: str = "training", resolution: str = "Q") -> Tree:
        """Return patterns and codecs."""
        check_choice("split", split, _SPLITS)
        check_choice("resolution", resolution, _RESOLUTIONS)
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
