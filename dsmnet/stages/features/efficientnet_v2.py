"""EfficientNetV2 (Tan and Le 2021) in the small form of LightStereo-LX, from the image down to 1/32."""

from __future__ import annotations

from torch import nn

from dsmnet.stages.features.mobilenet_v2 import MobileNetV2


class EfficientNetV2(MobileNetV2):
    """Fused inverted residuals down to 1/8, then ones that weigh their channels."""

    groups = ((1, 2, 1), (4, 4, 2), (4, 4, 2), (4, 6, 2), (6, 9, 1), (6, 15, 2))
    fused, squeeze, act = 3, True, nn.SiLU
