"""The data that travels through the tree, with shapes, units and conventions written once.

Shape legend: ``B`` batch, ``C`` channels, ``G`` volume channels (groups), ``D`` disparity planes,
``H`` rows, ``W`` columns, ``s`` stride of a feature map.

Disparity is that of the left view, in pixels of the image it belongs to, positive when the right view sees
the point further left: left pixel ``(x, y)`` matches right pixel ``(x - d, y)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Image = NDArray[np.uint8]  # [H, W, 3], RGB
DisparityMap = NDArray[np.float32]  # [H, W], pixels; 0 where unknown
ConfidenceMap = NDArray[np.float32]  # [H, W], in [0, 1]
Mask = NDArray[np.bool_]  # [H, W]


class Calibration(NamedTuple):
    """What a benchmark's calibration file states; ``None`` where it does not say.

    Depth of a pixel is ``focal * baseline / (disparity + doffs)``.
    """

    focal: float | None = None  # pixels
    baseline: float | None = None  # metres
    cx: float | None = None  # pixels, principal point of the left view
    cy: float | None = None  # pixels
    doffs: float = 0.0  # pixels, cx of the right view minus cx of the left one
    max_disparity: int | None = None  # pixels, a bound on the disparities of this scene


class Camera(NamedTuple):
    """A camera as it is, not rectified. Pixel centres have whole coordinates."""

    matrix: NDArray[np.float64]  # [3, 3], pixels: focal lengths and principal point
    distortion: NDArray[np.float64]  # of OpenCV: k1 k2 p1 p2 [k3 [k4 k5 k6 [...]]], or k1 to k4 of a fisheye
    size: tuple[int, int] | None = None  # (H, W) of the images it was calibrated with
    fisheye: bool = False  # equidistant projection (Kannala and Brandt), as in cv2.fisheye


class StereoRig(NamedTuple):
    """Two cameras, and where the right one stands: ``x_right = rotation @ x_left + translation``."""

    left: Camera
    right: Camera
    rotation: NDArray[np.float64]  # [3, 3]
    translation: NDArray[np.float64]  # [3], metres


class _Views(TypedDict):
    left: Image
    right: Image
    name: str  # of the pair, unique within its data set, usable as a file name
    dataset: str


class StereoSample(_Views, total=False):
    """One pair of a data set, before any transform; without ground truth its keys are absent."""

    disparity: DisparityMap  # of the left view
    valid: Mask  # where `disparity` is known
    noc: Mask  # known and visible in both views; absent where the set does not say
    right_disparity: DisparityMap  # of the right view, positive: right (x, y) matches left (x + d, y)
    right_valid: Mask
    foreground: Mask  # of the left view, on moving objects as KITTI 2015 marks them
    calibration: Calibration
    clean_left: Image  # before what changes colors and light, for self-distillation
    clean_right: Image


class _BatchedViews(TypedDict):
    left: Tensor  # float32 [B, 3, H, W] in [0, 1]
    right: Tensor
    name: list[str]
    dataset: list[str]


class StereoBatch(_BatchedViews, total=False):
    """What the transforms make of a list of samples."""

    disparity: Tensor  # float32 [B, 1, H, W], pixels; 0 where not valid
    valid: Tensor  # bool [B, 1, H, W]: known, and below the search range in training
    noc: Tensor  # bool [B, 1, H, W]: valid and visible in both views
    clean_left: Tensor  # as `left`, before what changes colors and light
    clean_right: Tensor


class StereoPairs(Protocol):
    """Data set of stereo pairs: recorded ones, a generator, or a mixture.

    Attributes:
        name: Name in messages and results.
        endless: Whether the length is nominal and every pair has ground truth, as of a generator; what is
            evaluated is then the validation split. Other data sets take ``require_ground_truth``.
    """

    name: str
    endless: bool

    def __len__(self) -> int:
        """Return the number of pairs."""
        ...

    def __getitem__(self, index: int, /) -> StereoSample:
        """Load a pair."""
        ...

    def split_validation(self) -> tuple[Any, Any]:
        """Return a part to train on and one to validate on."""
        ...


class Matcher(Protocol):
    """Anything that turns a pair into a disparity map: a network, an exported file, or StereoSGBM.

    A class of its own may derive from it, and has then what is said here: it computes on the CPU, was built
    from no configuration, and hands out disparity alone.
    """

    @property
    def device(self) -> torch.device:
        """Device that computes."""
        return torch.device("cpu")

    @property
    def config(self) -> Mapping[str, Any]:
        """Configuration of the network (``model``, ``norm``, ...); empty where there is none."""
        return {}

    @property
    def has_sharpness(self) -> bool:
        """Whether `predict_with_sharpness` can be called."""
        return False

    @property
    def has_range(self) -> bool:
        """Whether `max_disparity` bounds what is searched."""
        return True

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> DisparityMap:
        """Return the disparity of the left view, float32 [H, W], pixels, at the size of `left`."""
        ...

    def predict_with_sharpness(
        self, left: Any, right: Any, max_disparity: int | None = None
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Return disparity, and the sharpness of the distribution over the disparities, [H, W] in [0, 1]."""
        kind = type(self).__name__
        raise NotImplementedError(f"{kind} hands out no distribution over the disparities")


@dataclass(frozen=True)
class WrappedMatcher(Matcher):
    """A matcher around another one, of which it has device, configuration, range and sharpness."""

    inner: Matcher

    @property
    def device(self) -> torch.device:
        """Device of the inner matcher."""
        return self.inner.device

    @property
    def config(self) -> Mapping[str, Any]:
        """Configuration of the inner matcher."""
        return self.inner.config

    @property
    def has_range(self) -> bool:
        """Whether the search range of the inner matcher changes its prediction."""
        return self.inner.has_range

    @property
    def has_sharpness(self) -> bool:
        """Whether the inner matcher has sharpness."""
        return self.inner.has_sharpness
