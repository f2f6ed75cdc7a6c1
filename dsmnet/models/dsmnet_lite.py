"""DSMNet-lite: DomainNorm and the graph filter at a size that two CPU cores can train and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, to_channels_last
from dsmnet.stages.features.unet import UNetFeatures
from dsmnet.stages.refinement import Refinement
from dsmnet.stages.regression import SoftArgmax


class DSMNetLite(StereoNet):
    """Features, volume and aggregation at 1/4, then a refinement to full size.

    Args:
        norm: Placement of the 2-D normalisation.
        norm3d: Placement of the normalisation inside cost volumes.
        normalize: what happens to the input image.
        volume: Makes a volume from the feature channels.
        aggregation: Makes an aggregation from the volume's channels and the features' (by stride).
        widths: Feature channels at strides 2, 4, 8, ...
        graph_filter: SGF in the features.
        window: Radius in planes of the soft-argmax, `None` for all planes.
        refine_hidden: Channels of the two refinement scales.
        refine_blocks: Residual blocks of the two refinement scales.
        refine_radius: Reach of the local correlation, in pixels of each scale.
        max_disparity: Default search range in pixels.
    """

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        normalize: nn.Module,
        volume: Callable[..., Any],
        aggregation: Callable[..., nn.Module],
        widths: Sequence[int],
        graph_filter: bool,
        window: int | None,
        refine_hidden: tuple[int, int],
        refine_blocks: tuple[int, int],
        refine_radius: tuple[int, int],
        max_disparity: int,
    ) -> None:
        backbone = UNetFeatures(norm, widths=widths, graph_filter=graph_filter)
        cost_volume = volume(backbone.channels[4])
        super().__init__(
            normalize=normalize,
            backbone=backbone,
            aggregation=aggregation(cost_volume.out_channels, backbone.channels, norm=norm, norm3d=norm3d),
            stride=4,
            max_disparity=max_disparity,
        )
        self.volume = cost_volume
        self.regression = SoftArgmax(window)
        self.refinement = Refinement(
            backbone.channels, hidden=refine_hidden, blocks=refine_blocks, radius=refine_radius
        )
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`."""
        lefts, rights = self.extract(left, right)
        volume = self.cost_volume(lefts[self.stride], rights[self.stride], self.planes(max_disparity))
        scores = self.aggregation(volume, lefts)
        coarse = self.regression(scores[-1]) * self.stride
        refined = self.refinement(coarse, lefts, rights)
        if not self.training:
            return StereoOutput(refined[-1:], scores[-1:])
        full = F.interpolate(coarse, size=left.shape[-2:], mode="bilinear", align_corners=False)
        return StereoOutput([full, *refined], scores)
