"""Names of the official DSMNet: ``DSMNet2x2.py`` (stride 4) and ``DSMNet.py`` (stride 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_FILTERS = ("nlf1", "nlf11", "nlf12", "nlf2", "nlf13", "nlf14", "nlf3")
_PREFIXES = {  # ours, with a number -> the authors'
    r"backbone\.stem\.(\d)": lambda n: f"feature.conv_start.{n}",
    r"backbone\.down1\.(\d)": lambda n: f"feature.conv{n + 1}a",
    r"backbone\.up1\.(\d)": lambda n: f"feature.deconv{4 - n}a",
    r"backbone\.down2\.(\d)": lambda n: f"feature.conv{n + 1}b",
    r"backbone\.up2\.(\d)": lambda n: f"feature.deconv{4 - n}b",
    r"backbone\.filters\.(\d)": lambda n: f"feature.{_FILTERS[n]}",
    r"backbone\.pyramids\.(\d)": lambda n: f"feature.pyramid{n + 1}",
    r"guidance\.start\.(\d)": lambda n: f"conv_start.{n}",
    r"guidance\.down\.(\d)": lambda n: f"guidance.conv1.{n}",
    r"guidance\.fine\.(\d)": lambda n: f"guidance.conv{n + 2}",
    r"guidance\.downsample\.(\d)": lambda n: f"guidance.conv11.{n}",
    r"guidance\.coarse\.(\d)": lambda n: f"guidance.conv{n + 12}",
    r"guidance\.fine_heads\.(\d)": lambda n: f"guidance.weight_sg{n + 1}",
    r"guidance\.coarse_heads\.(\d)": lambda n: f"guidance.weight_sg{n + 11}",
    r"aggregation\.fine\.(\d)": lambda n: f"cost_agg.sga{n + 1}",
    r"aggregation\.coarse\.(\d)": lambda n: f"cost_agg.sga{n + 11}",
    r"aggregation\.down1\.(\d)": lambda n: f"cost_agg.conv{n + 1}a",
    r"aggregation\.up1\.(\d)": lambda n: f"cost_agg.deconv{2 - n}a",
    r"aggregation\.down2\.(\d)": lambda n: f"cost_agg.conv{n + 1}b",
    r"aggregation\.up2\.(\d)": lambda n: f"cost_agg.deconv{2 - n}b",
    r"aggregation\.heads\.(\d)": lambda n: f"cost_agg.disp{n}.conv3d_2d",
}
_NAMES = {
    "left_head": "conv_x",
    "right_head": "conv_y",
    "guidance.refine": "conv_refine",
    "guidance.refine_norm": "bn_relu.0",
    "guidance.join": "guidance.conv0",
    "guidance.to_weights": "guidance.getweights.1",
    "aggregation.conv_in": "cost_agg.conv_start",
    "unused": "cost_agg.deconv0b",
}
_PARTS = (  # of a block, after its prefix, one after the other: ours -> theirs
    (r"(?<!branches)(^|\.)0\.weight$", r"\1conv.weight"),
    (r"(?<!branches)(^|\.)1\.(\w+)$", r"\1bn.\2"),
    (r"^embed\.", "getweights.0."),
    (r"^fuse\.", "conv_refine."),
    (r"^conv_in\.", "conv0."),
    (r"^branches\.(\d)\.", lambda found: f"conv{int(found[1]) + 1}.1."),
    (r"^out\.", "conv_last."),
    (r"^change\.", "conv1."),
    (r"^mix\.", "conv2."),
    (r"^norm\.", "bn_relu.0."),
    (r"^refine\.", "conv_refine."),
)


def recognises(tensors: Mapping[str, Tensor]) -> bool:
    """See `NameMap`."""
    return any(name.startswith("feature.nlf1.") for name in tensors)


def overrides(tensors: Mapping[str, Tensor]) -> list[str]:
    """See `NameMap`. The stride shows in a block that only the 1/3 network declares."""
    stride = 3 if any(name.startswith("cost_agg.deconv0b.") for name in tensors) else 4
    norm = "domain_l2_first" if any(".normalize." in name for name in tensors) else "domain"
    return ["model=dsmnet", f"model.stride={stride}", f"norm={norm}", "norm@norm3d=batch"]


def official_name(name: str) -> str:
    """See `NameMap`; without the ``normalize`` that the latest form of the norm puts before its tensors."""
    prefix, rest = _prefix(name)
    for ours, theirs in _PARTS:
        rest = re.sub(ours, theirs, rest)
    return f"{prefix}.{rest}"


def _prefix(name: str) -> tuple[str, str]:
    """The authors' name of the block, and what is left of ours."""
    for ours, theirs in _PREFIXES.items():
        found = re.match(ours + r"\.", name)
        if found:
            return theirs(int(found[1])), name[found.end() :]
    for block, official in _NAMES.items():
        if name.startswith(block + "."):
            return official, name[len(block) + 1 :]
    raise KeyError(f"no official name of {name}")
