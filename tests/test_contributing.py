"""The examples of CONTRIBUTING.md work as they are printed there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from dsmnet.config import compose, instantiate
from dsmnet.types import StereoSample

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = re.compile(
    r"^`(?P<path>[\w/]+\.(?:py|yaml))`\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
EXAMPLES = {m["path"]: m["text"] for m in EXAMPLE.finditer((ROOT / "CONTRIBUTING.md").read_text("utf-8"))}


def config_of(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **values: Any) -> DictConfig:
    """Import the example's module under the name it would have, and return its yaml."""
    code, yaml = (path for path in EXAMPLES if Path(path).stem == example)
    assert code.endswith(".py")
    file = tmp_path / "example.py"
    file.write_text(EXAMPLES[code], encoding="utf-8")
    name = code.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    parent, _, attribute = name.rpartition(".")
    monkeypatch.setattr(importlib.import_module(parent), attribute, module, raising=False)
    spec.loader.exec_module(module)
    config = OmegaConf.create({**values, "example": OmegaConf.create(EXAMPLES[yaml])})
    assert isinstance(config, DictConfig)
    return config.example


def test_there_are_three_examples_of_two_files() -> None:
    assert len(EXAMPLES) == 6
    assert all(not (ROOT / path).exists() for path in EXAMPLES)
    assert all((ROOT / path).parent.is_dir() for path in EXAMPLES)


def test_a_normalisation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placement = instantiate(config_of("pixel", tmp_path, monkeypatch))
    x = torch.randn(2, 5, 6, 7)
    out = placement.inner(5, 2)(x)
    torch.testing.assert_close(out.square().mean(1), torch.ones(2, 6, 7), rtol=1e-2, atol=1e-2)
    cfg = compose("build", ["model=tiny"])
    cfg.norm = config_of("pixel", tmp_path, monkeypatch)
    net = instantiate(cfg.model)
    assert any(type(part).__name__ == "PixelNorm" for part in net.modules())


def test_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sample: StereoSample = {
        "left": rng.integers(0, 256, (6, 9, 3), np.uint8),
        "right": rng.integers(0, 256, (6, 9, 3), np.uint8),
        "disparity": rng.integers(0, 2000, (6, 9)).astype(np.float32) / 256,
        "name": "0001",
        "dataset": "garden",
    }
    sample["valid"] = sample["disparity"] > 0
    config = config_of("garden", tmp_path, monkeypatch, paths={"data": str(tmp_path)})
    module = sys.modules["dsmnet.data.garden"]
    module.Garden.write_fake(tmp_path / "garden", [sample])
    data = instantiate(config)
    assert len(data) == 1
    for key in ("left", "right", "disparity", "valid"):
        np.testing.assert_array_equal(data[0][key], sample[key])


def test_an_aggregation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = compose("build", ["model=tiny"])
    cfg.model.aggregation = config_of("blur", tmp_path, monkeypatch)
    net = instantiate(cfg.model)
    assert type(net.aggregation).__name__ == "BlurAggregation"
    left, right = torch.randn(2, 1, 3, 64, 96)
    outputs = net(left, right)
    assert outputs[-1].shape == (1, 1, 64, 96)
    outputs[-1].sum().backward()
    assert net.aggregation.merge.weight.grad.abs().sum() > 0
