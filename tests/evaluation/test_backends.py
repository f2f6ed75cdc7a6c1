"""What computes the graph filters and norms does not show in a table."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Subset

from dsmnet import load_model
from dsmnet.config import compose, instantiate
from dsmnet.evaluation import EvaluationProtocol, evaluate_set
from dsmnet.ops.sgf import sgf_reference


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["kitti2015", "kitti2012", "middlebury", "middlebury2006", "eth3d"])
def test_plain_operations_give_the_same_error(name, real_data, monkeypatch):
    """One pair of each set, the weights that come with the package; 64 pixels of range for speed."""
    node = compose("evaluate", [f"dataset={name}", f"paths.data={real_data}"]).dataset
    if not Path(node.root).is_dir():
        pytest.skip(f"no {node.root}")
    pair = Subset(instantiate(node), [0])
    net = load_model(device="cpu")
    calls: list[torch.Size] = []

    def counted(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        calls.append(x.shape)
        return sgf_reference(x, weights)

    module = importlib.import_module("dsmnet.ops.sgf")  # as an attribute, the name is the function's
    monkeypatch.setattr(module, "sgf_reference", counted)
    errors: list[Any] = []
    for backend in ("auto", "reference"):
        monkeypatch.setenv("DSMNET_BACKEND", backend)
        found = evaluate_set(net, pair, EvaluationProtocol(), max_disparity=64, progress=False)
        errors.append(found.average("epe"))
        assert bool(calls) == (backend == "reference")
    assert errors[1] == pytest.approx(errors[0], abs=0.01)
