"""What the sets share whose disparity lies in 8-bit images."""

from __future__ import annotations

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.tree import Pair
from dsmnet.types import Calibration


class EightBitStereo(StereoDataset):
    """Sets without calibration files; their calibration holds one thing, a bound on what 8 bits can store."""

    def _calibration(self, pair: Pair) -> Calibration:
        return Calibration(max_disparity=int(self._codecs.disparity.largest) + 1)
