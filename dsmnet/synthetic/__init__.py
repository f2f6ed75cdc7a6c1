"""An endless data set of procedural stereo pairs with exact disparity."""

from __future__ import annotations

from dsmnet.synthetic.dataset import SyntheticStereo
from dsmnet.synthetic.hard_cases import HARD_CASES
from dsmnet.synthetic.layouts import LAYOUTS
from dsmnet.synthetic.patterns import PATTERNS

__all__ = ["HARD_CASES", "LAYOUTS", "PATTERNS", "SyntheticStereo"]
