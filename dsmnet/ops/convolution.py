"""3-D convolution that keeps to the fast kernels on a CPU.

PyTorch hands a 3-D convolution of one float32 sample to oneDNN only if it counts as large: if channels times
depth times height exceed 20480 (`ConvParams::use_mkldnn` in ATen/native/Convolution.cpp). A smaller one goes
through unfolded columns and takes 3 to 9 times as long, measured on shapes of `dsmnet_lite`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, ...] = (1, 1, 1),
    padding: tuple[int, ...] = (0, 0, 0),
    dilation: tuple[int, ...] = (1, 1, 1),
) -> Tensor:
    """`torch.nn.functional.conv3d` of one group, by oneDNN wherever it can be in a prediction on a CPU.

    Whichever kernel computes it, the result is equal up to rounding.
    """
    if _may_choose(x, weight):
        out: Tensor = torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, dilation, 1)
        return out
    return F.conv3d(x, weight, bias, stride, padding, dilation)


def _may_choose(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernel can be named: nothing is differentiated or captured, and oneDNN has one."""
    return bool(
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
    )
