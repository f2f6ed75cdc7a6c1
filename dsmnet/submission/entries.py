"""What an upload has to hold: one entry per pair of the data set on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.catalog import published_pairs
from dsmnet.io import read_image
from dsmnet.io.pairs import PairFiles
from dsmnet.submission.upload_form import UploadForm


class UploadEntry(NamedTuple):
    """A pair, and the files of its result in the archive."""

    pair: PairFiles
    disparity: str
    time: str | None

    def size(self) -> tuple[int, int]:
        """Return height and width of the left view, which are those of the result."""
        height, width, _ = read_image(self.pair.left).shape
        return height, width

    def files(self) -> list[str]:
        """Return the names of the files, the map first."""
        return [self.disparity] if self.time is None else [self.disparity, self.time]


def upload_entries(form: UploadForm, datasets: Mapping[str, StereoDataset], method: str) -> list[UploadEntry]:
    """Return what an upload has to hold.

    Args:
        form: Form of the upload.
        datasets: Pairs to predict, by the split they belong to.
        method: Name of the method.
    """
    entries = []
    for split, dataset in datasets.items():
        for pair in dataset.pairs:
            words = {"split": split, "name": pair.name, "method": method}
            time = form.time.format(**words) if form.time else None
            files = PairFiles(f"{split}_{pair.name}", pair.left, pair.right, pair.calibration)
            entries.append(UploadEntry(files, form.disparity.format(**words), time))
    return entries


def lacking_pairs(datasets: Mapping[str, StereoDataset], options: Mapping[str, Any]) -> str:
    """Say which splits hold another number of pairs than published, as ``1 of 200 testing pairs``.

    Args:
        datasets: Pairs by split.
        options: Arguments of the data sets, apart from the split.

    Returns:
        The splits in a line; empty where all is there.
    """
    counts = {
        split: (len(dataset), published_pairs(type(dataset), {**options, "split": split}))
        for split, dataset in datasets.items()
    }
    return ", ".join(
        f"{found} of {published} {split} pairs"
        for split, (found, published) in counts.items()
        if published is not None and found != published
    )
