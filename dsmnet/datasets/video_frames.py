"""Frames of two videos, or of one with both views in each frame, as a data set without ground truth."""

from __future__ import annotations

from torch.utils.data import Dataset

from dsmnet.errors import DataError, UserError
from dsmnet.io.video import VideoPairs
from dsmnet.options import check_whole
from dsmnet.types import StereoSample


class VideoFrames(Dataset[StereoSample]):
    """Pairs of frames; asked for in their order, they are decoded once.

    Args:
        left: Video of the left view, or of both.
        right: Video of the right view; None where `layout` says that `left` holds both.
        layout: ``separate``, ``side_by_side`` or ``top_bottom``.
        every: Take each so many frames.
        require_ground_truth: Must be false: a video has none.

    Raises:
        DataError: No such file, not a video, or ground truth is required.
    """

    name = "video"
    endless = False

    def __init__(
        self,
        left: str | None,
        right: str | None,
        layout: str = "separate",
        every: int = 1,
        require_ground_truth: bool = False,
    ) -> None:
        if left is None:
            raise UserError("dataset.left: expected a video")
        if require_ground_truth:
            raise DataError("video: frames have no ground truth")
        self.every = check_whole("dataset.every", every)
        self.where = left, right, layout
        self.source = VideoPairs(left, right, layout=layout)
        self._last = -1

    def __len__(self) -> int:
        return -(-len(self.source) // self.every)

    def __getitem__(self, index: int) -> StereoSample:
        """Decode a pair of frames; an earlier one than before begins the video anew."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        if index <= self._last:
            left, right, layout = self.where
            self.source = VideoPairs(left, right, layout=layout)
        self._last = index
        pair = self.source.pairs[index * self.every]
        views = self.source.load(pair)
        return {"left": views[0], "right": views[1], "name": pair.name, "dataset": self.name}
