"""A data set of pseudo-labels on disk: written pair by pair, resumable, read by ``dataset=folder``."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from dsmnet.adaptation.pseudo_labels import LabelRules, PseudoLabel, make_label
from dsmnet.adaptation.view_synthesis import RenderedPairs
from dsmnet.atomic import atomic_write, claim_folder, write_text
from dsmnet.data.mixture import Mixture
from dsmnet.datasets.folder import Folder
from dsmnet.errors import DataError, UserError
from dsmnet.inference.pipeline import ReadAhead
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.io.disparity import write_disparity_pfm, write_disparity_png16
from dsmnet.io.images import write_image
from dsmnet.metrics.pixel_error import outliers
from dsmnet.progress import track
from dsmnet.types import DisparityMap, Mask, Matcher, StereoPairs, StereoSample

log = logging.getLogger(__name__)

VIEWS = ("left", "right", "disparity")
FILLED = "filled"
RECORD = "labels.json"


class LabelledWithReplay(Dataset[StereoSample]):
    """Labelled pairs to train on, procedural ones between them and for validation.

    Args:
        folder: Folder of `write_labels`.
        replay: Generator of the source.
        share: Share of the generator.
        rendered: Share, of the other pairs, whose right view is rendered from the left one and its label.
        rows: Rows of a rendered pair, at most.
    """

    endless = True
    name = "labelled"

    def __init__(self, folder: str, replay: StereoPairs, share: float, rendered: float, rows: int) -> None:
        self.replay = replay
        self.labels = read_labels(Path(folder))
        self.rendered = RenderedPairs(read_labels(Path(folder), FILLED), rows=rows) if rendered else None
        target = 1 - share
        self.shares = {"source": share, "labels": target * (1 - rendered), "rendered": target * rendered}

    def split_validation(self) -> tuple[Any, Any]:
        """Return the mixture, and the generator's validation split."""
        source, validation = self.replay.split_validation()
        parts: dict[str, Any] = {"source": source, "labels": self.labels, "rendered": self.rendered}
        return Mixture(parts, self.shares), validation


def write_labels(
    pairs: StereoPairs,
    indices: Sequence[int],
    teacher: Matcher,
    second: Matcher | None,
    rules: LabelRules,
    folder: Path,
    *,
    max_disparity: str | int = "auto",
    source: Mapping[str, Any] | None = None,
    filled: bool = False,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Label pairs; write ``left/NAME.png``, ``right/NAME.png``, ``disparity/NAME.png`` (16 bit, times 256).

    A pair that is there already is left as it is, so that an interrupted run goes on, and several processes
    can label parts of one set. A broken pair is named and left out.

    Args:
        pairs: Data set, with or without ground truth.
        indices: Pairs to label.
        teacher: Matcher whose disparities become labels.
        second: Matcher of the last rule.
        rules: Checks that a label passes.
        folder: Folder of the labelled set.
        max_disparity: Search range, see `resolve_max_disparity`.
        source: Options that made the labels; a folder with others is refused.
        filled: Whether to write ``filled/NAME.png`` as well, which has a disparity at every pixel.
        progress: Whether to show a bar.

    Returns:
        For each pair its name, the share of its pixels that passed each rule and all of them and, where there
        is ground truth, the percentage of outliers (D1) among them.

    Raises:
        UserError: The folder holds labels of other options, or no pair could be labelled.
    """
    claim_folder(folder / RECORD, source or {}, "labels")
    found, failed = [], []
    for index, load in track(ReadAhead(indices, pairs.__getitem__, 1), "labels", enabled=progress):
        try:
            sample = load()
        except DataError as error:
            log.warning("%s", error)
            failed.append(index)
            continue
        name = sample["name"].replace("/", "_")
        record = folder / "records" / f"{name}.json"
        if not record.is_file():
            searched = resolve_max_disparity(
                max_disparity, sample.get("calibration"), sample["left"].shape[1]
            )
            label = make_label(teacher, sample["left"], sample["right"], searched, rules, second)
            _write(folder, name, sample, label)
            if filled:
                _write_map(folder / FILLED, name, label.filled)
            write_text(record, json.dumps({"name": name, **label_scores(label, sample)}) + "\n")
        found.append(json.loads(record.read_text(encoding="utf-8")))
    if not found:
        raise UserError(f"dataset: none of {len(failed)} pairs could be read, so there is nothing to label")
    return found


def read_labels(folder: Path, disparity: str = VIEWS[2]) -> Folder:
    """Return the labelled pairs of a folder of `write_labels`; `disparity` names that of the maps."""
    left, right, disparity = (str(folder / view) for view in (*VIEWS[:2], disparity))
    return Folder(left, right, disparity, pairing="name")


def label_scores(label: PseudoLabel, sample: StereoSample) -> dict[str, Any]:
    """Return density and, with ground truth, outliers among all pixels, by each rule, and by all of them."""
    masks: dict[str, Mask] = {"teacher": np.isfinite(label.disparity), **label.kept, "all": label.mask}
    found: dict[str, Any] = {"density": {rule: round(float(mask.mean()), 4) for rule, mask in masks.items()}}
    found["largest"] = round(float(np.max(label.disparity, where=label.mask, initial=0.0)), 2)  # pixels
    if "disparity" in sample:
        target, valid = sample["disparity"], sample["valid"]
        wrong = outliers(np.abs(label.disparity - target), target)
        found["d1"] = {
            rule: round(100 * float(wrong[mask & valid].mean()), 3) if (mask & valid).any() else None
            for rule, mask in masks.items()
        }
        found["known"] = {
            rule: round(float((mask & valid).sum() / max(valid.sum(), 1)), 4) for rule, mask in masks.items()
        }
    return found


def mean_scores(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the means over pairs of what `label_scores` found, by measure and rule."""
    table: dict[str, dict[str, float]] = {}
    for measure in ("density", "known", "d1"):
        rows = [record[measure] for record in records if measure in record]
        rules = dict.fromkeys(rule for row in rows for rule in row)
        for rule in rules:
            values = [row[rule] for row in rows if row.get(rule) is not None]
            if values:
                table.setdefault(measure, {})[rule] = float(np.mean(values))
    return table


def _write(folder: Path, name: str, sample: StereoSample, label: PseudoLabel) -> None:
    """Write the files of a pair."""
    for view in ("left", "right"):
        with atomic_write(folder / view / f"{name}.png") as part:
            write_image(part, sample[view])
    _write_map(folder / VIEWS[2], name, np.where(label.mask, label.disparity, np.float32(0)))


def _write_map(folder: Path, name: str, disparity: DisparityMap) -> None:
    """Write a map; what is beyond a 16-bit PNG goes to a .pfm."""
    fits = disparity.max() < 255.9
    with atomic_write(folder / f"{name}{'.png' if fits else '.pfm'}") as part:
        (write_disparity_png16 if fits else write_disparity_pfm)(part, disparity)
