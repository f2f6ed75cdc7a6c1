"""An endless data set of procedural stereo pairs with exact disparity."""

from __future__ import annotations

from dsmnet.data.synthetic.dataset import SyntheticStereo
from dsmnet.data.synthetic.layouts import LAYOUTS
from dsmnet.data.synthetic.patterns import PATTERNS

__all__ = ["LAYOUTS", "PATTERNS", "SyntheticStereo"]
