"""Middlebury 2014: high resolution, sub-pixel disparity, each scene rectified perfectly and imperfectly."""

from __future__ import annotations

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Tree
from dsmnet.io.calibration import MIDDLEBURY_CALIB
from dsmnet.io.disparity import PFM
from dsmnet.options import check_choice

_RECTIFICATIONS = ("perfect", "imperfect")
_RIGHTS = ("im1", "im1E", "im1L")


class Middlebury2014(StereoDataset):
    """Middlebury 2014, 23 scenes with published disparity (Scharstein et al., GCPR 2014).

    Imperfectly rectified views keep the few pixels of vertical disparity that a real calibration leaves
    (``disp0y.pfm``, not read). The set comes without masks of what both views see; those of its scenes that
    belong to MiddEval3 have them there. The further views under ``ambient/`` are not read.
    """

    name = "middlebury2014"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2014/",
        "free for research, cite the paper",
        "Scharstein et al., GCPR 2014",
        pairs=23,
        size="about 2900x2000",
        download="a scene an archive, perfect and imperfect",
    )

    @staticmethod
    def tree(rectification: str = "perfect", right_view: str = "im1") -> Tree:
        """Return patterns and codecs.

        Args:
            rectification: ``perfect`` or ``imperfect``.
            right_view: ``im1``, or ``im1E`` or ``im1L``, which differ from the left view in exposure or
                light.
        """
        scene = f"{{scene}}-{check_choice('rectification', rectification, _RECTIFICATIONS)}"
        layout = Layout(
            name="{scene}",
            left=f"{scene}/im0.png",
            right=f"{scene}/{check_choice('right_view', right_view, _RIGHTS)}.png",
            disparity=(f"{scene}/disp0.pfm",),
            right_disparity=f"{scene}/disp1.pfm",
            calibration=f"{scene}/calib.txt",
        )
        return Tree((layout,), PFM, calibration=MIDDLEBURY_CALIB)
