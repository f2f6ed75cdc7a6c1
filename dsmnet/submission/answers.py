"""The answers that an upload has to hold: one per pair of the data set on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.catalog import published_pairs
from dsmnet.io import read_image
from dsmnet.submission.form import UploadForm
from dsmnet.types import StereoSample


class Answer(NamedTuple):
    """A pair, and what the files of its result are called in the archive."""

    dataset: StereoDataset
    number: int  # of the pair in the data set
    disparity: str
    time: str | None

    def sample(self) -> StereoSample:
        """Load the pair."""
        return self.dataset[self.number]

    def size(self) -> tuple[int, int]:
        """Return height and width of the left view, which are those of the result."""
        height, width, _ = read_image(self.dataset.pairs[self.number].left).shape
        return height, width

    def files(self) -> list[str]:
        """Return the names of the files, the map first."""
        return [self.disparity] if self.time is None else [self.disparity, self.time]


def expected_answers(form: UploadForm, datasets: Mapping[str, StereoDataset], method: str) -> list[Answer]:
    """Return what an upload has to hold.

    Args:
        form: of the benchmark.
        datasets: The pairs to answer, by the split they belong to.
        method: Name of the method.
    """
    answers = []
    for split, dataset in datasets.items():
        for number, pair in enumerate(dataset.pairs):
            words = {"split": split, "name": pair.name, "method": method}
            time = form.time.format(**words) if form.time else None
            answers.append(Answer(dataset, number, form.disparity.format(**words), time))
    return answers


def lacking(datasets: Mapping[str, StereoDataset], options: Mapping[str, Any]) -> str:
    """Say which splits hold another number of pairs than published, as ``1 of 200 testing pairs``.

    Args:
        datasets: The pairs by split.
        options: The arguments of the data sets, apart from the split.

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
