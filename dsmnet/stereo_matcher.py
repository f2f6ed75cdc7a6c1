"""A network in the place of OpenCV's StereoSGBM: the same calls, disparity in the same form."""

from __future__ import annotations

import copy
import inspect
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsmnet.api import load_model
from dsmnet.errors import UserError
from dsmnet.inference.confidence import disagreement, match_right, predict_with_confidence
from dsmnet.inference.shifted import from_min_disparity
from dsmnet.inference.tiled import in_tiles
from dsmnet.options import check_share, check_whole
from dsmnet.types import Image, Matcher

_SCALE = 16  # disparities are sixteenths of a pixel, as in cv2.StereoMatcher
_LARGEST = 2**15 // _SCALE - 1  # pixels: what 16 bits hold
_SHAPES = ((), (1,), (3,))  # of a pixel


class MatcherError(UserError, cv2.error):
    """A mistake in a call, in one line; programs that are ready for OpenCV's errors catch it as one."""


class StereoMatcher:
    """A network with the calls of cv2.StereoSGBM, made by `create`; docs/opencv.md has the differences.

    Every parameter has its getter and setter: `getMinDisparity`, `setNumDisparities`, ...

    Args:
        matcher: Network, or another matcher of RGB images.
        min_confidence: Share from 0 to 1; less confident disparities become invalid. None: all are kept.
        parameters: Parameters by name, as `create` takes them.

    Example:
        >>> view = np.zeros((50, 70, 3), dtype=np.uint8)
        >>> matcher = StereoMatcher.create(numDisparities=32, device="cpu")
        >>> matcher.compute(view, view).dtype, matcher.getNumDisparities()
        (dtype('int16'), 32)
    """

    def __init__(self, matcher: Matcher, min_confidence: float | None = None, **parameters: int) -> None:
        self._matcher, self._min_confidence = matcher, min_confidence
        self._mirrored = False
        self._parameters = _DEFAULTS | parameters

    @classmethod
    def create(
        cls,
        minDisparity: int = 0,
        numDisparities: int = 192,
        blockSize: int = 3,
        P1: int = 0,
        P2: int = 0,
        disp12MaxDiff: int = 0,
        preFilterCap: int = 0,
        uniquenessRatio: int = 0,
        speckleWindowSize: int = 0,
        speckleRange: int = 0,
        mode: int = cv2.STEREO_SGBM_MODE_SGBM,
        *,
        checkpoint: str | Path | None = None,
        device: str = "auto",
        precision: str = "float32",
        min_confidence: float | None = None,
    ) -> StereoMatcher:
        """Load a network as a matcher, with the arguments of cv2.StereoSGBM_create and four of its own.

        Args:
            minDisparity: Smallest disparity that is searched, pixels; may be negative.
            numDisparities: Number of disparities that are searched, a positive multiple of 16.
            blockSize: Without effect, as P1, P2, preFilterCap, uniquenessRatio and mode: kept for the getter.
            P1: Without effect.
            P2: Without effect.
            disp12MaxDiff: Pixels by which the disparities of both views may differ; it takes a second match.
                Zero or less does not compare them.
            preFilterCap: Without effect.
            uniquenessRatio: Without effect.
            speckleWindowSize: Pixels; smaller islands become invalid. Zero or less: none do.
            speckleRange: Pixels by which neighbours of one island may differ.
            mode: Without effect.
            checkpoint: Weights as `load_model` takes them.
            device: Device as `load_model` takes it.
            precision: Precision as `load_model` takes it.
            min_confidence: Share from 0 to 1; less confident disparities become invalid. None: all are kept.

        Raises:
            UserError: An impossible value, or weights that cannot be loaded.
        """
        given = locals()
        parameters = {name: _check(name, given[name]) for name in _DEFAULTS}
        if min_confidence is not None:
            check_share("min_confidence", min_confidence)
        network = load_model(checkpoint, device, precision=precision)
        # As in tools/predict.py: tiles where the whole pair would take more than 6 GB.
        return cls(in_tiles(network, "auto", 64, 6.0), min_confidence, **parameters)

    def createRightMatcher(self) -> StereoMatcher:
        """Return the matcher of the right view for OpenCV's WLS filter: `compute(right, left)` is negative.

        As cv2.ximgproc.createRightMatcher makes one, which takes OpenCV's own matchers alone.
        """
        first, count = self._parameters["minDisparity"], self._parameters["numDisparities"]
        right = copy.copy(self)
        right._parameters = self._parameters | {"minDisparity": 1 - first - count}
        right._mirrored = not self._mirrored
        return right

    def compute(self, left: Any, right: Any, disparity: Any = None) -> NDArray[np.int16]:
        """Match a pair; return the disparity of the left view in sixteenths of a pixel, int16 [H, W].

        It is ``(minDisparity - 1) * 16`` where the match leaves the search range or the right view, where the
        views disagree (`disp12MaxDiff`), on speckles, and where confidence is low.

        Args:
            left: Array uint8 [H, W, 3], BGR, or [H, W].
            right: The other view, of the same shape.
            disparity: Array int16 [H, W] to write into; any other is left as it is.

        Raises:
            MatcherError: Views that are no such images, differ in shape, or a range that 16 bits do not hold.
        """
        views = [_view(name, view) for name, view in (("left", left), ("right", right))]
        if views[0].shape != views[1].shape:
            sizes = " and ".join(str(list(view.shape)) for view in views)
            raise MatcherError(f"left, right: expected views of one shape, got {sizes}")
        first, count = self._parameters["minDisparity"], self._parameters["numDisparities"]
        if first + count > _LARGEST:
            raise MatcherError(f"minDisparity + numDisparities={first + count}: expected {_LARGEST} at most")
        if self._mirrored:
            views, first = [view[:, ::-1] for view in views], 1 - first - count
        fixed, valid = self._match(_rgb(views[0]), _rgb(views[1]), first)
        if self._mirrored:
            first, fixed, valid = 1 - first - count, -fixed[:, ::-1], valid[:, ::-1]
        invalid = (first - 1) * _SCALE
        found = np.where(valid, fixed, invalid).astype(np.int16)
        if self._parameters["speckleWindowSize"] > 0:
            window, step = self._parameters["speckleWindowSize"], self._parameters["speckleRange"]
            cv2.filterSpeckles(found, invalid, window, step * _SCALE)
        fits = isinstance(disparity, np.ndarray) and disparity.dtype == np.int16
        if fits and disparity.shape == found.shape:
            disparity[...] = found
            return np.asarray(disparity)
        return found

    def _match(self, left: Image, right: Image, first: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the disparity in sixteenths of a pixel, and where it is valid."""
        width, end = left.shape[1], first + self._parameters["numDisparities"]
        matcher = from_min_disparity(self._matcher, first)
        if self._min_confidence is None:
            found = matcher.predict(left, right, end)
            valid = np.ones(found.shape, bool)
        else:
            cue = "sharpness" if matcher.has_sharpness else "consistency"
            found, confidence = predict_with_confidence(matcher, left, right, end, cue)
            valid = confidence >= self._min_confidence
        apart = self._parameters["disp12MaxDiff"]
        if apart > 0:
            other = match_right(matcher, left, right, end)
            valid = valid & ~(disagreement(found, other) > apart)  # NaN, where the match is outside, is none
        fixed = np.rint(found * _SCALE)
        match = np.arange(width) * _SCALE - fixed
        valid = valid & (fixed >= first * _SCALE) & (fixed < end * _SCALE)
        return fixed, valid & (match >= 0) & (match <= (width - 1) * _SCALE)

    if TYPE_CHECKING:  # getters and setters, below

        def __getattr__(self, name: str) -> Any: ...


def _add_accessors(name: str) -> None:
    def get(self: StereoMatcher) -> int:
        return self._parameters[name]

    def put(self: StereoMatcher, value: int) -> None:
        self._parameters[name] = _check(name, value)

    title = name[0].upper() + name[1:]
    for prefix, method, does in (("get", get, "Return"), ("set", put, "Set")):
        method.__name__, method.__doc__ = prefix + title, f"{does} {name}, see `StereoMatcher.create`."
        setattr(StereoMatcher, prefix + title, method)


_DEFAULTS: dict[str, int] = {
    name: parameter.default
    for name, parameter in inspect.signature(StereoMatcher.create).parameters.items()
    if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
}
for _name in _DEFAULTS:
    _add_accessors(_name)


def _check(name: str, value: Any) -> int:
    """Return a parameter as an int; a `MatcherError` where it is none, or none that can be."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = value
    if name == "numDisparities" and not (isinstance(whole, int) and whole > 0 and whole % 16 == 0):
        raise MatcherError(f"numDisparities={value}: expected a positive multiple of 16")
    least = -_LARGEST if name == "minDisparity" else -(2**31)
    try:
        return check_whole(name, whole, least=least, most=2**31 - 1)
    except UserError as error:
        raise MatcherError(str(error)) from None


def _view(name: str, view: Any) -> Image:
    """Return a view as OpenCV programs have it as an array [H, W, 3], BGR, or [H, W]."""
    array = view.get() if isinstance(view, cv2.UMat) else view
    known = isinstance(array, np.ndarray)
    if (
        not known
        or array.dtype != np.uint8
        or array.size == 0
        or array.ndim < 2
        or array.shape[2:] not in _SHAPES
    ):
        kind = f"{array.dtype} {list(array.shape)}" if known else type(array).__name__
        raise MatcherError(f"{name}: expected a uint8 image [H, W, 3] (BGR) or [H, W], got {kind}")
    return np.asarray(array[..., 0] if array.shape[2:] == (1,) else array)


def _rgb(view: Image) -> Image:
    code = cv2.COLOR_GRAY2RGB if view.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(view), code))
