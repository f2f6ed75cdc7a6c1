"""Names of the official PSMNet (Chang and Chen 2018), ``stackhourglass.py``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

# Beginnings of names, ours to theirs. Activations and poolings count in the authors' sequences.
COMMON = {
    **{f"backbone.trunk.stem.{at}.": f"feature_extraction.firstconv.{2 * at}." for at in range(3)},
    **{f"backbone.trunk.stages.{at}.": f"feature_extraction.layer{at + 1}." for at in range(4)},
    "backbone.out.0.": "feature_extraction.lastconv.0.",
    "backbone.out.1.": "feature_extraction.lastconv.2.",
    "aggregation.conv_in.0.": "dres0.0.",
    "aggregation.conv_in.1.": "dres0.2.",
    "aggregation.conv_in.2.conv1.": "dres1.0.0.",
    "aggregation.conv_in.2.norm1.": "dres1.0.1.",
    "aggregation.conv_in.2.conv2.": "dres1.2.0.",
    "aggregation.conv_in.2.norm2.": "dres1.2.1.",
    **{f"aggregation.hourglasses.{at}.": f"dres{at + 2}." for at in range(3)},
}
_PREFIXES = COMMON | {
    **{f"backbone.pyramid.{at}.": f"feature_extraction.branch{at + 1}.1." for at in range(4)},
    **{f"aggregation.heads.{at}.0.": f"classif{at + 1}.0." for at in range(3)},
    **{f"aggregation.heads.{at}.1.": f"classif{at + 1}.2." for at in range(3)},
}
# What stands inside of a residual block or an hourglass.
BLOCK = {
    ".conv1.": ".conv1.0.0.",
    ".norm1.": ".conv1.0.1.",
    ".conv2.": ".conv2.0.",
    ".norm2.": ".conv2.1.",
    ".shortcut.": ".downsample.",
}
_HOURGLASS = {
    ".down1.": ".conv1.0.",
    ".inner1.": ".conv2.",
    ".down2.": ".conv3.0.",
    ".inner2.": ".conv4.0.",
    ".up2.": ".conv5.",
    ".up1.": ".conv6.",
}


def translate(name: str, prefixes: Mapping[str, str], parts: Mapping[str, str]) -> str:
    """Replace the beginning of a name, then what stands inside of it."""
    for ours, theirs in prefixes.items():
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
            break
    for ours, theirs in parts.items():
        if ours in name:
            return name.replace(ours, theirs)
    return name


def recognises(tensors: Mapping[str, Tensor]) -> bool:
    """See `NameMap`: windowed means in the features."""
    return "feature_extraction.branch1.1.0.weight" in tensors


def overrides(tensors: Mapping[str, Tensor]) -> list[str]:
    """See `NameMap`."""
    return ["model=psmnet", "norm=batch", "norm@norm3d=batch"]


def official_name(name: str) -> str:
    """See `NameMap`."""
    return translate(name, _PREFIXES, BLOCK | _HOURGLASS)
