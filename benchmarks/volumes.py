"""The first convolution of a concatenated volume, folded, beside the one over the built volume."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch

from benchmarks.compare import Case
from dsmnet.layers.conv import VolumeConv
from dsmnet.stages.volumes import ConcatVolume, LazyConcatVolume


def cases(
    sizes: Sequence[Sequence[int]],
    training_sizes: Sequence[Sequence[int]],
    width: int,
    target: float,
    memory_target: float,
    device: str,
) -> list[Case]:
    """Return a case per size."""
    found = []
    for backward, several in ((False, sizes), (True, training_sizes)):
        for size in several:
            n, channels, planes, h, w = size
            setup = functools.partial(convolve, tuple(size), width, backward=backward, device=device)
            found.append(
                Case(
                    f"first convolution, {'x'.join(map(str, size))}" + ", and backward" * backward,
                    functools.partial(setup, fold=True),
                    functools.partial(setup, fold=False),
                    against="built volume",
                    target=None if backward else target,
                    memory=True,
                    memory_target=memory_target,
                    # forward: two maps and the kernel in, the result out
                    bytes=None
                    if backward
                    else 4 * (n * h * w * (2 * channels + width * planes) + 54 * channels * width),
                )
            )
    return found


def convolve(
    size: tuple[int, ...], width: int, *, fold: bool, backward: bool, device: str
) -> Callable[[], object]:
    """Prepare two maps and a convolution; return what builds the volume, or does not, and convolves it."""
    n, channels, planes, h, w = size
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(2, n, channels, h, w, generator=generator).to(device)
    left, right = (x.contiguous(memory_format=torch.channels_last).requires_grad_(backward) for x in pair)
    volume = ConcatVolume(channels)
    conv = VolumeConv(volume.out_channels, width, 3, padding=1, bias=False).to(device)
    conv.to(memory_format=torch.channels_last_3d)

    def run() -> None:
        with torch.set_grad_enabled(backward):
            out = conv(LazyConcatVolume(volume, left, right, planes) if fold else volume(left, right, planes))
            if backward:
                left.grad = right.grad = conv.weight.grad = None
                out.square().sum().backward()

    return run
