"""SceneFlow: rendered pairs with dense disparity of both views (FlyingThings3D, Driving, Monkaa)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsmnet.datasets.base import About, PairDataset, StereoDataset, choose_some
from dsmnet.datasets.subsets import read_names
from dsmnet.datasets.tree import Layout, Pair, Tree
from dsmnet.errors import DataError, UserError
from dsmnet.io.disparity import PFM
from dsmnet.options import check_choice

log = logging.getLogger(__name__)

_PASSES = {"clean": ("cleanpass",), "final": ("finalpass",), "both": ("cleanpass", "finalpass")}
_IMAGES = {"png": "", "webp": "_webp"}  # how the official archive's folder of views ends
# Folders between the pass and left/ or right/; Driving and Monkaa belong to the training part.
_PARTS = {
    "FlyingThings3D": "{split}/{letter}/{sequence}",
    "Driving": "{lens}/{direction}/{speed}",
    "Monkaa": "{scene}",
}
_COUNTS = {
    "TRAIN": {"FlyingThings3D": 22390, "Driving": 4400, "Monkaa": 8664},
    "TEST": {"FlyingThings3D": 4370},
}  # pairs per pass
_FT3D = "FlyingThings3D"


class SceneFlow(StereoDataset):
    """SceneFlow, 35,454 training and 4,370 test pairs per pass (Mayer et al., CVPR 2016).

    The smaller download has the views in ``frames_{cleanpass,finalpass}_webp/``, as WebP. Of the chosen parts
    and passes, what is there is used.

    Args:
        exclude: A text file that names frames of FlyingThings3D to leave out, one a line, in the form
            ``TRAIN/A/0004/left/0010.png``. The authors' own list of frames they did not use is
            ``SceneFlow/assets/all_unused_files.txt`` beside the set's home page.
    """

    name = "sceneflow"
    about = About(
        "https://lmb.informatik.uni-freiburg.de/resources/datasets/SceneFlowDatasets.en.html",
        "non-commercial research",
        "Mayer et al., CVPR 2016",
        size="960x540",
        download="frames (clean or final pass) and disparity of FlyingThings3D, Driving, Monkaa. Unpack "
        "what belongs to one of the three sets into its folder.",
    )
    splits = ("TRAIN", "TEST")

    def __init__(
        self,
        root: str | Path,
        *options: Any,
        exclude: str | Path | None = None,
        require_ground_truth: bool = True,
        **named: Any,
    ) -> None:
        self.exclude, self.require_ground_truth = exclude, require_ground_truth
        self._excluded = frozenset() if exclude is None else _read_frames(exclude)
        super().__init__(root, *options, require_ground_truth=require_ground_truth, **named)

    @classmethod
    def published(cls, *options: Any, **named: Any) -> int:
        """Return the number of pairs that the authors state."""
        chosen = cls._bind(*options, **named)
        counts = _COUNTS[chosen["split"]]
        parts = _parts_of(chosen["split"], chosen["parts"])
        return len(_PASSES[chosen["passes"]]) * sum(counts[part] for part in parts)

    @staticmethod
    def tree(
        split: str = "TRAIN",
        passes: str = "both",
        parts: str | Iterable[str] = tuple(_PARTS),
        images: str = "png",
    ) -> Tree:
        """Return patterns and codecs.

        Args:
            split: ``TRAIN`` or ``TEST``.
            passes: ``clean``, ``final`` (with motion blur and defocus) or ``both``, each giving pairs of
                its own.
            parts: ``FlyingThings3D``, ``Driving``, ``Monkaa``, or some of them. Only the first has a TEST
                part.
            images: ``png`` or ``webp``.
        """
        check_choice("split", split, _COUNTS)
        chosen = _PASSES[check_choice("passes", passes, _PASSES)]
        check_choice("images", images, _IMAGES)
        layouts = [
            _layout(part, _PARTS[part].replace("{split}", split), name, images)
            for part in _parts_of(split, parts)
            for name in chosen
        ]
        return Tree(tuple(layouts), PFM)

    def _validation_part(self) -> PairDataset | None:
        return super()._validation_part() if _FT3D in self.options["parts"] else None

    def _with(self, options: Mapping[str, Any]) -> SceneFlow:
        ground_truth = self.require_ground_truth
        return SceneFlow(self.root, exclude=self.exclude, require_ground_truth=ground_truth, **options)

    def _find(self, tree: Tree, require_ground_truth: bool) -> list[Pair]:
        pairs = super()._find(tree, require_ground_truth)
        if self.exclude is None:
            return pairs
        kept = [pair for pair in pairs if self._frame(pair) not in self._excluded]
        if len(kept) == len(pairs):
            log.warning(
                "sceneflow: exclude=%s leaves out no pair of those that are there; lines as "
                "TRAIN/A/0004/left/0010.png were expected", self.exclude,
            )  # fmt: skip
        else:
            log.info("sceneflow: exclude=%s leaves out %d pairs", self.exclude, len(pairs) - len(kept))
        if not kept:
            raise DataError(f"sceneflow: exclude={self.exclude} leaves out all of the {len(pairs)} pairs")
        return kept

    def _frame(self, pair: Pair) -> str:
        """Return how the authors' list calls a frame of FlyingThings3D; empty for other parts."""
        part, _, *frame = pair.left.relative_to(self.root).with_suffix("").parts
        return "/".join(frame) if part == _FT3D else ""


def _read_frames(exclude: str | Path) -> frozenset[str]:
    """Return the frames that a list names, without suffix and each by its left view."""
    frames = (Path(name).with_suffix("").as_posix() for name in read_names(exclude, "exclude"))
    return frozenset(frame.replace("/right/", "/left/") for frame in frames)


def _parts_of(split: str, parts: str | Iterable[str]) -> Sequence[str]:
    """Return those of the chosen parts that a split has."""
    chosen = [part for part in choose_some("parts", parts, _PARTS) if part in _COUNTS[split]]
    if not chosen:
        raise UserError(f"split={split}: expected {_FT3D} in parts, nothing else has a {split} part")
    return chosen


def _layout(part: str, folders: str, render_pass: str, images: str) -> Layout:
    frames = f"{part}/frames_{render_pass}{_IMAGES[images]}/{folders}"
    disparity = f"{part}/disparity/{folders}"
    return Layout(
        name=f"{part}_{render_pass}_{folders.replace('/', '_')}_{{frame}}",
        left=f"{frames}/left/{{frame}}.{images}",
        right=f"{frames}/right/{{frame}}.{images}",
        disparity=(f"{disparity}/left/{{frame}}.pfm",),
        right_disparity=f"{disparity}/right/{{frame}}.pfm",
    )
