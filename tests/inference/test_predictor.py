from __future__ import annotations

import numpy as np
import pytest
import torch

from dsmnet import build_model
from dsmnet.errors import ShapeError
from dsmnet.inference import StereoPredictor
from dsmnet.inference.padding import Padding
from dsmnet.inference.predictor import to_tensor


@pytest.fixture(scope="module")
def net() -> StereoPredictor:
    torch.manual_seed(0)
    return build_model("tiny").eval()


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(375, 1242), (33, 47), (8, 200), (1, 1), (64, 64)])
def test_any_size(net: StereoPredictor, size: tuple[int, int]) -> None:
    disparity = net.predict(image(*size), image(*size, seed=1), max_disparity=32)
    assert disparity.shape == size
    assert disparity.dtype == np.float32
    assert np.isfinite(disparity).all()
    assert disparity.min() >= 0


def test_forms_of_an_image_agree(net: StereoPredictor) -> None:
    left, right = image(40, 64), image(40, 64, seed=1)
    expected = net.predict(left, right)
    as_float = net.predict(left.astype(np.float32) / 255, right.astype(np.float32) / 255)
    as_tensor = net.predict(torch.from_numpy(left).permute(2, 0, 1), torch.from_numpy(right).permute(2, 0, 1))
    as_16_bit = net.predict(left.astype(np.uint16) * 257, right.astype(np.uint16) * 257)
    with_alpha = net.predict(np.dstack([left, left[..., :1]]), np.dstack([right, right[..., :1]]))
    for other in (as_float, as_tensor, as_16_bit, with_alpha):
        np.testing.assert_allclose(other, expected, atol=1e-3)
    grey = net.predict(left[..., 0], right[..., 0])
    np.testing.assert_allclose(
        grey, net.predict(left[..., :1].repeat(3, 2), right[..., :1].repeat(3, 2)), atol=1e-4
    )


def test_exposure_and_tint_cancel(net: StereoPredictor) -> None:
    original = torch.rand(1, 3, 40, 64)
    changed = original * torch.tensor([1.5, 1.0, 0.4]).view(1, 3, 1, 1) + 0.1
    torch.testing.assert_close(net.net.normalize(changed), net.net.normalize(original), atol=0.02, rtol=0)


def test_bad_pairs_are_named(net: StereoPredictor) -> None:
    with pytest.raises(ShapeError, match=r"left \(40, 64\), right \(40, 60\)"):
        net.predict(image(40, 64), image(40, 60))
    with pytest.raises(ShapeError, match=r"right.*\(2, 3, 4, 5\)"):
        net.predict(image(3, 4), np.zeros((2, 3, 4, 5), np.uint8))
    with pytest.raises(ShapeError, match="max_disparity=0"):
        net.predict(image(8, 8), image(8, 8), max_disparity=0)


def test_training_mode_is_restored(net: StereoPredictor) -> None:
    net.train()
    net.predict(image(16, 16), image(16, 16))
    assert net.training
    net.eval()


def test_it_is_a_module_on_normalised_tensors(net: StereoPredictor) -> None:
    normalised = net.net.normalize(torch.rand(2, 3, 64, 96))
    assert net.features(normalised).shape == (2, 16, 16, 24)
    assert net(normalised, normalised)[-1].shape == (2, 1, 64, 96)


@pytest.mark.parametrize("size", [(375, 1242), (1, 1), (64, 64)])
def test_padding_is_undone(net: StereoPredictor, size: tuple[int, int]) -> None:
    original = torch.rand(1, 3, *size)
    padding = Padding.for_net(net.net, *size)
    padded = padding.apply(original)
    for padded_size, least in zip(padded.shape[-2:], net.net.smallest, strict=True):
        assert padded_size % net.net.divisor == 0
        assert padded_size >= least
    assert torch.equal(padding.cut(padded), original)


def test_zero_variance_images_stay_finite() -> None:
    assert torch.isfinite(build_model("tiny").net.normalize(torch.full((1, 3, 8, 8), 0.5))).all()
    assert to_tensor(np.full((4, 5), 255, np.uint8)).max() == 1
