"""A training step beside the straightforward one: plain filters, contiguous layout, loops over weights."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from benchmarks.compare import Case
from dsmnet.config import compose, instantiate
from dsmnet.losses import StereoLoss
from dsmnet.models.stereo_net import StereoNet
from dsmnet.training.averaging import moving_average, moving_averages
from dsmnet.training.recompute import recompute_stages


def cases(
    model: str,
    norm: str,
    crop: Sequence[int],
    batch_size: int,
    max_disparity: int,
    target: float,
    memory_target: float,
    device: str,
) -> list[Case]:
    """Return the step as it is, and with stages computed again; both against the straightforward one."""
    setup = functools.partial(
        training_step, model, norm, (batch_size, 3, *crop), max_disparity=max_disparity, device=device
    )
    size = f"{model}, {batch_size}x{crop[0]}x{crop[1]}, {max_disparity} px"
    against = "plain operations, contiguous, loops over weights"
    case = functools.partial(Case, slow=functools.partial(setup, plain=True), against=against, memory=True)
    return [
        case(f"training step, {size}", functools.partial(setup), target=target),
        case(
            f"training step, {size}, recompute=true",
            functools.partial(setup, recompute=True),
            memory_target=memory_target,
        ),
    ]


def training_step(
    model: str,
    norm: str,
    size: tuple[int, ...],
    *,
    max_disparity: int,
    device: str,
    plain: bool = False,
    recompute: bool = False,
) -> Callable[[], object]:
    """Prepare a network and its optimiser; return what makes one step, to the averaged weights."""
    torch.manual_seed(0)
    net: StereoNet = (
        instantiate(compose("build", [f"model={model}", f"norm={norm}"]).model).to(device).train()
    )
    if plain:
        to_contiguous(net)
    if recompute:
        recompute_stages(net)
    optimizer = torch.optim.AdamW(net.parameters(), foreach=False if plain else None)
    one, many = (moving_average(0.998), None) if plain else (None, moving_averages(0.998))
    averaged = AveragedModel(net, avg_fn=one, multi_avg_fn=many, use_buffers=True)
    loss = StereoLoss((0.3, 0.6, 1.0), (0.25, 0.5))
    left = torch.rand(size, generator=torch.Generator().manual_seed(1)).to(device)
    right = left.roll(-8, 3)
    ground_truth = torch.full((size[0], 1, *size[2:]), 8.0, device=device)
    valid = torch.ones_like(ground_truth, dtype=torch.bool)

    def step() -> None:
        output = net.match(net.normalize(left), net.normalize(right), max_disparity)
        loss(output.disparities, output.logits, ground_truth, valid).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0, foreach=not plain)
        optimizer.step()
        optimizer.zero_grad()
        averaged.update_parameters(net)

    return functools.partial(with_backend, "reference", step) if plain else step


def to_contiguous(net: nn.Module) -> None:
    """Undo `dsmnet.models.stereo_net.to_channels_last`."""
    for parameter in net.parameters():
        parameter.data = parameter.data.contiguous(memory_format=torch.contiguous_format)


def with_backend(name: str, run: Callable[[], object]) -> None:
    """Run with ``DSMNET_BACKEND`` set, and as before afterwards."""
    before = os.environ.get("DSMNET_BACKEND")
    os.environ["DSMNET_BACKEND"] = name
    try:
        run()
    finally:
        if before is None:
            del os.environ["DSMNET_BACKEND"]
        else:
            os.environ["DSMNET_BACKEND"] = before
