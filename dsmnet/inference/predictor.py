"""A network together with everything between the pixels of an image file and their disparity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.errors import ShapeError
from dsmnet.inference.batch import Prediction
from dsmnet.inference.confidence import check_cue, predict_with_confidence, sharpness, steadiness
from dsmnet.inference.cuda_graphs import CudaGraphs
from dsmnet.inference.given_pair import GivenCalibration
from dsmnet.inference.given_views import AnyImage, GivenView, as_images, is_batch, pairs_of
from dsmnet.inference.padding import Padding
from dsmnet.inference.raw_views import RawViews
from dsmnet.inference.search import widened
from dsmnet.inference.shifted import from_min_disparity
from dsmnet.inference.tiled import in_tiles
from dsmnet.io.images import bit_depth
from dsmnet.models.stereo_net import StereoNet
from dsmnet.types import ConfidenceMap, DisparityMap

if TYPE_CHECKING:
    from dsmnet.inference.stereo_result import StereoResult

Output = TypeVar("Output")


class StereoPredictor(nn.Module):
    """A `StereoNet` that also takes images as they come.

    As a module it is the network itself: `forward` and `features` take normalised tensors.

    Args:
        net: Network, or an exported one in its place.
        config: Resolved configuration of the network, stored with its weights.
        widens: Whether the default search range grows with the width of the images.

    Example:
        >>> from dsmnet import build_model
        >>> image = np.zeros((50, 70, 3), dtype=np.uint8)
        >>> build_model("tiny").predict(image, image, max_disparity=32).shape
        (50, 70)
    """

    def __init__(self, net: StereoNet, config: Mapping[str, Any], widens: bool = True) -> None:
        super().__init__()
        self.net = net
        self.dtype = torch.float32  # of convolutions; what is sensitive to rounding stays in float32
        self.cuda_graphs = CudaGraphs()  # of predictions
        self.config = dict(config)
        self.widens = widens

    def forward(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> list[Tensor]:
        """Normalised views [N, 3, H, W] -> disparities [N, 1, H, W] in pixels, the last is the prediction."""
        return self.net(left, right, max_disparity)

    def features(self, image: Tensor) -> Tensor:
        """Return the maps that are matched, [N, C, H/s, W/s], of a normalised image [N, 3, H, W]."""
        return self.net.features(image)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.parameters()).device

    @torch.inference_mode()
    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
        """Match one pair of any size, or several; return the left view's disparity, float32 [H, W], pixels.

        It is not negative, but of a network without a range (`has_range`) it is whatever the network says.

        Args:
            left: Path, PIL image, array [H, W, 3] or [H, W], or tensor [3, H, W], of uint8, uint16, or floats
                in [0, 1]. Channels are RGB: OpenCV's images have to be turned, ``image[..., ::-1]``. A list
                of such views gives a list of maps, an array [N, H, W, 3] or a tensor [N, 3, H, W] an array
                [N, H, W]; their pairs are matched one by one, and those of a list may differ in size.
            right: The other view, of the same size, or as many.
            max_disparity: Search range in pixels, exclusive; default: the network's own, in proportion more
                for images wider than 1,500 pixels (an exported file's own whatever the width).

        Raises:
            ShapeError: The views differ in size or number, or are no images.
            DataError: A file is not there, or cannot be read.
        """
        if is_batch(left):
            maps = [self.predict(*pair, max_disparity) for pair in pairs_of(left, right)]
            return maps if isinstance(left, list | tuple) else np.stack(maps)
        disparities, padding = self._run(self.net, left, right, max_disparity)
        return _finished(self._bounded(disparities[-1]), padding)

    @property
    def has_range(self) -> bool:
        """Whether the search range changes the prediction."""
        return getattr(self.net, "has_range", True)

    @property
    def has_sharpness(self) -> bool:
        """Whether the network hands out its distribution or its updates: not where another backend runs."""
        return isinstance(self.net, StereoNet)

    @torch.inference_mode()
    def predict_with_sharpness(
        self, left: GivenView, right: GivenView, max_disparity: int | None = None
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Match one pair; return disparity as `predict` does, and sharpness, see `inference.confidence`."""
        output, padding = self._run(self.net.match, left, right, max_disparity)
        disparity = self._bounded(output.disparities[-1])
        if output.updates is not None:
            shares = steadiness(output.updates)
        else:
            logits, coarse = output.logits[-1], F.avg_pool2d(disparity.float(), self.net.stride)
            shares = sharpness(logits, self.net.plane_of(coarse, logits.shape[2]))
        shares = F.interpolate(shares, size=disparity.shape[-2:], mode="bilinear", align_corners=False)
        return _finished(disparity, padding), _finished(shares, padding)

    def predict_with_confidence(
        self, left: GivenView, right: GivenView, max_disparity: int | None = None, cue: str = "both"
    ) -> tuple[DisparityMap, ConfidenceMap]:
        """Match one pair as `predict` does, with a confidence, see `inference.confidence`."""
        return predict_with_confidence(self, *as_images(left, right), max_disparity, cue)

    def match(
        self,
        left: Any,
        right: Any,
        calib: GivenCalibration | None = None,
        *,
        max_disparity: int | str = "auto",
        confidence: bool | str = False,
        min_confidence: float | None = None,
        min_disparity: int = 0,
        tile: int | str | None = "auto",
        overlap: int = 64,
        memory: float = 6.0,
        check: bool = True,
    ) -> StereoResult | Any:
        """Match one pair as ``dsmnet predict`` does; return a `StereoResult`, of a batch a list of them.

        Views are taken as by `predict`, RGB, and matched at 8 bits.

        Args:
            left: Left view, or several, as in `predict`.
            right: The other view, or as many.
            calib: A file, a `Calibration` or a `StereoRig`, for all pairs; or two files, of a camera each.
                One of raw cameras rectifies the views first.
            max_disparity: Search range in pixels; ``auto``: what `calib` states, else 192, for images wider
                than 1,500 px more.
            confidence: Whether to estimate it too, or a cue: ``both``, ``sharpness``, ``consistency``.
            min_confidence: Confidence below which a disparity becomes unknown, infinite.
            min_disparity: Least disparity that is searched, pixels.
            tile: Largest height and width that is matched at once, pixels; ``auto``: what `memory` allows, or
                None, whatever it takes.
            overlap: Pixels that neighbouring tiles share.
            memory: GB that a match may take.
            check: Whether a warning says that the rows of the views do not meet.
        """
        from dsmnet.inference import stereo_result  # late: it brings matplotlib

        prediction = Prediction(max_disparity, confidence, min_confidence)
        matcher = from_min_disparity(in_tiles(self, tile, overlap, memory), min_disparity)
        views = RawViews(min_disparity=min_disparity, check=check)
        check_cue(matcher, confidence if isinstance(confidence, str) else None)
        pairs = pairs_of(left, right) if is_batch(left) else [(left, right)]
        results = [stereo_result.match_given(matcher, *pair, calib, prediction, views) for pair in pairs]
        return results if is_batch(left) else results[0]

    def _bounded(self, disparity: Tensor) -> Tensor:
        return disparity.clamp(min=0) if self.has_range else disparity

    def _run(
        self, net: Callable[..., Output], left: GivenView, right: GivenView, max_disparity: int | None
    ) -> tuple[Output, Padding]:
        if max_disparity is not None and max_disparity < 1:
            raise ShapeError(f"max_disparity={max_disparity}: expected a positive number of pixels")
        was_training = self.training
        self.eval()
        pair, padding = self.prepare(left, right)
        if max_disparity is None and self.widens:
            max_disparity = widened(self.net.max_disparity, pair.shape[-1] - padding.right)
        output = self.match_prepared(net, pair, max_disparity)
        self.train(was_training)
        return output, padding

    @torch.inference_mode()
    def match_prepared(self, net: Callable[..., Output], pair: Tensor, max_disparity: int | None) -> Output:
        """Run the network, or a method of it, on a pair of `prepare`: in its precision, recorded on a GPU."""
        half = self.dtype == torch.bfloat16
        # No cache: a recording would take a weight's copy of the pass before for one of its own.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=False):
            return self.cuda_graphs.run(
                self.net,
                lambda left, right: net(left, right, max_disparity),
                (net, max_disparity, self.dtype, getattr(self.net, "iterations", None)),
                *pair.split(1),
            )

    def prepare(self, left: GivenView, right: GivenView) -> tuple[Tensor, Padding]:
        """Return both views as a network takes them, [2, 3, H, W], normalised and padded; and the padding."""
        left, right = as_images(left, right)
        arrays = [image for image in (left, right) if isinstance(image, np.ndarray)]
        bits = bit_depth(*arrays)
        views = [
            to_tensor(image, name, bits, self.device) for image, name in ((left, "left"), (right, "right"))
        ]
        if views[0].shape != views[1].shape:
            raise ShapeError(
                f"the views differ in size: left {tuple(views[0].shape[1:])}, "
                f"right {tuple(views[1].shape[1:])}"
            )
        pair = self.net.normalize(torch.stack(views))
        padding = Padding.for_net(self.net, *pair.shape[-2:])
        return padding.apply(pair).contiguous(memory_format=torch.channels_last), padding


def _finished(maps: Tensor, padding: Padding) -> NDArray[np.float32]:
    """[1, 1, H, W] of a padded pair -> [H, W] of the pair."""
    return padding.cut(maps)[0, 0].float().cpu().numpy()


def to_tensor(
    image: AnyImage, name: str = "image", bits: int = 16, device: torch.device | str = "cpu"
) -> Tensor:
    """Turn an image as `StereoPredictor.predict` takes it into float32 [3, H, W] in [0, 1].

    Args:
        image: Image of one, three or four channels; any other is a `ShapeError`.
        name: Name of the image, for messages.
        bits: Bits that a uint16 array uses, see `bit_depth`.
        device: Device of the result; bytes are sent there, a quarter of what floats take.
    """
    if isinstance(image, np.ndarray):
        array = image[..., None] if image.ndim == 2 else image
        if array.dtype == np.uint16:
            array = array.astype(np.float32) / (2**bits - 1)
        tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))
        tensor = tensor.permute(2, 0, 1) if tensor.dim() == 3 else tensor
    else:
        tensor = image[None] if image.dim() == 2 else image
    if tensor.dim() != 3 or tensor.shape[0] not in (1, 3, 4) or 0 in tensor.shape:
        raise ShapeError(f"{name}: expected an image [H, W, 3] or [H, W], got shape {tuple(image.shape)}")
    tensor = tensor[:3].to(device)
    scaled = tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()
    return scaled.expand(3, -1, -1)
