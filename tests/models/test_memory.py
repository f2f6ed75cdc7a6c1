"""Most that a prediction holds in tensors, counted one by one: neither allocator nor machine moves it."""

from __future__ import annotations

from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dsmnet import build_model


class LiveTensors(TorchDispatchMode):
    """Sum of the storages that operators have made and that somebody still holds."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in filter(torch.is_tensor, tree_leaves(out)):
            storage = tensor.untyped_storage()
            self.live.setdefault(storage._cdata, (StorageWeakRef(storage), storage.nbytes()))
        self.live = {key: entry for key, entry in self.live.items() if not entry[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.live.values()))
        return out


def test_a_prediction_holds_no_volume_while_it_refines() -> None:
    predictor = build_model("dsmnet_lite")
    image = torch.zeros(3, 96, 160)
    with LiveTensors() as tensors:
        predictor.predict(image, image, 192)
    # 370 bytes a pixel; 500 with the volume and maps of the refinement held for longer than they serve.
    assert 100 < tensors.peak / image[0].numel() < 400
