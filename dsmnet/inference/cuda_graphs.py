"""CUDA graphs: forward passes recorded once per size and replayed, where launches cost more than kernels."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dsmnet.models.checkpoint import reason
from dsmnet.models.stereo_net import StereoOutput

log = logging.getLogger(__name__)

Output = TypeVar("Output")
Forward = Callable[[Tensor, Tensor], Output]

_REMEMBERED = 64  # keys that have run once


class Recording:
    """A forward pass that replays what it ran on these views on others of the same size and memory format.

    Args:
        forward: Forward pass from two views to tensors.
        left: View [1, 3, H, W].
        right: View of the same size.
        beside: Recording to share the memory of a pass with.
    """

    def __init__(self, forward: Forward[Any], left: Tensor, right: Tensor, beside: Recording | None) -> None:
        self.left, self.right = left.clone(), right.clone()
        with torch.cuda.device_of(left):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):  # libraries allocate for a stream when they first run on it
                forward(self.left, self.right)
            torch.cuda.current_stream().wait_stream(stream)
            self.graph = torch.cuda.CUDAGraph()
            pool = beside.graph.pool() if beside else None
            # Other threads may meanwhile do what this one may not.
            with torch.cuda.graph(self.graph, pool, stream, capture_error_mode="thread_local"):
                self.output = forward(self.left, self.right)

    def __call__(self, left: Tensor, right: Tensor) -> Any:
        """Return a copy of the results, over which the next replay of any recording writes."""
        self.left.copy_(left)
        self.right.copy_(right)
        self.graph.replay()
        return _copy(self.output)


class CudaGraphs:
    """Recorded forward passes of one network, of which the least recently used is dropped.

    A size runs as it is the first time and is recorded the second: those that come once, as tiles with a
    search range of their own may, are not worth it. All are dropped when a weight has been replaced or moved;
    values that change in place are followed. A network with hooks is never recorded, and none is after a
    recording that failed.

    Args:
        limit: Recordings that are kept.
        record: Records a forward pass, see `Recording`.
        device: Type of the devices that it records on.
    """

    def __init__(self, limit: int = 4, record: Callable[..., Any] = Recording, device: str = "cuda") -> None:
        self.limit, self.record, self.device = limit, record, device
        self.enabled = True
        self._recorded: OrderedDict[Hashable, Any] = OrderedDict()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._weights: tuple[int, ...] | None = None
        self._lock = threading.Lock()  # the views of a recording are shared

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle without recordings, which hold for the weights where they are."""
        return CudaGraphs, (self.limit, self.record, self.device), {"enabled": self.enabled}

    def run(
        self, net: nn.Module, forward: Forward[Output], key: Hashable, left: Tensor, right: Tensor
    ) -> Output:
        """Return ``forward(left, right)``, replayed where it has been recorded.

        Args:
            net: Network whose weights are watched.
            forward: Forward pass of `net`.
            key: Search range, precision and kind of the output of the forward pass.
            left: View [1, 3, H, W].
            right: View of the same size.
        """
        if not self.enabled or left.device.type != self.device:
            return forward(left, right)
        weights = _addresses(net)
        if weights is None:
            return forward(left, right)
        with self._lock:
            if weights != self._weights:
                self._recorded.clear()
                self._seen.clear()
                self._weights = weights
            key = (key, left.shape, left.stride(), right.stride(), left.dtype, left.device)
            run = self._recorded.get(key) or self._record(key, forward, left, right)
            if run:
                self._recorded.move_to_end(key)
                found: Output = run(left, right)
                return found
        return forward(left, right)

    def _record(self, key: Hashable, forward: Forward[Any], left: Tensor, right: Tensor) -> Any:
        """Return the recording of a key that has run before, else None."""
        if key not in self._seen:
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return None
        while len(self._recorded) >= self.limit:
            dropped, _ = self._recorded.popitem(last=False)
            self._seen.pop(dropped, None)
        try:
            beside = next(iter(self._recorded.values()), None)
            self._recorded[key] = self.record(forward, left, right, beside)
        except RuntimeError as error:  # of CUDA: out of memory, or what cannot be recorded
            self.enabled = False
            self._recorded.clear()
            log.warning("CUDA graphs are off, a forward pass could not be recorded: %s", reason(error))
            return None
        return self._recorded[key]


def _addresses(net: nn.Module) -> tuple[int, ...] | None:
    """Return where the weights lie, which a recording keeps to; None with hooks, which it would leave out."""
    found: list[int] = []
    for module in net.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            return None
        for tensors in (module._parameters, module._buffers):
            found += [tensor.data_ptr() for tensor in tensors.values() if tensor is not None]
    return tuple(found)


def _copy(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.clone()
    if isinstance(output, StereoOutput):
        updates = None if output.updates is None else output.updates.clone()
        return StereoOutput(_copy(output.disparities), _copy(output.logits), updates)
    return [_copy(each) for each in output]
