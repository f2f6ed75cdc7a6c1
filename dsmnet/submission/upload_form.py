"""Form of an upload: the places of its files, how they are stored, and what it has to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.catalog import published_pairs
from dsmnet.errors import UserError, first_of, shown
from dsmnet.io import read_image
from dsmnet.io.pairs import PairFiles

SECONDS = "{seconds}"
SPARSE = "_s"  # how Middlebury marks maps with holes: a method's name must not end like that
METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class UploadForm:
    """The files that a benchmark wants for each pair, as patterns of paths in the archive.

    The patterns know the words ``{split}`` (of the data set), ``{name}`` (of the pair) and ``{method}``.

    Args:
        disparity: Path of the left view's disparity map.
        maps: ``png16``, 16 bits, 256 times the disparity; or ``pfm``, pixels in little-endian floats.
        time: Path of the text file with the run time; None where that is stated elsewhere.
        time_line: Content of that file, with the word ``{seconds}``.
    """

    disparity: str
    maps: Literal["png16", "pfm"]
    time: str | None = None
    time_line: str = SECONDS

    def find_method(self, names: Iterable[str]) -> str | None:
        """Return the one method's name that the files of an archive carry; None where none can be seen."""
        if "{method}" not in self.disparity:
            return None
        start, end = (re.escape(part) for part in self.disparity.rsplit("/", 1)[-1].split("{method}"))
        files = (name.rsplit("/", 1)[-1] for name in names)
        pattern = re.compile(f"{start}({METHOD.pattern}){end}")
        found = {match[1] for file in files if (match := pattern.fullmatch(file))}
        if len(found) > 1:
            names = first_of([shown(name) for name in sorted(found)])
            raise UserError(f"results of several methods in one archive: {', '.join(names)}")
        return found.pop() if found else None


def check_method(method: str) -> str:
    """Return a method's name if it may be part of file names."""
    if not METHOD.fullmatch(method) or method.endswith(SPARSE):
        raise UserError(
            f"method={method}: expected letters, digits, - and _ (it becomes part of file names), "
            f"and not {SPARSE} at the end (it marks results with holes)"
        )
    return method


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
    """Return what an upload of a method has to hold, given the pairs to predict by their split."""
    entries = []
    for split, dataset in datasets.items():
        for pair in dataset.pairs:
            words = {"split": split, "name": pair.name, "method": method}
            time = form.time.format(**words) if form.time else None
            files = PairFiles(f"{split}_{pair.name}", pair.left, pair.right, pair.calibration)
            entries.append(UploadEntry(files, form.disparity.format(**words), time))
    return entries


def lacking_pairs(datasets: Mapping[str, StereoDataset], options: Mapping[str, Any]) -> str:
    """Say which splits hold another number of pairs than published: ``1 of 200 testing pairs``; else "".

    `options` are the arguments of the data sets, apart from the split.
    """
    lacking = []
    for split, dataset in datasets.items():
        published = published_pairs(type(dataset), {**options, "split": split})
        if published not in (None, len(dataset)):
            lacking.append(f"{len(dataset)} of {published} {split} pairs")
    return ", ".join(lacking)
