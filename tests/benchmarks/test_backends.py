"""The part of whole predictions: same pair for all, and what is missing is said to be."""

from __future__ import annotations

import functools
import importlib.util
import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.backends import cases
from benchmarks.compare import Case, Comparison, Network, compare, markdown
from benchmarks.work import multiply_adds, parameters
from dsmnet import build_model
from dsmnet.ops.convolution import conv3d
from dsmnet.types import Matcher

PART: dict[str, Any] = {
    "networks": ["mine.ckpt"],
    "backends": ["torch", "openvino"],
    "modes": ["sgbm_3way"],
    "baselines": {"coex": None},
    "size": [48, 80],
    "large": [64, 96],
    "max_disparity": 16,
    "mode": "hh",
    "targets": {"torch": 2.0},
    "large_target": 0.5,
    "memory_bound": 350,
    "device": "cpu",
}


class Recorder(Matcher):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
        self.asked.append((left, right, max_disparity))
        return np.zeros(left.shape[:2], np.float32)


def measured(case: Case) -> Comparison:
    """Compare without the memory, which takes a process of its own."""
    return compare(Case(case.name, case.fast, case.slow, case.against, case.target, network=case.network), 1)


def test_each_backend_beside_sgbm(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    loaded: list[dict[str, Any]] = []
    recorder = Recorder()

    def load(checkpoint: str | None, **options: Any) -> Recorder:
        loaded.append({"checkpoint": checkpoint, **options})
        return recorder

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else real(name))
    caplog.set_level(logging.INFO)
    sgbm, torch_case, large = cases(load, **PART)
    assert [case.against for case in (sgbm, torch_case, large)] == [*["StereoSGBM hh"] * 2, "48x80, 16 px"]
    assert "openvino is not installed" in caplog.text
    loaded.clear()
    recorder.asked.clear()
    result = measured(torch_case)
    assert result.target == 2.0
    assert loaded == [
        {"checkpoint": "mine.ckpt", "device": "cpu", "backend": "torch", "precision": "float32"}
    ]
    assert len(recorder.asked) == 3  # the first by which back ends compile
    assert recorder.asked[-1][0].shape == (48, 80, 3)
    assert recorder.asked[-1][2] == 16
    recorder.asked.clear()
    assert measured(large).target == 0.5
    assert {left.shape for left, _, _ in recorder.asked} == {(64, 96, 3), (48, 80, 3)}
    assert measured(sgbm).network == Network("StereoSGBM", "sgbm_3way", "48x80, 16 px")


def test_table_of_networks_has_their_size_work_and_what_was_promised() -> None:
    network = Network("mine", "torch float32", "48x80, 16 px", 1_500_000, 12.34e9, memory_bound=300)
    found = Comparison(
        "a", "SGBM", 0.1, 0.2, 2.0, (1.0, 4.0), 2.5, 301.0, None, None, None, None, None, network
    )
    bare = Comparison("b", "SGBM", 0.1, 0.2, 2.0, (2.0, 2.0), None, None, None, None, None, None, None,
                      Network("SGBM", "hh", "48x80, 16 px"))  # fmt: skip
    lines = markdown("backends", [found, bare]).splitlines()
    assert lines[-2] == (
        "| mine | torch float32 | 48x80, 16 px | 100.0 | SGBM | 0.50 (0.25-1.00), target 0.4 missed "
        "| 301, target 300 missed | 1.50 | 12.3 |"
    )
    assert lines[-1] == "| SGBM | hh | 48x80, 16 px | 100.0 | SGBM | 0.50 (0.50-0.50) |  |  |  |"
    assert found.to_dict()["network"]["multiply_adds"] == 12.34e9


def test_work_of_convolutions_is_counted_by_whichever_kernel_they_run() -> None:
    x, weight = torch.rand(1, 2, 4, 8, 8), torch.rand(3, 2, 3, 3, 3)
    with torch.no_grad():
        by_hand = 3 * 2 * 27 * 4 * 8 * 8
        assert multiply_adds(functools.partial(conv3d, x, weight, padding=(1, 1, 1))) == by_hand
    with torch.inference_mode():
        deep = nn.Conv2d(4, 8, 3, groups=2)  # 2 channels of the input for each of 8, 36 pixels
        assert multiply_adds(lambda: deep(torch.rand(1, 4, 8, 8))) == 8 * 2 * 9 * 36
    assert multiply_adds(lambda: None) is None
    assert parameters(deep) == 8 * 2 * 9 + 8
    assert parameters(object()) is None


def test_work_of_dsmnet_lite_is_that_of_its_layers() -> None:
    net, image, seen = build_model("dsmnet_lite"), torch.zeros(3, 64, 128), [0]

    def count(module: Any, _: Any, out: torch.Tensor) -> None:
        seen[0] += out.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
    assert not any("Transpose" in type(m).__name__ for m in net.modules())
    net.predict(image, image, 192)
    for hook in hooks:
        hook.remove()
    assert multiply_adds(lambda: net.predict(image, image, 192)) == seen[0] > 1e8
