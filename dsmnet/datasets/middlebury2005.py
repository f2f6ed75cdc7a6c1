"""Middlebury 2005: the scenes before those of 2006, in the same form."""

from __future__ import annotations

from dsmnet.datasets.base import About
from dsmnet.datasets.middlebury2006 import Middlebury2006


class Middlebury2005(Middlebury2006):
    """Middlebury 2005, 6 scenes with published disparity (Scharstein, Pal, CVPR 2007).

    The disparity of three more scenes (Computer, Drumsticks, Dwarves) is not published.
    """

    name = "middlebury2005"
    about = About(
        "https://vision.middlebury.edu/stereo/data/scenes2005/",
        "free for research, cite the paper",
        "Scharstein, Pal, CVPR 2007",
        size="about 1390x1110, half, third",
        download="the two-view archive of a size. The scale of an 8-bit disparity follows from the size "
        "of the views, so each size lies in a folder of its own.",
    )
    scenes = 6
