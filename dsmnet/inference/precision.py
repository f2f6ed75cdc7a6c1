"""Type that a network computes its convolutions in."""

from __future__ import annotations

import logging
from typing import Any

import torch

from dsmnet.models.stereo_net import StereoNet

log = logging.getLogger(__name__)

# Instructions of processors, by the names of `torch.cpu.get_capabilities`, that compute in a type.
_INSTRUCTIONS = {
    torch.bfloat16: ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"),
    torch.float16: ("avx512_fp16", "amx_fp16", "fp16_arith"),
}

PRECISIONS = ("auto", "float32", "bfloat16")


def choose_precision(precision: str, net: object, device: torch.device) -> torch.dtype:
    """Resolve a name of `PRECISIONS`.

    ``auto`` is bfloat16 on a CPU that has instructions for it, for networks that were measured to be faster
    and as accurate with it (`StereoNet.fast_in_bfloat16`), and float32 elsewhere. Norms, correlation, graph
    filters and the soft-argmax compute in float32 in any case.
    """
    if precision == "auto" and device.type == "cpu" and isinstance(net, StereoNet) and net.fast_in_bfloat16:
        able = _capabilities()
        precision = "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def is_emulated(dtype: torch.dtype) -> bool:
    """Whether this machine's processor is known to have no instructions for bfloat16, or float16."""
    able = _capabilities()
    return bool(able) and not any(able.get(name) for name in _INSTRUCTIONS[dtype])


def warn_if_emulated(option: str, dtype: torch.dtype, instead: str) -> None:
    """Warn where this machine's processor computes in bfloat16 or float16 without instructions for it.

    Args:
        option: Text that names what asked for it, as ``precision=bfloat16``.
        dtype: The type.
        instead: End of the sentence: what happens then, or what to choose.
    """
    if is_emulated(dtype):
        kind = str(dtype).removeprefix("torch.")
        log.warning("%s: this processor has no instructions for %s; %s", option, kind, instead)


def _capabilities() -> dict[str, Any]:
    """What the processor can do; nothing is known before torch 2.11."""
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return found
