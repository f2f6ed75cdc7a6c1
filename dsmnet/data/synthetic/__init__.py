"""An endless data set of procedural stereo pairs with exact disparity."""

from __future__ import annotations

from dsmnet.data.synthetic.dataset import LAYOUTS, SyntheticStereo
from dsmnet.data.synthetic.patterns import PATTERNS

__all__ = ["LAYOUTS", "PATTERNS", "SyntheticStereo"]
