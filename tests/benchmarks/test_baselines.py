"""The authors' networks are read from a clone by its path; a small one is written here in their place."""

from __future__ import annotations

import functools
import logging
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.baselines import cases
from benchmarks.parts import part_cases, run_parts
from dsmnet.errors import UserError

# What a clone of GwcNet looks like from outside: `models`, a class by its name, their names of tensors.
CLONE = """
from dsmnet import build_model
from dsmnet.models.official import gwcnet
from models.parts import OFFSET
from torch import nn

class GwcNet_GC(nn.Module):
    def __init__(self, maxdisp):
        super().__init__()
        self.range, self.net = maxdisp, build_model("gwcnet", "batch", ["norm@norm3d=batch"]).net

    def state_dict(self):
        return {gwcnet.official_name(name): tensor for name, tensor in self.net.state_dict().items()}

    def forward(self, left, right):
        maps = [each.squeeze(1).cuda() + OFFSET for each in self.net(left, right, self.range)]
        return maps if self.training else maps[-1:]
"""
measure = functools.partial(
    cases, psmnet=None, size=[64, 128], max_disparity=32, tolerance=1e-3, target=1.2, device="cpu"
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "__init__.py").write_text(CLONE)
    (folder / "parts.py").write_text("OFFSET = 0.0\n")
    return tmp_path


def test_both_run_with_the_same_weights(clone: Path) -> None:
    cuda = torch.Tensor.cuda
    prediction, training = measure(gwcnet=str(clone))
    assert (prediction.name, training.name) == (
        "prediction, gwcnet, 64x128, 32 px",
        "training step, gwcnet, 64x128, 32 px",
    )
    ours, theirs = prediction.fast(), prediction.slow()
    torch.testing.assert_close(ours(), theirs(), rtol=0, atol=1e-3)
    for setup in (training.fast, training.slow):
        setup()()
    assert torch.Tensor.cuda is cuda
    assert "models" not in sys.modules
    assert str(clone) not in sys.path


def test_another_result_is_no_comparison(clone: Path) -> None:
    (clone / "models" / "parts.py").write_text("OFFSET = 0.01\n")
    with pytest.raises(
        UserError, match=r"baselines\.gwcnet=.*: disparities differ by 0\.01 px; expected 0.001"
    ):
        measure(gwcnet=str(clone))


def test_a_folder_that_is_no_clone(tmp_path: Path, clone: Path) -> None:
    with pytest.raises(
        UserError, match=r"baselines\.gwcnet=nowhere: expected a clone of https.*GwcNet, found no"
    ):
        measure(gwcnet="nowhere")
    (clone / "models" / "__init__.py").write_text("")
    with pytest.raises(UserError, match=r"expected a clone of .*no attribute 'GwcNet_GC'"):
        measure(gwcnet=str(clone))


def test_without_clones_the_part_is_left_out_of_all(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"baselines": {"psmnet": None, "gwcnet": None}}
    assert part_cases("baselines", "cpu", options) == []
    with pytest.raises(
        UserError, match=r"part baselines lacks its input; conf/benchmark_part/baselines\.yaml"
    ):
        run_parts(["baselines"], 1, torch.device("cpu"), options)
    with caplog.at_level(logging.INFO):
        assert run_parts(["baselines"], 1, torch.device("cpu"), options, required=False) == {}
    assert "left out: part baselines" in caplog.text
