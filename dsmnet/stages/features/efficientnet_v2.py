"""EfficientNetV2 (Tan and Le 2021) in the small form of LightStereo-LX, from the image down to 1/32."""

from __future__ import annotations

from torch import nn

from dsmnet.stages.features.mobilenet_v2 import Group, MobileNetV2


class EfficientNetV2(MobileNetV2):
    """Fused inverted residuals down to 1/8, then ones that weigh their channels."""

    groups = (
        *(Group(1, 2, fused=True), Group(4, 4, 2, fused=True), Group(4, 4, 2, fused=True)),
        *(Group(4, 6, 2, squeeze=True), Group(6, 9, squeeze=True), Group(6, 15, 2, squeeze=True)),
    )
    act = nn.SiLU
