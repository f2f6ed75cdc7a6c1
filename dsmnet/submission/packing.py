"""From predicted disparity maps to the archive of an upload."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsmnet.atomic import atomic_write
from dsmnet.inference.batch import LoadedPair, MatchedPair
from dsmnet.io import read_pfm, write_pfm
from dsmnet.io.disparity import write_disparity_png16
from dsmnet.submission.upload_form import UploadEntry, UploadForm

SMALLEST = 1 / 256  # pixels: the smallest disparity written; 0 means that there is none
SHORTEST = 1e-6  # seconds, what is left of a shorter time when it is written


@dataclass(frozen=True)
class MapWriter:
    """Writes NAME.pfm of a pair and nothing else: the maps that an upload is packed from."""

    folder: Path

    def write(self, name: str, loaded: LoadedPair, matched: MatchedPair) -> None:
        """Write the disparity map of one pair, atomically."""
        with atomic_write(self.folder / f"{name}.pfm") as part:
            write_pfm(part, matched.disparity)


def pack_upload(
    archive: Path,
    entries: Iterable[UploadEntry],
    form: UploadForm,
    folder: Path,
    seconds: Mapping[str, float],
    comment: str = "",
) -> None:
    """Write NAME.pfm of each pair, in `folder`, and the run times by the pairs' names into a zip file."""
    with (
        atomic_write(archive) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as content,
        tempfile.TemporaryDirectory(dir=archive.parent) as aside,
    ):
        content.comment = comment.encode()
        for entry in entries:
            file = Path(aside) / Path(entry.disparity).name
            disparity = np.maximum(read_pfm(folder / f"{entry.pair.name}.pfm"), np.float32(SMALLEST))
            if form.maps == "png16":
                write_disparity_png16(file, disparity)  # cuts what is too large, with a warning
            else:
                write_pfm(file, disparity)
            content.write(file, entry.disparity)
            if entry.time:
                taken = max(seconds[entry.pair.name], SHORTEST)
                content.writestr(entry.time, form.time_line.format(seconds=f"{taken:.6f}") + "\n")
