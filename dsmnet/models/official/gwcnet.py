"""Names of the official GwcNet (Guo et al. 2019), ``gwcnet-gc`` and ``gwcnet-g``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from dsmnet.models.official.psmnet import BLOCK, COMMON, translate

_PREFIXES = COMMON | {
    **{f"aggregation.heads.{at}.0.": f"classif{at}.0." for at in range(4)},
    **{f"aggregation.heads.{at}.1.": f"classif{at}.2." for at in range(4)},
}
_HOURGLASS = {
    ".down1.": ".conv1.0.",
    ".inner1.": ".conv2.0.",
    ".down2.": ".conv3.0.",
    ".inner2.": ".conv4.0.",
    ".up2.": ".conv5.",
    ".up1.": ".conv6.",
    ".across1.": ".redir1.",
    ".across2.": ".redir2.",
}


def recognises(tensors: Mapping[str, Tensor]) -> bool:
    """See `NameMap`: a score before the hourglasses, and ways across them."""
    return {"classif0.0.0.weight", "dres2.redir1.0.weight"} <= set(tensors)


def overrides(tensors: Mapping[str, Tensor]) -> list[str]:
    """See `NameMap`; ``gwcnet-g`` concatenates no features."""
    concatenates = any(name.startswith("feature_extraction.lastconv.") for name in tensors)
    options = [] if concatenates else ["model.features.joined=0"]
    return ["model=gwcnet", "norm=batch", "norm@norm3d=batch", *options]


def official_name(name: str) -> str:
    """See `NameMap`."""
    return translate(name, _PREFIXES, BLOCK | _HOURGLASS)
