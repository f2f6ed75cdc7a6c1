"""A data set in the form of another one, written from generated pairs: for a machine without data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsmnet.datasets.base import StereoDataset
from dsmnet.errors import UserError
from dsmnet.options import check_whole
from dsmnet.synthetic import SyntheticStereo


def write_fake_set(kind: type[StereoDataset], root: Path, size: Sequence[int] | None, pairs: int) -> None:
    """Write generated pairs in the form of a data set, with its file formats.

    Their views have noise like a camera's, so that they are compressed about as well as real ones.

    Args:
        kind: Class of the data set.
        root: Folder of the data set.
        size: Height and width of the views, pixels.
        pairs: Number of pairs.

    Raises:
        UserError: `pairs` or `size` is impossible.
    """
    check_whole("fake.pairs", pairs)
    if size is None or len(size) != 2:
        raise UserError(f"fake.sizes.{kind.name}={size}: expected height and width")
    largest = min(96.0, size[1] / 2)
    scenes = SyntheticStereo(length=pairs, size=size, largest_disparity=largest, min_near=min(20.0, largest))
    kind.write_fake(root, [scenes[index] for index in range(pairs)])
