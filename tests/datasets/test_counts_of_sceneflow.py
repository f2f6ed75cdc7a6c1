"""SceneFlow at its published size, in empty files; the structure is that of the set itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.sceneflow import SceneFlow

MISSING = {
    "TRAIN": {"A": {18, 132, 653, 676}, "B": {18, 172, 316, 400}, "C": {398, 419, 651}},
    "TEST": {"A": {4, 72, 84, 96, 139, 142}, "B": {31, 115, 132}, "C": {18, 43, 74, 142}},
}

SEQUENCES = {"TRAIN": 750, "TEST": 150}
DRIVING = {"fast": 300, "slow": 800}  # frames, of two lenses and two directions each
MONKAA = {
    126: "a_rain_of_stones_x2 flower_storm_augmented0_x2 flower_storm_augmented1_x2 flower_storm_x2",
    151: "eating_camera2_x2 eating_naked_camera2_x2",
    91: "eating_x2 top_view_x2",
    161: "family_x2",
    501: "funnyworld_augmented0_x2 funnyworld_augmented1_x2 funnyworld_camera2_augmented0_x2 "
    "funnyworld_camera2_augmented1_x2 funnyworld_camera2_x2 funnyworld_x2 lonetree_augmented0_x2 "
    "lonetree_augmented1_x2 lonetree_difftex2_x2 lonetree_difftex_x2 lonetree_winter_x2 lonetree_x2 "
    "treeflight_augmented0_x2 treeflight_augmented1_x2 treeflight_x2",
}


def count(cls: Any, root: Path, **options: Any) -> int:
    """Open a set and hold the number of its pairs against the published one."""
    data: StereoDataset = cls(root, **options)
    published = cls.published(
        **{k: v for k, v in options.items() if k not in ("require_ground_truth", "subset")}
    )
    assert len(data) == published
    return len(data)


def flying_things(split: str) -> list[str]:
    return [
        f"{split}/{letter}/{sequence:04d}"
        for letter in "ABC"
        for sequence in range(SEQUENCES[split])
        if sequence not in MISSING[split][letter]
    ]


def sceneflow_frames() -> Iterator[tuple[str, str, Sequence[int]]]:
    """Return for each sequence its part, its folder and its frames."""
    for split in SEQUENCES:
        for folder in flying_things(split):
            yield "FlyingThings3D", folder, range(6, 16)
    for lens, direction, speed in product("13", ("forwards", "backwards"), DRIVING):
        yield "Driving", f"{lens}5mm_focallength/scene_{direction}/{speed}", range(1, DRIVING[speed] + 1)
    for number, names in MONKAA.items():
        for name in names.split():
            yield "Monkaa", name, range(number)


@pytest.fixture(scope="module")
def sceneflow_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of SceneFlow: the clean pass as WebP, the final one as PNG, the disparity of both views.

    Sequences of the same frames are links to one folder of empty files, else there would be 240,000 of them.
    """
    base = tmp_path_factory.mktemp("sceneflow")
    folders: set[Path] = set()
    kinds = (("frames_cleanpass_webp", "webp"), ("frames_finalpass", "png"), ("disparity", "pfm"))
    for part, sequence, frames in sceneflow_frames():
        for kind, suffix in kinds:
            shared = base / "shared" / f"{suffix}_{frames[0]}_{frames[-1]}"
            if not shared.exists():
                (shared / "left").mkdir(parents=True)
                for frame in frames:
                    (shared / "left" / f"{frame:04d}.{suffix}").touch()
                (shared / "right").symlink_to("left", target_is_directory=True)
            link = base / "SceneFlow" / part / kind / sequence
            if link.parent not in folders:
                link.parent.mkdir(parents=True, exist_ok=True)
                folders.add(link.parent)
            link.symlink_to(shared, target_is_directory=True)
    return base / "SceneFlow"


def test_sceneflow(sceneflow_root: Path) -> None:
    for options in ({"passes": "final"}, {"passes": "clean", "images": "webp"}):
        assert count(SceneFlow, sceneflow_root, split="TRAIN", **options) == 35454
        assert count(SceneFlow, sceneflow_root, split="TEST", **options) == 4370
    for part, pairs in (("FlyingThings3D", 22390), ("Driving", 4400), ("Monkaa", 8664)):
        assert count(SceneFlow, sceneflow_root, passes="final", parts=[part]) == pairs
    assert SceneFlow.published(passes="both") == 2 * 35454


def test_sceneflow_leaves_out_what_a_list_names(sceneflow_root: Path, tmp_path: Path) -> None:
    listed = tmp_path / "all_unused_files.txt"
    frames = [
        f"{folder}/left/{frame:04d}.png" for folder in flying_things("TRAIN")[:3] for frame in range(6, 16)
    ]
    listed.write_text("\n".join([*frames, "TEST/A/0000/left/0006.png"]) + "\n")
    options = {"passes": "final", "parts": ["FlyingThings3D"], "exclude": str(listed)}
    train, test = SceneFlow(sceneflow_root, **options).split_validation()
    assert len(train) == 22390 - 30
    assert len(test) == 4370 - 1


@pytest.mark.timing
def test_listing_is_quick(sceneflow_root: Path) -> None:
    """Less than 0.3 ms of computing a pair: seconds for a set of a hundred thousand."""
    start = process_time()
    data = SceneFlow(sceneflow_root, passes="final")
    assert process_time() - start < 3e-4 * len(data)
