"""One pair that a program holds, prepared as pairs of files are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dsmnet.errors import UserError
from dsmnet.inference.given_views import GivenView, as_eight_bits
from dsmnet.io.pairs import PairFiles, PairSource
from dsmnet.types import Calibration, Image, StereoRig

GivenCalibration = Calibration | StereoRig | str | Path | Sequence[str | Path]


class GivenPair(PairSource):
    """A source of the one pair that a program holds, with the cameras it states."""

    def __init__(self, left: GivenView, right: GivenView, calib: GivenCalibration | None) -> None:
        self._views = as_eight_bits(left, right)
        named = {"left": left, "right": right}
        names = [Path(view) if isinstance(view, str | Path) else Path(side) for side, view in named.items()]
        files: list[Path] = []
        if isinstance(calib, StereoRig):
            self.rig = calib
        elif isinstance(calib, Calibration):
            self.calibration = calib
        elif not isinstance(calib, str | Path | list | tuple | None):
            raise UserError(f"calib={calib!r}: expected a file, two files, a Calibration or a StereoRig")
        elif calib is not None:
            files = [Path(each) for each in ([calib] if isinstance(calib, str | Path) else calib)]
        self.calibration_parts = files[1:]
        self.pair = PairFiles(names[0].stem, names[0], names[1], files[0] if files else None)

    def __iter__(self) -> Iterator[PairFiles]:
        yield self.pair

    def load(self, pair: PairFiles) -> tuple[Image, Image]:
        """Return both views."""
        return self._views[0], self._views[1]
