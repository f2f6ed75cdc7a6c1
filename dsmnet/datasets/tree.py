"""Where the files of a data set lie: patterns that find the pairs on disk and write a tree of that form."""

from __future__ import annotations

import functools
import gc
import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from dsmnet.errors import DataError
from dsmnet.io.calibration import CalibrationCodec
from dsmnet.io.disparity import DisparityCodec
from dsmnet.io.images import write_image
from dsmnet.io.masks import MaskCodec, NocCodec
from dsmnet.types import Calibration, StereoSample

_NAMES_SHOWN = 5
_SINGLE_PARTS = ("noc", "right_disparity", "calibration", "foreground")  # those with one pattern at most

Word = tuple[str, str]  # a word of a pattern and what it stands for in a path
Files = dict[frozenset[Word], Path]  # files by the words of their pattern
Matches = Callable[[str | None], Files]  # finds the files of a pattern


class Pair(NamedTuple):
    """The files of one stereo pair; ``None`` for what is not there."""

    name: str
    left: Path
    right: Path
    disparity: Path | None = None
    noc: Path | None = None
    right_disparity: Path | None = None
    calibration: Path | None = None
    foreground: Path | None = None


@dataclass(frozen=True)
class Layout:
    """Patterns of the files of a pair, relative to the data set's root.

    A word in braces, as in ``training/image_2/{frame}_10.png``, stands for one file or folder name or a part
    of it. Files in which the words agree belong together. Both views have all of the words; what belongs to
    several pairs, such as the calibration of a whole sequence, leaves some out.
    """

    name: str  # of the pair, made of the same words
    left: str
    right: str
    disparity: tuple[str, ...] = ()  # in order of preference
    noc: str | None = None
    right_disparity: str | None = None
    calibration: str | None = None
    foreground: str | None = None

    def find(self, root: Path, matches: Matches) -> list[Pair]:
        """Return the pairs under `root`, in no particular order; `matches` looks for one pattern there.

        Raises:
            DataError: A view is there without its other one.
        """
        words = _words(self.left)
        left, right = self.find_views(matches)
        check_views(root, self.left, self._named(left), self.right, self._named(right))
        disparity: Files = {}
        for pattern in self.disparity:
            disparity = matches(pattern) | disparity
        parts = {name: matches(getattr(self, name)) for name in _SINGLE_PARTS}
        kept = {"disparity": _words(*self.disparity), **{n: _words(getattr(self, n)) for n in _SINGLE_PARTS}}
        pairs = []
        for key, path in left.items():
            # A file of fewer words belongs to every pair that agrees with it in those.
            files = {
                name: found.get(key if kept[name] == words else _only(key, kept[name]))
                for name, found in {"disparity": disparity, **parts}.items()
            }
            pairs.append(Pair(self.name.format(**dict(key)), path, right[key], **files))
        return pairs

    def find_views(self, matches: Matches) -> tuple[Files, Files]:
        """Return the left and the right views by their words, equal for those of one pair."""
        return matches(self.left), matches(self.right)

    def paths(self, words: Mapping[str, str]) -> dict[str, str]:
        """Return the path of each part of a pair, relative to the root; the preferred ground truth."""
        patterns = {"left": self.left, "right": self.right}
        patterns |= {"disparity": self.disparity[0]} if self.disparity else {}
        patterns |= {name: getattr(self, name) for name in _SINGLE_PARTS if getattr(self, name)}
        return {name: pattern.format(**words) for name, pattern in patterns.items()}

    def _named(self, found: Mapping[frozenset[Word], Path]) -> dict[str, Path]:
        return {self.name.format(**dict(key)): path for key, path in found.items()}


