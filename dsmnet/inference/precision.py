"""Type that a network computes its convolutions in."""

from __future__ import annotations

from typing import Any

import torch

from dsmnet.models.stereo_net import StereoNet

PRECISIONS = ("auto", "float32", "bfloat16")


def choose_precision(precision: str, net: object, device: torch.device) -> torch.dtype:
    """Resolve a name of `PRECISIONS`.

    ``auto`` is bfloat16 on a CPU that has instructions for it, for networks that were measured to be faster
    and as accurate with it (`StereoNet.fast_in_bfloat16`), and float32 elsewhere. Norms, correlation, graph
    filters and the soft-argmax compute in float32 in any case.
    """
    if precision == "auto" and device.type == "cpu" and isinstance(net, StereoNet) and net.fast_in_bfloat16:
        able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.10 cannot tell
        precision = "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32
