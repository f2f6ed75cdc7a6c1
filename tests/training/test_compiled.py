"""A compiled training step computes what the plain one does, and leaves no trace in checkpoints."""

from __future__ import annotations

import copy
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dsmnet import build_model
from dsmnet.errors import UserError
from dsmnet.layers import DomainNorm
from dsmnet.layers.graph_filter import GraphFilter
from dsmnet.layers.norms.placement import Everywhere
from dsmnet.models.checkpoint import read_weights
from dsmnet.models.stereo_net import StereoOutput
from dsmnet.run import train
from dsmnet.training.compiled import CompiledMatch, Match, check_compiler, match_views
from tests.training.test_training import small

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler g++")


def step(match: Match, net: Any, max_disparity: int) -> tuple[float, dict[str, Tensor]]:
    """Return loss and gradients of one step, in float64 but for what the refinement does in float32."""
    views = torch.rand(2, 2, 3, 64, 96, generator=torch.Generator().manual_seed(1)).double()
    output = match(net, views[0], views[1], max_disparity)
    loss = torch.stack([d.square().mean() for d in output.disparities]).sum() + output.logits[-1].mean()
    loss.backward()
    return loss.item(), {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


def check_step(match: Match, net: Any, max_disparity: int = 32) -> None:
    """Compare a step, and the running statistics after it, with the plain one."""
    net = net.double().train()
    twin = copy.deepcopy(net)
    loss, gradients = step(match_views, net, max_disparity)
    found_loss, found = step(match, twin, max_disparity)
    assert found_loss == pytest.approx(loss, rel=1e-6)
    assert found.keys() == gradients.keys()
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-6 * largest, msg=name)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(twin.state_dict()[name], tensor, msg=name)


def test_the_step_is_one_graph_with_the_same_gradients() -> None:
    """The graph as it is captured, without a compiler; the graph filter is in it as one operator."""
    match = CompiledMatch("cpu", backend="aot_eager")
    check_step(match, build_model("tiny", "batch", ["norm@norm3d=batch", "model.graph_filter=true"]).net)
    assert (match.graphs, match.breaks) == (1, 0)


class Little(nn.Module):
    """A norm and a custom operator of the networks: `tiny` takes minutes to compile."""

    def __init__(self) -> None:
        super().__init__()
        norm = Everywhere(DomainNorm)
        self.normalize = nn.Identity()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), GraphFilter(4, norm))

    def match(self, left: Tensor, right: Tensor, max_disparity: int) -> StereoOutput:
        left, right = self.features(torch.cat([left, right])).chunk(2)
        return StereoOutput([(left * right).sum(1)], [left - right])


@needs_compiler
def test_compiled_code_takes_the_same_step() -> None:
    torch.manual_seed(0)
    match = CompiledMatch("cpu")
    check_step(match, Little(), 8)
    assert (match.graphs, match.breaks) == (1, 0)


def run(path: Path, *overrides: str) -> dict[str, Any]:
    """Train and return what last.ckpt holds."""
    train(small(path, "loader.batch_size=1", *overrides), path)
    content: dict[str, Any] = torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)
    return content


@pytest.fixture
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capture the graph as always, but run it as it is: seconds in place of minutes."""
    monkeypatch.setattr("dsmnet.run.CompiledMatch", lambda device: CompiledMatch(device, backend="aot_eager"))


@pytest.mark.usefixtures("without_compiler")
def test_checkpoints_have_the_same_names_and_resume_either_way(tmp_path: Path) -> None:
    names = []
    for until, compiled in ((2, "true"), (4, "false")):
        resume = [f"resume={tmp_path}/checkpoints/last.ckpt"] if names else []
        state = run(tmp_path, f"trainer.max_steps={until}", f"compile={compiled}", *resume)
        assert state["global_step"] == until
        names.append(list(state["state_dict"]))
    assert names[0] == names[1]
    weights, _ = read_weights(tmp_path / "weights.safetensors")
    assert weights.keys() == build_model("tiny").net.state_dict().keys()


def test_compile_with_recompute_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="compile=true with recompute=true: expected one of the two"):
        run(tmp_path, "compile=true", "recompute=true")


def test_no_compiler_is_said_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"compile=true: no C\+\+ compiler no-such-compiler"):
        run(tmp_path, "compile=true")
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_gpu_needs_triton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "c++"
    compiler.touch(mode=0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_compiler("cpu")
    with pytest.raises(UserError, match=r"compile=true: .* Triton"):
        check_compiler("cuda")


class Branching(nn.Module):
    """Like a network, with a branch that depends on data."""

    normalize = nn.Identity()

    def match(self, left: Tensor, right: Tensor, max_disparity: int) -> Tensor:
        return left - right if left.sum() > 0 else right * 2


def test_graph_breaks_are_counted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    match = CompiledMatch("cpu", backend="aot_eager")
    left, right = torch.ones(2, 1, 3, 4, 4)
    with caplog.at_level(logging.INFO):
        result = match(Branching(), left, right, 8)  # type: ignore[arg-type]
    assert torch.equal(result, left - right)  # type: ignore[arg-type]
    assert match.breaks > 0
    assert f"{match.breaks} graph breaks" in caplog.text
    assert "graph break: Data-dependent" in caplog.text
