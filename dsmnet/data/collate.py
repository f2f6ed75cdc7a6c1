"""Samples -> batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from dsmnet.errors import DataError
from dsmnet.types import StereoBatch, StereoSample


def collate(samples: Sequence[StereoSample], max_disparity: float | None = None) -> StereoBatch:
    """Stack samples of one size into a batch; the one place that defines ``valid``.

    Ground truth at or above `max_disparity`, training's search range, does not count.
    """
    sizes = {sample["left"].shape for sample in samples}
    if len(sizes) > 1:
        names = ", ".join(f"{s['name']} {s['left'].shape[:2]}" for s in samples)
        raise DataError(f"a batch needs images of one size, got {names}; use batch_size=1 or a crop")
    batch: dict[str, Any] = {
        "name": [sample["name"] for sample in samples],
        "dataset": [sample["dataset"] for sample in samples],
    }

    def stack(key: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([cast(Any, sample)[key] for sample in samples]))

    clean = ("clean_left", "clean_right") if all("clean_left" in sample for sample in samples) else ()
    for key in ("left", "right", *clean):
        tensor = stack(key).permute(0, 3, 1, 2).float().div_(255)
        batch[key] = tensor.contiguous(memory_format=torch.channels_last)
    if all("disparity" in sample for sample in samples):
        disparity, valid = stack("disparity")[:, None], stack("valid")[:, None]
        if max_disparity is not None:
            valid = valid & (disparity < max_disparity)
        batch["disparity"], batch["valid"] = torch.where(valid, disparity, 0.0), valid
        if all("noc" in sample for sample in samples):
            batch["noc"] = stack("noc")[:, None] & valid
    return cast(StereoBatch, batch)
