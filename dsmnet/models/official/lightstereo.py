"""Names of the official LightStereo (Guo et al. 2025), as OpenStereo writes its files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dsmnet.models.official.psmnet import translate

_FORMS = {1: "s", 4: "m", 8: "l"}  # by the number of blocks at 1/4
_PREFIXES = {
    "backbone.trunk.stem.0.": "backbone.conv_stem.",
    "backbone.trunk.stem.1.": "backbone.bn1.",
    **{f"backbone.trunk.stages.{at}.": f"backbone.block{at}." for at in range(3)},
    **{f"backbone.trunk.stages.{at}.": f"backbone.block3.{at}." for at in (3, 4)},
    "backbone.trunk.stages.5.": "backbone.block4.",
    **{f"backbone.ups.{at}.": f"backbone.fpn_layer{4 - at}." for at in range(3)},
    "backbone.out.": "backbone.out_conv.block.",
    "aggregation.down.0.": "cost_agg.conv0.",
    **{f"aggregation.down.{at}.0.": f"cost_agg.conv{2 * at - 1}." for at in (1, 2)},
    **{f"aggregation.attention.{at}.": f"cost_agg.att{2 * at}." for at in range(3)},
    **{f"aggregation.across.{at}.": f"cost_agg.redir{at + 1}." for at in range(2)},
    **{f"aggregation.up.{at}.": f"cost_agg.conv{6 - at}." for at in range(2)},
    **{f"upsampling.at_quarter.{at}.": f"refine_1.{at}.block." for at in range(2)},
    **{f"upsampling.at_half.{at}.": f"stem_2.{at}.block." for at in range(2)},
    "upsampling.merge.": "refine_2.",
    "upsampling.out.": "refine_3.block.0.",
}
_PARTS = {  # of the aggregation, the pyramid and the upsampling, inside of a name
    ".expand.": ".pwconv.",
    ".depthwise.": ".dwconv.",
    ".project.": ".pwliner.",
    ".conv_in.": ".conv0.",
    **{f".strips.{at}.{axis}.": f".conv{at}_{axis + 1}." for at in range(3) for axis in range(2)},
    ".to_weights.": ".conv3.",
    ".change.": ".deconv.block.",
    ".mix.": ".conv.block.",
}
_SQUEEZE = {".squeeze.to_weights.0.": ".se.conv_reduce.", ".squeeze.to_weights.2.": ".se.conv_expand."}


def _block(*convs: tuple[str, str]) -> dict[str, str]:
    """Names inside a block of the trunk, from ours and theirs of its convolutions in order."""
    pairs = enumerate(convs, start=1)
    return {
        f".{ours}.{at}.": f".{name}." for n, (ours, conv) in pairs for at, name in enumerate((conv, f"bn{n}"))
    }


# Inside a block of MobileNetV2 or EfficientNetV2 of the timm library: with expansion, without, and fused.
INVERTED = _SQUEEZE | _block(("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
SEPARABLE = _block(("depthwise", "conv_dw"), ("project", "conv_pw"))
FUSED = _block(("expand", "conv_exp"), ("project", "conv_pwl"))


@dataclass(frozen=True)
class LightStereoNames:
    """Names of the network with one of the two trunks, see `NameMap`."""

    efficient: bool  # EfficientNetV2 instead of MobileNetV2

    def recognises(self, tensors: Mapping[str, Tensor]) -> bool:
        """See `NameMap`."""
        ours = {"cost_agg.redir1.pwconv.0.weight", "refine_3.block.0.weight"} <= set(tensors)
        return ours and self.efficient == any(".conv_exp." in name for name in tensors)

    def overrides(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """See `NameMap`."""
        blocks = {name.split(".")[2] for name in tensors if name.startswith("cost_agg.conv0.")}
        form = "lx" if self.efficient else _FORMS.get(len(blocks), "s")
        return [f"model=lightstereo_{form}", "norm=batch", "norm@norm3d=batch"]

    def official_name(self, name: str) -> str:
        """See `NameMap`."""
        # In the authors' code the block that halves the size stands apart from those that follow.
        name = re.sub(
            r"^aggregation\.down\.([12])\.([1-9]\d*)",
            lambda found: f"cost_agg.conv{2 * int(found[1])}.{int(found[2]) - 1}",
            name,
        )
        parts = _PARTS
        if group := re.match(r"backbone\.trunk\.stages\.(\d)", name):
            early = int(group[1]) < (3 if self.efficient else 1)
            parts = (FUSED if self.efficient else SEPARABLE) if early else INVERTED
        return translate(name, _PREFIXES, parts)


FORMS = (LightStereoNames(efficient=False), LightStereoNames(efficient=True))
