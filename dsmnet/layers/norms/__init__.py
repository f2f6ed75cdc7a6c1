"""Normalisation in two halves: what is computed (a layer) and where it stands in a network (a placement).

A layer is any ``Layer(num_features, *, ndim=2, ...) -> nn.Module``; `placement` says at which of a network's
slots it is built. A configuration in ``conf/norm/`` names one of each.
"""

from __future__ import annotations

from dsmnet.layers.norms.batch_instance import BatchInstanceNorm
from dsmnet.layers.norms.batchnorm import batch_norm
from dsmnet.layers.norms.domain import DomainNorm
from dsmnet.layers.norms.group import GroupNorm
from dsmnet.layers.norms.ibn import IBN
from dsmnet.layers.norms.instance import InstanceNorm
from dsmnet.layers.norms.mixstyle import MixStyle
from dsmnet.layers.norms.none import ChannelBias
from dsmnet.layers.norms.placement import BlockInput, BlockOutput, Everywhere, Placement
from dsmnet.layers.norms.whitening import SwitchableWhitening

__all__ = [
    "IBN",
    "BatchInstanceNorm",
    "BlockInput",
    "BlockOutput",
    "ChannelBias",
    "DomainNorm",
    "Everywhere",
    "GroupNorm",
    "InstanceNorm",
    "MixStyle",
    "Placement",
    "SwitchableWhitening",
    "batch_norm",
]
