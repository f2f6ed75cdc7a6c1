"""The same on a CUDA device, where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet import build_model, load_model
from dsmnet.config import compose
from dsmnet.inference import StereoPredictor
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


def prediction(net: StereoPredictor, width: int = 180, seed: int = 0) -> np.ndarray:
    left, right = np.random.default_rng(seed).integers(0, 256, (2, 100, width, 3)).astype(np.uint8)
    return net.predict(left, right, max_disparity=64)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_replayed_graph_equals_the_eager_pass_at_two_sizes(precision: str) -> None:
    net = load_model(device="cuda", precision=precision)
    eager = load_model(device="cuda", precision=precision, cuda_graphs=False)
    for seed in range(4):  # as it is, recorded, replayed
        for width in (180, 260):
            expected = prediction(eager, width, seed)
            assert np.median(np.abs(prediction(net, width, seed) - expected)) < 1e-3
            assert expected.std() > 0.1
    assert net.cuda_graphs.enabled
    assert len(net.cuda_graphs._recorded) == 2


@pytest.mark.parametrize("assign", [False, True])
def test_replayed_graph_follows_new_weights(assign: bool) -> None:
    net, other = build_model("dsmnet_lite").cuda(), load_model(device="cuda", cuda_graphs=False)
    before = [prediction(net) for _ in range(3)][-1]
    net.net.load_state_dict(other.net.state_dict(), assign=assign)
    for _ in range(3):
        assert np.median(np.abs(prediction(net) - prediction(other))) < 1e-3
    assert np.median(np.abs(before - prediction(other))) > 0.1
    assert len(net.cuda_graphs._recorded) == 1


def test_network_moved_away_and_back_predicts_the_same() -> None:
    net = load_model(device="cuda")
    first = [prediction(net) for _ in range(3)][-1]
    assert np.median(np.abs(prediction(net.cpu()) - first)) < 1e-2
    for _ in range(3):
        assert np.median(np.abs(prediction(net.cuda()) - first)) < 1e-3
