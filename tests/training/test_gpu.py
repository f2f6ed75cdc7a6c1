"""The same on a CUDA device, where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.config import compose
from dsmnet.ops import sga, sgf
from dsmnet.run import train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.mark.parametrize("precision", ["auto", "32-true", "16-mixed"])
def test_a_network_trained_there_is_used_on_the_cpu(tmp_path: Path, precision: str) -> None:
    overrides = ["trainer=gpu", "trainer.max_steps=4", f"trainer.precision={precision}", "progress=false"]
    overrides += ["loader.epoch_steps=2", "loader.validation_pairs=2", "loader.workers=0"]
    overrides += [f"paths.output={tmp_path}"]
    net = load_model(train(compose("train", overrides), tmp_path), device="cpu")
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_prediction_agrees_with_the_cpu() -> None:
    net = build_model("dsmnet_lite").eval()
    left, right = np.random.default_rng(0).integers(0, 256, (2, 100, 180, 3)).astype(np.uint8)
    expected = net.predict(left, right, max_disparity=64)
    result = net.cuda().predict(left, right, max_disparity=64)
    assert np.median(np.abs(result - expected)) < 1e-2


def test_graph_filters_agree_with_the_cpu() -> None:
    weights = torch.randn(1, 4, 5, 9, 13).softmax(2)
    x, volume = torch.randn(1, 3, 9, 13), torch.randn(1, 2, 5, 9, 13)
    torch.testing.assert_close(sgf(x.cuda(), weights.cuda()).cpu(), sgf(x, weights), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        sga(volume.cuda(), weights.cuda()).cpu(), sga(volume, weights), atol=1e-4, rtol=1e-4
    )
