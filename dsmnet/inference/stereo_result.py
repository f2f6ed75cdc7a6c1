"""What a match in Python returns: disparity, and what follows from it."""

from __future__ import annotations

import base64
import io
import sys
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from dsmnet.errors import UserError
from dsmnet.inference.batch import MatchedPair, Prediction
from dsmnet.inference.cloud_writer import CloudWriter
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.given_pair import GivenCalibration, GivenPair
from dsmnet.inference.given_views import GivenView
from dsmnet.inference.raw_views import LoadedPair, RawViews
from dsmnet.inference.viewer import has_display
from dsmnet.io import read_calibration
from dsmnet.types import Calibration, Image, Matcher
from dsmnet.viz.panel import panel
from dsmnet.viz.pointcloud import depth_from_disparity, point_cloud


class StereoResult:
    """A matched pair. In a notebook it shows itself; `np.asarray(result)` is its disparity.

    Args:
        pair: The views that were matched, and their calibration.
        matched: Disparity, confidence, and the range that was searched.
        name: Name of the pair.

    Attributes:
        left: The left view that all maps belong to, uint8 RGB [H, W, 3], rectified if raw ones were given.
        disparity: Disparity of the left view, float32 [H, W], pixels; infinite where it is unknown.
        confidence: Confidence, float32 [H, W] in [0, 1]; None if it was not asked for.
        calibration: Calibration of the left view, None if none was given.
    """

    def __init__(self, pair: LoadedPair, matched: MatchedPair, name: str = "left") -> None:
        self.pair, self.matched, self.name = pair, matched, name
        self.left, self.calibration = pair.result_left, pair.calibration
        self.disparity, self.confidence = matched.disparity, matched.confidence

    def depth(self, calibration: Calibration | str | Path | None = None) -> NDArray[np.float32]:
        """Return depth, float32 [H, W], metres, 0 where unknown; UserError where no calibration is known."""
        return depth_from_disparity(self.disparity, self._calibration(calibration))

    def point_cloud(
        self,
        calibration: Calibration | str | Path | None = None,
        max_depth: float | None = None,
        edge_filter: bool = True,
    ) -> tuple[NDArray[np.float32], Image]:
        """Return points [N, 3], metres, and their colors, RGB [N, 3], see `dsmnet.viz.point_cloud`."""
        stated = self._calibration(calibration)
        return point_cloud(self.disparity, self.left, stated, max_depth, edge_filter)

    def picture(self) -> Image:
        """Return left view, disparity and its color bar as one picture, RGB."""
        return panel(self.left, np.where(np.isfinite(self.disparity), self.disparity, np.float32(0)))

    def save(
        self,
        path: str | Path,
        calibration: Calibration | str | Path | None = None,
        max_depth: float | None = None,
        html: bool = False,
    ) -> None:
        """Write what ``dsmnet predict`` writes of a pair: all files, or none.

        Args:
            path: Folder and name: ``"results/scene1"`` makes results/scene1.pfm, scene1.png and the others.
            calibration: Default: that of the match, if any.
            max_depth: Farther points are left out of the cloud, metres.
            html: With a calibration also scene1_cloud.html, in which the cloud is turned.
        """
        place = Path(path)
        place = place.with_suffix("") if place.suffix in (".pfm", ".png") else place
        if not place.name:
            raise UserError(f"{path}: expected a folder and a name, as in results/scene1")
        known = self.calibration is not None or calibration is not None
        if html and not known:
            raise UserError(
                "html=True without calibration: it needs depth; expected calibration=FILE as well"
            )
        pair = self.pair._replace(calibration=self._calibration(calibration) if known else None)
        writer = ResultWriter(place.parent, cloud=CloudWriter(max_depth, html=html))
        writer.write(place.name, pair, self.matched)

    def show(self) -> None:
        """Show the picture: in a notebook below the cell, else in a window; UserError without either."""
        notebook = sys.modules.get("IPython")
        if notebook is not None and notebook.get_ipython() is not None:
            notebook.display.display(self)
        elif has_display():
            PilImage.fromarray(self.picture()).show(self.name)
        else:
            raise UserError("show: there is no display; expected save(PATH), or a notebook")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.disparity, dtype=dtype) if copy else np.asarray(self.disparity, dtype=dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._summary()}>"

    def _repr_html_(self) -> str:
        """Return the picture for a notebook."""
        PilImage.fromarray(self.picture()).save(file := io.BytesIO(), "PNG")
        data, told = base64.b64encode(file.getvalue()).decode("ascii"), escape(self._summary())
        image = f'<img style="max-width:100%" alt="{told}" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{told}</figcaption></figure>"

    def _summary(self) -> str:
        height, width = self.disparity.shape
        known = self.disparity[np.isfinite(self.disparity)]
        found = f"{known.min():.1f} to {known.max():.1f} px" if known.size else "nothing known"
        return (
            f"{self.name}: {width} x {height}, disparity {found} of {self.matched.max_disparity} px searched"
        )

    def _calibration(self, given: Calibration | str | Path | None) -> Calibration:
        if isinstance(given, Calibration):
            return given
        if given is not None:
            return read_calibration(Path(given), size=self.disparity.shape)
        if self.calibration is None:
            raise UserError("depth without calibration: expected calibration=FILE or a Calibration")
        return self.calibration


def match_given(
    matcher: Matcher,
    left: GivenView,
    right: GivenView,
    calib: GivenCalibration | None,
    prediction: Prediction,
    views: RawViews,
) -> StereoResult:
    """Match one pair that a program holds, see `StereoPredictor.match`."""
    given = GivenPair(left, right, calib)
    pair, name = views.load(given, given.pair), given.pair.name
    return StereoResult(pair, prediction.match(matcher, pair, name), name)
