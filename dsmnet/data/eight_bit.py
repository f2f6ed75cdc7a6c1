"""What the sets share whose disparity lies in 8-bit images."""

from __future__ import annotations

from dsmnet.data.base import StereoDataset
from dsmnet.data.tree import Pair
from dsmnet.protocols import Calibration


class EightBitStereo(StereoDataset):
    """Sets without calibration files; their calibration holds one thing, a bound on what 8 bits can store."""

    def _calibration(self, pair: Pair) -> Calibration:
        return Calibration(max_disparity=int(self._codecs.disparity.largest) + 1)