@dataclass(frozen=True)
class Tree:
    """The whole form of a data set: layouts, and how what lies there is stored."""

    layouts: tuple[Layout, ...]
    disparity: DisparityCodec
    noc: NocCodec | None = None
    calibration: CalibrationCodec | None = None
    foreground: MaskCodec | None = None
    rig: Calibration | None = None  # of the cameras of all pairs, where no file states it

    def find(self, root: Path) -> list[Pair]:
        """Return the pairs under `root`, sorted by name; refuse two of one name and a view alone."""
        # Both passes of SceneFlow share ground truth.
        matches = functools.cache(functools.partial(_matches, root))
        with _no_collection():
            pairs = [pair for layout in self.layouts for pair in layout.find(root, matches)]
        pairs.sort(key=lambda pair: pair.name)
        for one, other in pairwise(pairs):
            if one.name == other.name:
                raise DataError(
                    f"{root}: the pair {one.name} is there twice, {one.left} and {other.left}; expected once"
                )
        return pairs

    def write(self, root: Path, samples: Sequence[StereoSample]) -> list[str]:
        """Write samples in this form, spread over the layouts; return the names they are then found under.

        Made for tests and demonstrations: what is read back is what was given, to the step of the codec. Keys
        without a place in this form are left out.
        """
        names = []
        for index, sample in enumerate(samples):
            layout = self.layouts[index % len(self.layouts)]
            words = dict.fromkeys(re.findall(r"\{(\w+)\}", layout.left), f"{index:04d}")
            self._write_pair(Path(root), layout, words, sample)
            names.append(layout.name.format(**words))
        return names

    def _write_pair(self, root: Path, layout: Layout, words: dict[str, str], sample: StereoSample) -> None:
        path = {part: root / name for part, name in layout.paths(words).items()}
        calibration = self.rig or sample.get("calibration")
        write_image(path["left"], sample["left"])
        write_image(path["right"], sample["right"])
        if "disparity" in path and "disparity" in sample:
            self.disparity.write(path["disparity"], sample["disparity"], calibration)
        if "noc" in path and self.noc and "noc" in sample:
            self.noc.write(path["noc"], sample["disparity"], sample["noc"])
        if "right_disparity" in path and "right_disparity" in sample:
            self.disparity.write(path["right_disparity"], sample["right_disparity"], calibration)
        if "foreground" in path and self.foreground and "foreground" in sample:
            self.foreground.write(path["foreground"], sample["foreground"])
        if "calibration" in path and self.calibration and calibration:
            height, width = sample["left"].shape[:2]
            self.calibration.write(path["calibration"], calibration, (height, width))


def first_names(names: Iterable[str]) -> str:
    """Return the first few names in a line, for a message."""
    ordered = sorted(names)
    dots = ", ..." if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(ordered[:_NAMES_SHOWN]) + dots


def check_views(
    root: Path, left_pattern: str, left: dict[str, Path], right_pattern: str, right: dict[str, Path]
) -> None:
    """Take the views of both sides, by the pair's name, and refuse a pair that lacks one."""
    for these, others, pattern in ((left, right, right_pattern), (right, left, left_pattern)):
        alone = these.keys() - others.keys()
        if alone:
            raise DataError(
                f"{root}: half copied, {len(alone)} of {len(these)} pairs have no file {pattern}: "
                f"{first_names(alone)}"
            )


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection: among a million new objects that all stay, it takes 40 % of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _words(*patterns: str | None) -> frozenset[str]:
    return frozenset(word for pattern in patterns if pattern for word in re.findall(r"\{(\w+)\}", pattern))


def _only(key: frozenset[Word], words: frozenset[str]) -> frozenset[Word]:
    return frozenset(item for item in key if item[0] in words)


def _matches(root: Path, pattern: str | None) -> Files:
    """Return the files that match a pattern, by what its words stand for."""
    if pattern is None:
        return {}
    seen: set[str] = set()
    regex = ""
    for index, part in enumerate(re.split(r"\{(\w+)\}", pattern)):  # text and words in turn
        if index % 2 == 0:
            regex += re.escape(part)
        else:
            regex += f"(?P={part})" if part in seen else f"(?P<{part}>[^/]+)"
            seen.add(part)
    matcher = re.compile(regex)
    found = {}
    # Unlike that of pathlib, this glob leaves out names with a leading dot (._000001_10.png of macOS)
    # and is quick enough for the 70,000 pairs of SceneFlow.
    for path in glob.iglob(re.sub(r"\{\w+\}", "*", pattern), root_dir=root):
        match = matcher.fullmatch(path.replace(os.sep, "/"))
        if match:
            found[frozenset(match.groupdict().items())] = root / path
    return found
