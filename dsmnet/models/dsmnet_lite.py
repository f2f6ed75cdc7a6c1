"""DSMNet-lite: DomainNorm and the graph filter at a size that two CPU cores can train and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from dsmnet.layers.norms.placement import Placement
from dsmnet.models.refined_net import RefinedNet
from dsmnet.stages.aggregation.contract import Aggregation
from dsmnet.stages.features.unet import UNetFeatures
from dsmnet.stages.refinement import Refinement


class DSMNetLite(RefinedNet):
    """`RefinedNet` on a small U-net; arguments not listed are those of `RefinedNet`.

    Args:
        widths: Number of feature channels at strides 2, 4, 8, ...
        graph_filter: SGF in the features.
        refine_hidden: Number of hidden channels of the two refinement stages.
        refine_blocks: Number of residual blocks of the two.
        refine_radius: Radius of the local correlation of the two, pixels of each.
    """

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        normalize: nn.Module,
        volume: Callable[..., Any],
        aggregation: Callable[..., Aggregation],
        widths: Sequence[int],
        graph_filter: bool,
        window: int | None,
        refine_hidden: tuple[int, int],
        refine_blocks: tuple[int, int],
        refine_radius: tuple[int, int],
        max_disparity: int,
    ) -> None:
        super().__init__(
            norm=norm,
            norm3d=norm3d,
            normalize=normalize,
            features=partial(UNetFeatures, widths=widths, graph_filter=graph_filter),
            volume=volume,
            aggregation=aggregation,
            refinement=partial(Refinement, hidden=refine_hidden, blocks=refine_blocks, radius=refine_radius),
            window=window,
            max_disparity=max_disparity,
        )
