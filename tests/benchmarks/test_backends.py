"""The part that times back ends: same pair for all, and those that are missing are said to be."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import numpy as np
import pytest

from benchmarks.backends import cases
from benchmarks.compare import compare
from dsmnet.types import Matcher


class Recorder(Matcher):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def predict(self, left: Any, right: Any, max_disparity: int | None = None) -> Any:
        self.asked.append((left, right, max_disparity))
        return np.zeros(left.shape[:2], np.float32)


def test_each_backend_beside_sgbm(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    loaded: list[dict[str, Any]] = []
    recorder = Recorder()

    def load(checkpoint: str | None, **options: Any) -> Recorder:
        loaded.append({"checkpoint": checkpoint, **options})
        return recorder

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else real(name))
    caplog.set_level(logging.INFO)
    found = cases(load, "mine.ckpt", ["torch", "openvino"], [48, 80], 16, "hh", 2.0, "cpu")
    assert [case.against for case in found] == ["StereoSGBM hh"]
    assert "openvino is not installed" in caplog.text
    result = compare(found[0], repeats=1)
    assert result.target == 2.0
    assert loaded == [
        {"checkpoint": "mine.ckpt", "device": "cpu", "backend": "torch", "precision": "float32"}
    ]
    assert len(recorder.asked) == 2
    assert recorder.asked[0][0].shape == (48, 80, 3)
    assert recorder.asked[0][2] == 16
