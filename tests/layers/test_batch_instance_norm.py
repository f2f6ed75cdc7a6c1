"""The gate of batch-instance normalisation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dsmnet.layers import BatchInstanceNorm
from dsmnet.layers.norms.instance import InstanceNorm

Sample = Callable[..., Tensor]


@pytest.mark.parametrize("training", [True, False])
def test_a_gate_out_of_range_counts_as_the_nearer_end(sample: Sample, training: bool) -> None:
    x = sample(2, 3, 5, 7)
    norm, clipped = BatchInstanceNorm(3).train(training), BatchInstanceNorm(3).train(training)
    norm.gate.data = torch.tensor([-0.5, 0.5, 1.5])
    clipped.gate.data = torch.tensor([0.0, 0.5, 1.0])
    torch.testing.assert_close(norm(x), clipped(x), rtol=0, atol=0)
    assert norm.gate.tolist() == [-0.5, 0.5, 1.5]  # a forward pass changes no parameter


def test_clip_gate() -> None:
    norm = BatchInstanceNorm(3)
    norm.gate.data = torch.tensor([-0.5, 0.5, 1.5])
    norm.clip_gate()
    assert norm.gate.tolist() == [0, 0.5, 1]


def test_gate_comes_back_from_the_end_of_its_range(sample: Sample) -> None:
    """The optimiser oversteps 1, the gate is clipped, and the gradient there still points inside."""
    x = sample(2, 3, 5, 7) * torch.tensor([0.2, 3.0]).view(2, 1, 1, 1)  # so that BN and IN differ
    norm = BatchInstanceNorm(3)
    target = InstanceNorm(3)(x).detach()
    optimiser = torch.optim.SGD([norm.gate], lr=0.1)
    norm.gate.data.fill_(1.2)
    for _ in range(60):
        optimiser.zero_grad()
        F.mse_loss(norm(x), target, reduction="sum").div(5 * 7).backward()
        optimiser.step()
        norm.clip_gate()
    assert (norm.gate < 0.2).all()
    assert (norm.gate >= 0).all()


def test_two_passes_before_one_gradient(sample: Sample) -> None:
    """As a network does that calls its features once for each view."""
    left, right = sample(2, 3, 5, 7), sample(2, 3, 5, 7, seed=1)
    norm = BatchInstanceNorm(3)
    norm.gate.data.fill_(1.5)
    (norm(left) * norm(right)).sum().backward()
    twin = BatchInstanceNorm(3)
    (twin(left) * twin(right)).sum().backward()
    torch.testing.assert_close(norm.gate.grad, twin.gate.grad)
