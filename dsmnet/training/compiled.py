"""`torch.compile` of the network in the training step: fewer passes over memory, for minutes at the start."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed
from torch._dynamo.utils import counters

from dsmnet.errors import UserError
from dsmnet.models.stereo_net import StereoNet, StereoOutput

log = logging.getLogger(__name__)

Match = Callable[[StereoNet, Tensor, Tensor, int], StereoOutput]


def match_views(net: StereoNet, left: Tensor, right: Tensor, max_disparity: int) -> StereoOutput:
    """Normalise two views in [0, 1], [N, 3, H, W], and match them: what is compiled."""
    return net.match(net.normalize(left), net.normalize(right), max_disparity)


class CompiledMatch:
    """`match_views`, compiled at its first call.

    The network is an argument of what is compiled and not wrapped: names in checkpoints stay as they are, and
    a copy of the network brings its own weights.

    Args:
        device: ``cpu`` or ``cuda``.
        backend: Backend of `torch.compile`.

    Raises:
        UserError: There is no compiler; at the first call, that it failed.
    """

    def __init__(self, device: str, backend: str = "inductor") -> None:
        if backend == "inductor":
            check_compiler(device)
        torch.compiler.reset()  # of several runs in one process, each starts with the full number of graphs
        self.graphs: int | None = None
        self.breaks = 0
        self._compiled: Match = torch.compile(match_views, backend=backend, dynamic=False)

    def __call__(self, net: StereoNet, left: Tensor, right: Tensor, max_disparity: int) -> StereoOutput:
        """See `match_views`."""
        if self.graphs is not None:
            return self._compiled(net, left, right, max_disparity)
        log.info("compiling the network; this takes minutes, once")
        start, graphs = time.perf_counter(), counters["stats"]["unique_graphs"]
        known = counters["graph_break"].copy()
        try:
            output = self._compiled(net, left, right, max_disparity)
        except BackendCompilerFailed as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise UserError(
                f"compile=true: the compiler failed ({' '.join(lines[:2])}); expected one that works with "
                "torch.compile, or compile=false"
            ) from error
        self.graphs = counters["stats"]["unique_graphs"] - graphs
        reasons = counters["graph_break"] - known
        self.breaks = sum(reasons.values())
        log.info(
            "forward pass compiled in %.0f s: %d graphs, %d graph breaks; the backward pass follows",
            time.perf_counter() - start,
            self.graphs,
            self.breaks,
        )
        for reason in reasons:
            log.warning("graph break: %s", reason.splitlines()[0])
        return output


def check_compiler(device: str) -> None:
    """Refuse where torch's compiler lacks what it calls: a C++ compiler, on a GPU also Triton.

    Raises:
        UserError: It is not there.
    """
    compiler = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if shutil.which(compiler) is None:
        raise UserError(
            f"compile=true: no C++ compiler {compiler}, which torch.compile calls; expected one on the PATH "
            "(the environment variable CXX names another), or compile=false"
        )
    if device == "cuda" and importlib.util.find_spec("triton") is None:
        raise UserError("compile=true: torch.compile needs Triton on a GPU; expected it, or compile=false")
