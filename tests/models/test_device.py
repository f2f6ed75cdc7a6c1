"""Forward passes wait for no device: on "meta" nothing has values, and nothing may be made on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dsmnet import build_model
from dsmnet.ops import correlation, soft_argmax
from dsmnet.ops.sga import scan
from dsmnet.ops.sgf import wavefront

META = torch.device("meta")
FROM_HOST = (torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor)  # below "meta" sees nothing


class RefusesHostTensors(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        assert all(tensor.device == META for tensor in tensors), f"{func} takes or gives a tensor of the CPU"
        return result


class RefusesHostValues(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func not in FROM_HOST, f"{func} copies from the CPU"
        return func(*args, **(kwargs or {}))


@contextmanager
def staying_on_device() -> Iterator[None]:
    """Refuse copies from the CPU, tensors of the CPU and reads of a value: none can be captured."""
    with torch.inference_mode(), RefusesHostValues(), RefusesHostTensors():
        yield


def test_what_waits_for_the_device_is_refused() -> None:
    x = torch.ones(3, device=META)
    for stray in (
        lambda: x.new_tensor([1.0]),
        lambda: torch.tensor(1.0, device=META),
        lambda: torch.arange(3).to(META),
        lambda: torch.zeros(2),
        lambda: float(x.sum()),
        lambda: x.sum().item() > 0,
    ):
        with pytest.raises((AssertionError, RuntimeError), match=r"CPU|meta"), staying_on_device():
            stray()


@pytest.mark.parametrize("network", ["dsmnet_lite", "dsmnet", "psmnet", "gwcnet"])
def test_forward_stays_on_the_device(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)  # "meta" has no autocast
    monkeypatch.setattr(torch, "autocast", lambda device, enabled: nullcontext())
    with META:
        net = build_model(network).net.eval()
    views = torch.ones(2, 3, *net.smallest, device=META)
    with staying_on_device():
        disparity = net.match(*net.normalize(views).split(1), 48).disparities[-1]
    assert disparity.shape == (1, 1, *net.smallest)


def test_operators_stay_on_the_device_once_their_tables_are_made() -> None:
    maps, volume = torch.ones(2, 4, 9, 13, device=META), torch.ones(2, 4, 6, 9, 13, device=META)
    weights = torch.ones(2, 4, 5, 9, 13, device=META)

    def run() -> None:
        wavefront.run(maps, weights)
        scan.run(volume, weights, "mean", False)
        soft_argmax._run(volume[:, 0], 4, 21)
        correlation._run(volume[:, :, :3], volume[:, :, :3], 4)

    run()
    with staying_on_device():
        run()
