"""CARLA: street scenes of a driving simulator, with dense depth; cameras differ from pair to pair."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dsmnet.datasets.base import About, StereoDataset
from dsmnet.datasets.tree import Layout, Pair, Tree, check_views, first_names
from dsmnet.errors import DataError, FormatError, shown
from dsmnet.io.depth import depth_codec, depth_rgb24
from dsmnet.io.images import read_bytes, read_size
from dsmnet.types import Calibration, StereoSample

log = logging.getLogger(__name__)

_LIST = "carla.list"
_LONGEST = 100  # characters of a name in it, which is a path
_FARTHEST = 1000.0  # metres, the far plane of CARLA's depth camera
_NARROWEST = Calibration(focal=100.0, baseline=0.1)  # says how fine the stored depth is, no more
_LAYOUT = Layout(
    name="{pair}_left",
    left="rgb/{pair}_left.png",
    right="rgb/{pair}_right.png",
    disparity=("depth/{pair}_left.png",),
)


class Entry(NamedTuple):
    """A line of the list."""

    left: str  # relative to rgb/ and, its depth, to depth/
    right: str  # relative to rgb/
    fov: float  # degrees, horizontal
    baseline: float  # metres


class Carla(StereoDataset):
    """CARLA pairs in the form that DSMNet's training code reads (Zhang et al., ECCV 2020).

    The field of view is horizontal and in degrees, the baseline in metres. A depth of 1000 m times
    ``(R + 256 G + 65536 B) / (2^24 - 1)`` is what CARLA's depth camera writes; 1000 m, the sky, counts as
    unknown. The authors have not released their pairs: this reads what you render yourself.
    """

    name = "carla"
    about = About(
        "https://github.com/feihuzhang/DSMNet",
        "none: the authors' pairs are not released",
        "Zhang et al., ECCV 2020",
        size="your own",
        download="nothing to download. What DSMNet's training code reads; the authors' pairs are not "
        "released.",
    )

    @staticmethod
    def tree() -> Tree:
        """Return the codec, and patterns of a tree of this form; which pairs there are is up to the list."""
        codec = depth_codec(depth_rgb24(_FARTHEST), _NARROWEST)
        return ListedTree((_LAYOUT,), codec)

    @classmethod
    def write_fake(cls, root: str | Path, samples: Sequence[StereoSample], **options: object) -> list[str]:
        """See the base class; of the samples' calibrations, focal length and baseline are kept."""
        plain = [sample.get("calibration", _NARROWEST)._replace(doffs=0.0) for sample in samples]
        names = super().write_fake(
            root,
            [{**sample, "calibration": rig} for sample, rig in zip(samples, plain, strict=True)],
            **options,
        )
        entries = []
        for name, sample, rig in zip(names, samples, plain, strict=True):
            assert rig.focal is not None
            assert rig.baseline is not None
            fov = math.degrees(2 * math.atan(sample["left"].shape[1] / (2 * rig.focal)))
            pair = name.removesuffix("_left")
            entries.append(Entry(f"{pair}_left.png", f"{pair}_right.png", fov, rig.baseline))
        lines = [f"{entry.left} {entry.right} {entry.fov!r} {entry.baseline!r}\n" for entry in entries]
        (Path(root) / _LIST).write_text("".join(lines), encoding="utf-8")
        return names

    def _calibration(self, pair: Pair) -> Calibration:
        entry = self._entries[pair.name]
        height, width = read_size(pair.left)
        focal = width / (2 * math.tan(math.radians(entry.fov) / 2))
        return Calibration(focal, entry.baseline, width / 2, height / 2)

    def _find(self, tree: Tree, require_ground_truth: bool) -> list[Pair]:
        pairs = super()._find(tree, require_ground_truth)
        self._entries = read_list(self.root / _LIST)
        return pairs


class ListedTree(Tree):
    """A tree whose pairs are those that a list names."""

    def find(self, root: Path) -> list[Pair]:
        """Return the pairs of the list that are there, sorted by name; none where there is no such folder."""
        if not root.is_dir():
            return []
        if not (root / _LIST).is_file():
            raise DataError(
                f"carla: no pairs under {root}, for it has no {_LIST}; expected that list, and left views as "
                f"{_LAYOUT.left}"
            )
        entries = read_list(root / _LIST)
        left = _there({name: root / "rgb" / entry.left for name, entry in entries.items()})
        right = _there({name: root / "rgb" / entry.right for name, entry in entries.items()})
        depth = _there({name: root / "depth" / entry.left for name, entry in entries.items()})
        check_views(root, _LAYOUT.left, left, _LAYOUT.right, right)
        missing = entries.keys() - left.keys()
        if missing:
            counts = (len(missing), len(entries))
            log.warning("%s: %d of %d pairs are not there: %s", root / _LIST, *counts, first_names(missing))
        return [Pair(name, left[name], right[name], depth.get(name)) for name in sorted(left)]


def read_list(path: Path) -> dict[str, Entry]:
    """Read the pairs of a list, by name, from lines ``left right fov baseline``."""
    entries: dict[str, Entry] = {}
    for number, line in enumerate(read_bytes(path, 1 << 27).decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            left, right, fov, baseline = words
            entry = Entry(left, right, float(fov), float(baseline))
        except ValueError:
            entry = None
        if entry is None or not 0 < entry.fov < 180 or not 0 < entry.baseline < math.inf:
            raise FormatError(
                f"{path}:{number}: '{shown(line.strip())}', but 'left right fov baseline' was expected, with "
                "a field of view below 180 degrees and a positive baseline in metres"
            )
        if not all(name.isprintable() and len(name) <= _LONGEST for name in (left, right)):
            raise FormatError(f"{path}:{number}: {shown(line.strip())}, but names of files were expected")
        if _name(entry) in entries:
            raise FormatError(f"{path}:{number}: {shown(entry.left)} was named before")
        entries[_name(entry)] = entry
    return entries


def _there(files: dict[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in files.items() if path.is_file()}


def _name(entry: Entry) -> str:
    """Return the left view's path as a name that can be a file's."""
    return Path(entry.left).with_suffix("").as_posix().replace("/", "_")
