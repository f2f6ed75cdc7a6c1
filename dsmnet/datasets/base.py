"""What all data sets made of files have in common: pairing, loading, checking, splitting."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch.utils.data import Dataset, Subset

from dsmnet.datasets.subsets import choose_named
from dsmnet.datasets.tree import Pair, Tree, first_names
from dsmnet.errors import DataError, MissingDataError, UserError, count
from dsmnet.io.images import read_views
from dsmnet.options import check_choice
from dsmnet.types import Calibration, StereoSample

log = logging.getLogger(__name__)

_HOLD_BACK = 5  # every so many scenes, one is for validation


class About(NamedTuple):
    """Where a data set comes from; the documents take their tables from here."""

    home: str  # address of its page
    licence: str  # as published there
    paper: str  # authors, venue, year
    # Number of pairs, or of each value of the first option of the set's `tree`; None where it is not stated.
    pairs: int | Mapping[str, int] | None = None
    size: str = ""  # width x height of the views, pixels
    download: str = ""  # archives of the home page, and how they are unpacked


class PairDataset(Dataset[StereoSample]):
    """Stereo pairs whose files are known, stored as `codecs` says, of which the layouts play no part.

    Attributes:
        min_disparity: Disparities below are read as unknown; where the form of the set holds negative ones, a
            negative number keeps them.
    """

    name: str = ""
    endless = False
    min_disparity: int = 0

    def __init__(self, pairs: list[Pair], codecs: Tree) -> None:
        self.pairs = pairs
        self._codecs = codecs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> StereoSample:
        """Load a pair; a broken or absent file, or one of another size, is named."""
        pair = self.pairs[index]
        left, right = read_views(pair.left, pair.right)
        sample: StereoSample = {"left": left, "right": right, "name": pair.name, "dataset": self.name}
        calibration, codec = self._calibration(pair), self._codecs.disparity.beginning_at(self.min_disparity)
        if calibration:
            sample["calibration"] = calibration
        if pair.disparity:
            sample["disparity"] = codec.read(pair.disparity, calibration)
            sample["valid"] = sample["disparity"] != 0
        if pair.right_disparity:
            sample["right_disparity"] = codec.read(pair.right_disparity, calibration)
            sample["right_valid"] = sample["right_disparity"] != 0
        if pair.foreground and self._codecs.foreground:
            sample["foreground"] = self._codecs.foreground.read(pair.foreground)
        if pair.noc and pair.disparity and self._codecs.noc:
            same = pair.noc == pair.disparity  # KITTI without disp_occ: no file is decoded twice
            sample["noc"] = sample["valid"].copy() if same else self._codecs.noc.read(pair.noc)
        self._check_sizes(pair, sample)
        if "noc" in sample:
            sample["noc"] &= sample["valid"]
        return sample

    def split_validation(self) -> tuple[Dataset[StereoSample], Dataset[StereoSample]]:
        """Return a part to train on and one to validate on.

        Where the authors set a part apart and it is there with ground truth, it is that one; else every fifth
        of the sorted scenes is for validation, with all of its pairs. A single scene is split pair by pair; a
        single pair serves as both, with a warning.
        """
        held_out = self._validation_part()
        if held_out is not None:
            return self, held_out
        if len(self) < 2:
            log.warning("%s has one pair only: it is both trained and validated on", self.name)
            return self, self
        scenes = [self._scene(pair) for pair in self.pairs]
        if len(set(scenes)) < 2:
            scenes = [pair.name for pair in self.pairs]
        validation = set(list(dict.fromkeys(scenes))[::_HOLD_BACK])
        parts: tuple[list[int], list[int]] = ([], [])
        for index, scene in enumerate(scenes):
            parts[scene in validation].append(index)
        return NamedSubset(self, parts[0]), NamedSubset(self, parts[1])

    def _scene(self, pair: Pair) -> str:
        """Return what pairs that look alike have in common: those must not be split."""
        return pair.name

    def _validation_part(self) -> PairDataset | None:
        """Return the part that the authors set apart for validation; None where there is none."""
        return None

    def _calibration(self, pair: Pair) -> Calibration | None:
        codec = self._codecs.calibration
        return codec.read(pair.calibration) if pair.calibration and codec else self._codecs.rig

    def _check_sizes(self, pair: Pair, sample: StereoSample) -> None:
        left = sample["left"].shape[:2]
        for part in ("right", "disparity", "noc", "right_disparity", "foreground"):
            size = getattr(sample.get(part), "shape", left)[:2]
            if size != left:
                raise DataError(
                    f"{self.name} {pair.name}: sizes (height x width) differ: "
                    f"{pair.left} has {left[0]}x{left[1]}, {getattr(pair, part)} has {size[0]}x{size[1]}"
                )


class StereoDataset(PairDataset):
    """Stereo pairs that lie in a folder tree.

    A subclass gives its `name`, says what it is `about` and has a static method ``tree(**options)`` that
    states where its files lie and how they are stored.

    Args:
        root: Folder of the data set, the top one of its tree in data/README.md.
        options: Those of `tree`, by place or by name; conf/dataset says what each may be.
        require_ground_truth: Leave out pairs without a disparity map; else they come without the key
            ``disparity``.
        subset: Only the pairs that a text file names, see `dsmnet.datasets.subsets`.

    Raises:
        DataError: There is no pair (with ground truth), or one view is there without the other.
    """

    about: ClassVar[About | None] = None
    tree: ClassVar[Callable[..., Tree]]
    # Values of the option `split` to train and to validate on, where the authors set a part apart for that.
    splits: ClassVar[tuple[str, str] | None] = None

    def __init__(
        self,
        root: str | Path,
        *options: Any,
        require_ground_truth: bool = True,
        subset: str | Path | None = None,
        **named: Any,
    ) -> None:
        self.root = Path(root).expanduser()  # a shell leaves the ~ of paths.data=~/stereo alone
        self.options = self._bind(*options, **named)
        tree = self.tree(**self.options)
        pairs = self._find(tree, require_ground_truth)
        super().__init__(pairs if subset is None else choose_named(pairs, subset, self.name), tree)
        log.info("%s: %s", self.name, self.describe())

    @classmethod
    def write_fake(cls, root: str | Path, samples: Sequence[StereoSample], **options: object) -> list[str]:
        """Write samples as a tree of this data set with these `options`; return the names they then have."""
        return cls.tree(**options).write(Path(root), samples)

    @classmethod
    def published(cls, *options: Any, **named: Any) -> int | None:
        """Return the number of pairs that the authors state for options of `tree`; None where they do not."""
        chosen = next(iter(cls._bind(*options, **named).values()), ())
        counts = cls.about.pairs if cls.about else None
        if not isinstance(counts, Mapping):
            return counts
        return sum(counts[value] for value in ([chosen] if isinstance(chosen, str) else chosen))

    def describe(self) -> str:
        """Return in one line what was found: pairs, ground truth, masks and calibrations."""
        target = Counter(_kind(pair.disparity, self.root) for pair in self.pairs if pair.disparity)
        known = [f"ground truth {kind} ({found})" for kind, found in sorted(target.items())]
        parts = [f"{count(len(self.pairs), 'pair')} in {self.root}", *(known or ["no ground truth"])]
        for part in ("noc", "right_disparity", "foreground", "calibration"):
            found = sum(getattr(pair, part) is not None for pair in self.pairs)
            if found:
                parts.append(f"{part} ({found})")
        return ", ".join(parts)

    @classmethod
    def _bind(cls, *options: Any, **named: Any) -> dict[str, Any]:
        """Return all options of `tree` by name."""
        expected = signature(cls.tree)
        try:
            bound = expected.bind(*options, **named)
        except TypeError as error:
            known = ", ".join(expected.parameters)
            raise UserError(f"{cls.name}: {error}; its options are {known}") from None
        bound.apply_defaults()
        return dict(bound.arguments)

    def _validation_part(self) -> PairDataset | None:
        if self.splits is None or self.options["split"] != self.splits[0]:
            return None
        options = {**self.options, "split": self.splits[1]}
        if any(pair.disparity for pair in self.tree(**options).find(self.root)):
            return self._with(options)
        log.info(
            "%s: no %s part with ground truth, so every fifth pair is for validation",
            self.name,
            self.splits[1],
        )
        return None

    def _with(self, options: Mapping[str, Any]) -> PairDataset:
        return type(self)(self.root, **options)

    def _find(self, tree: Tree, require_ground_truth: bool) -> list[Pair]:
        pairs = tree.find(self.root)
        if not pairs:
            expected = ", ".join(layout.left for layout in tree.layouts)
            gone = "" if self.root.is_dir() else " (that folder does not exist)"
            error = DataError if self.root.is_dir() else MissingDataError
            raise error(
                f"{self.name}: no pairs under {self.root}{gone}; expected left views as {expected}. "
                "data/README.md draws the tree."
            )
        if not require_ground_truth:
            return pairs
        without = [pair.name for pair in pairs if not pair.disparity]
        if len(without) == len(pairs):
            expected = ", ".join(pattern for layout in tree.layouts for pattern in layout.disparity)
            raise DataError(
                f"{self.name}: none of the pairs under {self.root} (found: {len(pairs)}) has ground truth; "
                f"expected {expected}. Without need of it, require_ground_truth=false keeps them."
            )
        if without:
            log.warning(
                "%s: %d of %d pairs left out, they have no ground truth: %s",
                *(self.name, len(without), len(pairs), first_names(without)),
            )
        return [pair for pair in pairs if pair.disparity]


class NamedSubset(Subset[StereoSample]):
    """Some of the pairs of a data set, under its name."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        super().__init__(dataset, indices)
        self.name = dataset.name


def read_from(dataset: Any, min_disparity: int) -> None:
    """Let a data set, or the one that a part is of, read disparities from `min_disparity` on."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    if isinstance(dataset, PairDataset):
        dataset.min_disparity = min_disparity


def choose_some(option: str, values: str | Iterable[str], allowed: Collection[str]) -> tuple[str, ...]:
    """Return the values in the order of those allowed; a single one needs no list."""
    wanted = [values] if isinstance(values, str) else list(values)
    for value in wanted:
        check_choice(option, value, allowed)
    if not wanted:
        raise UserError(f"{option}=[]: expected at least one of {', '.join(allowed)}")
    return tuple(value for value in allowed if value in wanted)


def _kind(path: Path, root: Path) -> str:
    """Return the folder that tells a KITTI map's kind, or the file name where all maps are called alike."""
    parts = path.relative_to(root).parts
    return next((part for part in parts if part.startswith("disp")), path.name)
