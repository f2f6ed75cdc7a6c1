"""A network as a graph of torch, for views of any size."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from dsmnet.errors import UserError
from dsmnet.export.graph_metadata import UNBOUNDED
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.models.stereo_net import StereoNet

LARGEST = 2**14  # pixels; a graph needs a bound, and no image is as large


class _Graph(nn.Module):
    """Normalised views [1, 3, H, W] -> disparity [1, 1, H, W] in pixels, with a fixed search range."""

    def __init__(self, net: StereoNet, max_disparity: int) -> None:
        super().__init__()
        self.net = net
        self.max_disparity = max_disparity

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.net(left, right, self.max_disparity)[-1]


def equal_ranges(net: StereoNet, max_disparity: int) -> tuple[int, int]:
    """Return the smallest and the largest search range, in pixels, that take the same planes of a network.

    Of a network without a range these are 1 and `UNBOUNDED`.
    """
    if not net.has_range:
        return 1, UNBOUNDED
    planes = net.planes(max_disparity)
    low = high = max_disparity
    while low > 1 and net.planes(low - 1) == planes:
        low -= 1
    while net.planes(high + 1) == planes:
        high += 1
    return low, high


def capture(
    predictor: StereoPredictor, max_disparity: int, size: tuple[int, int] | None = None
) -> ExportedProgram:
    """Return the graph of a network on the CPU, for padded views of a height and width; None: of any.

    The graph filters stay single nodes, `dsmnet::sga_scan` and `dsmnet::sgf_scan`.
    """
    if os.environ.get("DSMNET_BACKEND", "auto") not in ("auto", "scan"):
        raise UserError(f"DSMNET_BACKEND={os.environ['DSMNET_BACKEND']}: an export needs auto or scan")
    net = predictor.net.eval()
    if size:
        fixed = torch.zeros(1, 3, *size)
        with torch.no_grad():
            return torch.export.export(_Graph(net, max_disparity), (fixed, fixed.clone()), strict=False)
    step = net.divisor
    least = [max(4, -(-size // step)) for size in net.smallest]
    height, width = (
        Dim(name, min=low, max=LARGEST // step) for name, low in zip(("rows", "columns"), least, strict=True)
    )
    shape = {2: step * height, 3: step * width}
    # Not the smallest size: what happens to fit there would be taken for a rule.
    views = torch.zeros(2, 1, 3, (least[0] + 2) * step, (least[1] + 5) * step)
    with torch.no_grad():
        return torch.export.export(
            _Graph(net, max_disparity), (views[0], views[1]), dynamic_shapes=(shape, shape), strict=False
        )
