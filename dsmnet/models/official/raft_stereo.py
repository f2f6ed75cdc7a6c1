"""Names of the official RAFT-Stereo (Lipson et al. 2021), with two encoders or with a shared backbone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dsmnet.errors import FormatError

_LEVELS = ("08", "16", "32")  # as the authors call the resolutions, whatever the stride
_MARK = "update_block.encoder.convf1.weight"
_PREFIXES = {
    "motion.scores": "update_block.encoder.convc",
    "motion.estimate": "update_block.encoder.convf",
    "motion.join.": "update_block.encoder.conv.",
    "flow_head.0.": "update_block.flow_head.conv1.",
    "flow_head.2.": "update_block.flow_head.conv2.",
    "mask_head.": "update_block.mask.",
    "context.to_gates.": "context_zqr_convs.",
    **{f"context.stages.{at}.": f"cnet.layer{at + 4}." for at in range(2)},
    **{f"context.state_heads.{at}.": f"cnet.outputs{level}.0." for at, level in enumerate(_LEVELS)},
    **{f"context.context_heads.{at}.": f"cnet.outputs{level}.1." for at, level in enumerate(_LEVELS)},
    **{
        f"update.units.{at}.{ours}.": f"update_block.gru{level}.conv{theirs}."
        for at, level in enumerate(_LEVELS)
        for ours, theirs in (("update", "z"), ("reset", "r"), ("candidate", "q"))
    },
}
_TRUNK = {
    "stem.0.": "conv1.",
    "stem.1.": "norm1.",
    **{f"stages.{at}.": f"layer{at + 1}." for at in range(3)},
}
# Declared whatever the options; the norm of a shortcut is there under two names.
_UNUSED = re.compile(r"update_block\.gru(16|32)\.|cnet\.(layer[45]|outputs(16|32))\.|.*\.norm3\.")


@dataclass(frozen=True)
class RAFTStereoNames:
    """Names of one of the two forms, see `NameMap`."""

    shared: bool  # one backbone for features and context

    def recognises(self, tensors: Mapping[str, Tensor]) -> bool:
        """See `NameMap`: units at three resolutions, and an encoded flow."""
        ours = {_MARK, "update_block.gru32.convz.weight", "update_block.mask.2.weight"} <= set(tensors)
        return ours and self.shared == ("fnet.conv1.weight" not in tensors)

    def overrides(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """See `NameMap`. What leaves no trace in the tensors is as in the published file of that form.

        Raises:
            FormatError: The context encoder has group norm, which differs from ours in its groups.
        """
        stride = math.isqrt(tensors["update_block.mask.2.weight"].shape[0] // 9)
        levels = sum(f"context_zqr_convs.{at}.weight" in tensors for at in range(3))
        norm = "batch" if "cnet.norm1.running_mean" in tensors else "instance_plain"
        if norm != "batch" and "cnet.norm1.weight" in tensors:
            raise FormatError(
                "RAFT-Stereo with context_norm=group: expected weights with batch or instance norm there"
            )
        context = [f"norm@model.context_norm={norm}", f"model.stride={stride}", f"model.levels={levels}"]
        if not self.shared:
            return ["model=raft_stereo", *context]
        fast = stride == 8 and levels == 2
        return [f"model=raft_stereo_{'realtime' if fast else 'shared'}", f"norm={norm}", *context]

    def official_name(self, name: str) -> str:
        """See `NameMap`."""
        trunk = f"{'c' if self.shared else 'f'}net."
        heads = {"context_trunk.": "cnet.", "backbone.trunk.": trunk}
        out = {"backbone.out.": "conv2." if self.shared else "fnet.conv2."}
        for ours, theirs in (_PREFIXES | out | heads).items():
            if name.startswith(ours):
                rest = name.removeprefix(ours)
                if ours in heads:
                    part = next(part for part in _TRUNK if rest.startswith(part))
                    rest = _TRUNK[part] + rest.removeprefix(part)
                return theirs + rest.replace("shortcut.", "downsample.")
        raise KeyError(f"no official name of {name}")

    def unused(self, name: str) -> bool:
        """See `NameMap`."""
        return _UNUSED.match(name) is not None


FORMS = (RAFTStereoNames(shared=False), RAFTStereoNames(shared=True))
