"""Names of the official IGEV-Stereo (Xu et al. 2023) and of RT-IGEV, from the authors' IGEV++."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dsmnet.models.official.lightstereo import INVERTED, SEPARABLE
from dsmnet.models.official.psmnet import translate
from dsmnet.models.official.raft_stereo import RAFTStereoNames

_MARKS = {"update_block.mask_feat_4.0.weight", "cost_agg.conv1.0.conv.weight"}
_GROUPS = ("0.0", "1.0", "2.0", "3.0", "3.1", "4.0")  # of blocks of MobileNetV2
_ATTENTION = {
    "aggregation.stem.attention": "corr_feature_att",
    **{f"aggregation.down.{at}.attention": f"cost_agg.feature_att_{8 << at}" for at in range(3)},
    **{f"aggregation.mix.{at}.attention": f"cost_agg.feature_att_up_{16 >> at}" for at in range(2)},
}
_BLOCKS = {  # a convolution and its norm: 0 and 1 of ours, conv and bn of theirs
    "backbone.out": "feature.conv4",
    "backbone.at_half.0": "stem_2.0",
    "backbone.at_quarter.0": "stem_4.0",
    "to_matched.0": "conv",
    "first_features.0": "spx_4.0",
    "aggregation.stem.convs.0": "corr_stem",
    "context.state.0": "hnet.0",
    "context.context": "cnet",
    **{f"{ours}.0": f"{theirs}.feat_att.0" for ours, theirs in _ATTENTION.items()},
    **{
        f"{ours}.{part}": f"{theirs}.conv{at}"
        for ours, theirs in (
            *((f"backbone.ups.{at}", f"feature.deconv{32 >> at}_{16 >> at}") for at in range(3)),
            *(("first_mask.merge", "spx_2"), ("step_mask.merge", "spx_2_gru")),
        )
        for at, part in enumerate(("change", "mix"), start=1)
    },
    **{f"aggregation.down.{at}.convs.{k}": f"cost_agg.conv{at + 1}.{k}" for at in range(3) for k in range(2)},
    **{f"aggregation.up.{at}": f"cost_agg.conv{3 - at}_up" for at in range(2)},
    **{f"aggregation.mix.{at}.convs.{k}": f"cost_agg.agg_{at}.{k}" for at in range(2) for k in range(3)},
}
_PREFIXES = {
    **{f"backbone.trunk.stem.{at}.": f"feature.{part}." for at, part in enumerate(("conv_stem", "bn1"))},
    "backbone.at_half.1.0.": "stem_2.1.",
    "backbone.at_quarter.1.0.": "stem_4.1.",
    "to_matched.1.": "desc.",
    "first_features.1.0.": "spx_4.1.",
    "first_mask.out.": "spx.0.",
    "step_mask.out.": "spx_gru.0.",
    "step_features.": "update_block.mask_feat_4.",
    **{f"disparity_head.{at}.": f"update_block.disp_head.conv{1 + at // 2}." for at in (0, 2)},
    "motion.estimate": "update_block.encoder.convd",
    "aggregation.last.": "cost_agg.conv1_up.conv.",
    "aggregation.head.": "classifier.",
    "context.state.1.": "hnet.1.",
    **{f"{ours}.1.": f"{theirs}.feat_att.1." for ours, theirs in _ATTENTION.items()},
    **{f"{ours}.0.": f"{theirs}.conv." for ours, theirs in _BLOCKS.items()},
    **{f"{ours}.1.": f"{theirs}.bn." for ours, theirs in _BLOCKS.items()},
}
_REALTIME = {
    "context.to_gates.": "context_zqr_conv.",
    **{
        f"update.units.0.{ours}.": f"update_block.gru.conv{theirs}."
        for ours, theirs in (("update", "z"), ("reset", "r"), ("candidate", "q"))
    },
}
# Declared whatever the options; the norm of a shortcut is there under two names.
_UNUSED = re.compile(
    r"cost_agg\.conv1_up\.bn\.|update_block\.gru(08|16)\.|cnet\.(layer[45]|outputs(08|16))\.|.*\.norm3\."
)


@dataclass(frozen=True)
class IGEVStereoNames:
    """Names of one of the two networks, see `NameMap`."""

    realtime: bool

    def recognises(self, tensors: Mapping[str, Tensor]) -> bool:
        """See `NameMap`: one hourglass (IGEV++ has three), and a state from the features in the fast form."""
        return set(tensors) >= _MARKS and self.realtime == ("hnet.1.weight" in tensors)

    def overrides(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """See `NameMap`. What leaves no trace in the tensors is as published."""
        if self.realtime:
            return ["model=rt_igev"]
        levels = sum(f"context_zqr_convs.{at}.weight" in tensors for at in range(3))
        return ["model=igev_stereo", f"model.levels={levels}"]

    def official_name(self, name: str) -> str:
        """See `NameMap`."""
        if group := re.match(r"backbone\.trunk\.stages\.(\d)\.", name):
            at = int(group[1])
            inside = translate(f".{name[group.end() :]}", {}, INVERTED if at else SEPARABLE)
            return f"feature.block{_GROUPS[at]}{inside}"
        for ours, theirs in (_PREFIXES | (_REALTIME if self.realtime else {})).items():
            if name.startswith(ours):
                return theirs + name.removeprefix(ours)
        # All else is as in RAFT-Stereo, at twice its resolutions.
        theirs = RAFTStereoNames(shared=False).official_name(name)
        return re.sub(r"(outputs|gru)(\d\d)", lambda found: f"{found[1]}{int(found[2]) // 2:02}", theirs)

    def unused(self, name: str) -> bool:
        """See `NameMap`."""
        return _UNUSED.match(name) is not None


FORMS = (IGEVStereoNames(realtime=False), IGEVStereoNames(realtime=True))
