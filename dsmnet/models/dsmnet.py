"""DSMNet (Zhang et al., "Domain-invariant stereo matching networks", ECCV 2020), as released."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from dsmnet.layers.conv import ConvNormAct
from dsmnet.layers.merge import Merge
from dsmnet.layers.norms.placement import Placement
from dsmnet.models.stereo_net import StereoNet, StereoOutput, kaiming_fan_out, to_channels_last
from dsmnet.stages.aggregation.guidance import Guidance
from dsmnet.stages.aggregation.guided_hourglass import GuidedHourglass
from dsmnet.stages.features.double_unet import DSMNetFeatures
from dsmnet.stages.regression import FullSizeSoftArgmax
from dsmnet.stages.volumes import ConcatVolume


class DSMNet(StereoNet):
    """Graph-filtered features, concatenated volume, guided hourglasses.

    The released networks have ``stride=4`` with ``norm=domain_l2_first``, and ``stride=3`` with
    ``norm=domain``; both have batch norm in the volume.

    Args:
        norm: Normalisation of 2-D convolutions.
        norm3d: Normalisation of 3-D convolutions.
        stride: Stride of features and cost volume, 3 or 4.
        widths: Number of feature channels of the five levels, fine to coarse.
        volume_widths: Number of channels of the volume at full, half and quarter size.
        similarity: Similarity of the graph filters' edges, ``dot`` (released code) or ``cosine`` (paper).
        graph_filters: SGF in the volume too, as the paper describes and the released code does not do.
        max_disparity: Default search range, pixels; disparities from 0 to `max_disparity`, both included.
    """

    def __init__(
        self,
        *,
        norm: Placement,
        norm3d: Placement,
        normalize: nn.Module,
        stride: int,
        widths: Sequence[int],
        volume_widths: tuple[int, int, int],
        similarity: str,
        graph_filters: bool,
        max_disparity: int,
    ) -> None:
        backbone = DSMNetFeatures(norm, stride=stride, widths=widths, similarity=similarity)
        channels = widths[0]
        volume = ConcatVolume(channels)
        aggregation = GuidedHourglass(
            volume.out_channels,
            norm3d,
            widths=volume_widths,
            guide_channels=channels,
            graph_filters=graph_filters,
            similarity=similarity,
        )
        super().__init__(normalize, backbone, volume, aggregation, stride, max_disparity)
        self.left_head = ConvNormAct(channels, channels, norm)
        self.right_head = ConvNormAct(channels, channels, norm)
        self.guidance = Guidance(norm, channels, stride=stride, widths=(widths[0], widths[1]))
        self.regression = FullSizeSoftArgmax(stride, inclusive=True)
        if stride == 3:
            # Declared and never used by the released 1/3 network; kept, frozen, so that the authors' files
            # load whole and the number of parameters is theirs.
            self.unused = Merge(8, 8, norm3d, up=True, ndim=3).requires_grad_(False)
        kaiming_fan_out(self)
        to_channels_last(self)

    def match(self, left: Tensor, right: Tensor, max_disparity: int | None = None) -> StereoOutput:
        """See `StereoNet.match`."""
        left_features, right_features = self.extract(left, right)
        left_map, right_map = left_features[self.stride], right_features[self.stride]
        matched = self.left_head(left_map), self.right_head(right_map)
        volume = self.cost_volume(*matched, self.planes(max_disparity))
        logits = self.aggregation(volume, self.guidance(left, left_map), left_map)
        return StereoOutput([self.regression(each) for each in logits], logits)

    def planes(self, max_disparity: int | None = None) -> int:
        """Number of planes; one more than `StereoNet.planes`, for the disparity `max_disparity` itself."""
        return super().planes(max_disparity) + 1

    def plane_of(self, disparity: Tensor, planes: int) -> Tensor:
        """See `StereoNet.plane_of`."""
        return self.regression.plane_of(disparity, planes)
