"""Names of MobileNetV2 and EfficientNetV2 in files of the timm library, the trunks of other networks.

IGEV-Stereo and LightStereo are published with trunks trained on ImageNet: ``mobilenetv2_100`` and
``efficientnetv2_rw_s``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from dsmnet.errors import FormatError
from dsmnet.models.official.lightstereo import FUSED, INVERTED, SEPARABLE
from dsmnet.models.official.psmnet import translate

_MARKS = {"conv_stem.weight", "blocks.0.0.bn1.weight"}
_STEM = {"stem.0.": "conv_stem.", "stem.1.": "bn1."}


def holds_trunk(tensors: Mapping[str, Tensor]) -> bool:
    """Tell whether a file is timm's and of a network of inverted residuals."""
    return set(tensors) >= _MARKS


def to_trunk_names(timm: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return the tensors of a file that the trunk in `own`, the state of our network, has, under its names.

    With another norm than batch the network lacks some of them or has others; those are left out.

    Raises:
        FormatError: The network has no such trunk, or one with other groups or sizes.
    """
    fused = any(".conv_exp." in name for name in timm)
    given = {}
    for name, tensor in own.items():
        if inside := re.match(r"(?:.*\.)?trunk\.(.+)", name):
            theirs = timm.get(_timm_name(inside[1], fused))
            if theirs is not None:
                given[name] = theirs
            if name.endswith(".0.weight") and (theirs is None or theirs.shape != tensor.shape):
                raise FormatError(
                    f"{source}: a trunk of timm with other layers than the network's, first {name}"
                )
    if not given:
        raise FormatError(
            f"{source}: a trunk of timm; expected a network that has one, igev_stereo or lightstereo"
        )
    return given


def _timm_name(name: str, fused: bool) -> str:
    """Return timm's name of a tensor of the trunk."""
    if group := re.match(r"stages\.(\d)\.", name):
        early = int(group[1]) < (3 if fused else 1)
        parts = (FUSED if fused else SEPARABLE) if early else INVERTED
        return translate(f"blocks.{name.removeprefix('stages.')}", {}, parts)
    return translate(name, _STEM, {})
