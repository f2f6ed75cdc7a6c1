"""Where the files of a data set lie: patterns that find the pairs on disk and write a tree of that form."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dsmnet.data.formats.calibration import CalibrationCodec
from dsmnet.data.formats.disparity import DisparityCodec, NocCodec
from dsmnet.data.formats.images import write_image
from dsmnet.errors import DataError
from dsmnet.protocols import StereoSample

_NAMES_SHOWN = 5


class Pair(NamedTuple):
    """The files of one stereo pair; ``None`` for what is not there."""

    name: str
    left: Path
    right: Path
    disparity: Path | None = None
    noc: Path | None = None
    right_disparity: Path | None = None
    calibration: Path | None = None


@dataclass(frozen=True)
class Layout:
    """Patterns of the files of a pair, relative to the data set's root.

    A word in braces, as in ``training/image_2/{frame}_10.png``, stands for one file or folder name or a part
    of it. Every pattern of a layout has the same words; files in which they agree belong together.
    """

    name: str  # of the pair, made of the same words
    left: str
    right: str
    disparity: tuple[str, ...] = ()  # in order of preference
    noc: str | None = None
    right_disparity: str | None = None
    calibration: str | None = None

    def find(self, root: Path) -> list[Pair]:
        """Return the pairs under `root`, in no particular order.

        Raises:
            DataError: a view is there without its other one.
        """
        left, right = self._by_name(root, self.left), self._by_name(root, self.right)
        _check_views(root, self.left, left, self.right, right)
        disparity: dict[str, Path] = {}
        for pattern in self.disparity:
            disparity = self._by_name(root, pattern) | disparity
        noc = self._by_name(root, self.noc)
        right_disparity = self._by_name(root, self.right_disparity)
        calibration = self._by_name(root, self.calibration)
        return [
            Pair(
                name,
                path,
                right[name],
                disparity.get(name),
                noc.get(name),
                right_disparity.get(name),
                calibration.get(name),
            )
            for name, path in left.items()
        ]

    def _by_name(self, root: Path, pattern: str | None) -> dict[str, Path]:
        if pattern is None:
            return {}
        parts = re.split(r"\{(\w+)\}", pattern)  # text and words in turn
        regex = re.compile(
            "".join(
                f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
            )
        )
        found = {}
        # Unlike that of pathlib, this glob leaves out names with a leading dot (._000001_10.png of macOS)
        # and is quick enough for the 70,000 pairs of SceneFlow.
        for path in glob.iglob(re.sub(r"\{\w+\}", "*", pattern), root_dir=root):
            match = regex.fullmatch(path.replace(os.sep, "/"))
            if match:
                found[self.name.format(**match.groupdict())] = root / path
        return found


@dataclass(frozen=True)
class Tree:
    """The whole form of a data set: layouts, and how what lies there is stored."""

    layouts: tuple[Layout, ...]
    disparity: DisparityCodec
    noc: NocCodec | None = None
    calibration: CalibrationCodec | None = None

    def find(self, root: Path) -> list[Pair]:
        """Return the pairs under `root`, sorted by name; none where there are none.

        Raises:
            DataError: a view is there without its other one.
        """
        pairs = (pair for layout in self.layouts for pair in layout.find(root))
        return sorted(pairs, key=lambda pair: pair.name)

    def write(self, root: Path, samples: Sequence[StereoSample]) -> list[str]:
        """Write samples in this form, spread over the layouts; return the names they are then found under.

        Made for tests and demonstrations: what `find` and the codecs read back is what was given, to the step
        of the codec. Keys without a place in this form are left out.
        """
        names = []
        for index, sample in enumerate(samples):
            layout = self.layouts[index % len(self.layouts)]
            words = dict.fromkeys(re.findall(r"\{(\w+)\}", layout.left), f"{index:04d}")
            self._write_pair(Path(root), layout, words, sample)
            names.append(layout.name.format(**words))
        return names

    def _write_pair(self, root: Path, layout: Layout, words: dict[str, str], sample: StereoSample) -> None:
        write_image(root / layout.left.format(**words), sample["left"])
        write_image(root / layout.right.format(**words), sample["right"])
        if layout.disparity and "disparity" in sample:
            self.disparity.write(root / layout.disparity[0].format(**words), sample["disparity"])
        if layout.noc and self.noc and "noc" in sample:
            self.noc.write(root / layout.noc.format(**words), sample["disparity"], sample["noc"])
        if layout.right_disparity and "right_disparity" in sample:
            self.disparity.write(root / layout.right_disparity.format(**words), sample["right_disparity"])
        if layout.calibration and self.calibration and "calibration" in sample:
            height, width = sample["left"].shape[:2]
            path = root / layout.calibration.format(**words)
            self.calibration.write(path, sample["calibration"], (height, width))


def first_names(names: Iterable[str]) -> str:
    """Return the first few names in a line, for a message."""
    ordered = sorted(names)
    dots = ", ..." if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(ordered[:_NAMES_SHOWN]) + dots


def _check_views(
    root: Path, left_pattern: str, left: dict[str, Path], right_pattern: str, right: dict[str, Path]
) -> None:
    for these, others, pattern in ((left, right, right_pattern), (right, left, left_pattern)):
        alone = these.keys() - others.keys()
        if alone:
            raise DataError(
                f"{root}: half copied, {len(alone)} of {len(these)} pairs have no file {pattern}: "
                f"{first_names(alone)}"
            )
