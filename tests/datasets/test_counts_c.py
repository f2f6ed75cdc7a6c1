"""Trees of full published size, enumerated as the authors describe them, hold as many pairs as published.

InStereo2K: the scenes in each part of the archive. Booster: the lights of each scene in the archive of the
labelled data. DrivingStereo: page, paper and supplement. Spring: the authors' loader, and the lengths of the
test sequences in the benchmark's own code. Argoverse: number and sum of the logs in the archives.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dsmnet.datasets.argoverse import Argoverse
from dsmnet.datasets.booster import Booster
from dsmnet.datasets.drivingstereo import DrivingStereo
from dsmnet.datasets.instereo2k import InStereo2K
from dsmnet.datasets.spring import Spring
from dsmnet.datasets.tree import Layout

TouchPairs = Callable[[Path, Layout, Iterable[Mapping[str, str]]], None]

INSTEREO2K_PARTS = {"part1": 391, "part2": 390, "part3": 390, "part4": 391, "part5": 395, "part6": 53}
BOOSTER_LIGHTS = {
    "Bathroom": 3, "Bedroom": 3, "Bottle": 2, "Bottle1": 4, "BottledWater": 5, "Bottles1": 8, "Bucket": 7,
    "Canteen": 10, "Case": 11, "CashBox": 8, "CoffeeMaker": 3, "Cooker1": 7, "Cosmetics": 10, "DogHouse": 4,
    "Door": 7, "ExtractorFan": 10, "Fridge": 3, "Lunch": 1, "Microwave": 7, "Mirror": 2, "Moka": 5,
    "Moka1": 10, "Motorcycle": 9, "Mouthwash": 7, "OilCan": 8, "Oven1": 6, "Oven2": 6, "Pots1": 6,
    "Shower": 4, "Sink": 5, "SoapDishes": 8, "TV": 4, "TV1": 4, "TV2": 2, "Tablet": 9,
    "Toilet": 5, "Vodka": 8, "Washer": 7,
}  # fmt: skip
DRIVINGSTEREO_TEST = {
    "2018-07-11-14-48-52": 1721, "2018-08-01-11-13-14": 1532,
    "2018-08-07-13-46-08": 2861, "2018-10-11-16-03-19": 1637,
}  # fmt: skip
SPRING_TEST = {3: 131, 19: 111, 28: 39, 29: 135, 31: 73, 34: 47, 35: 120, 40: 111, 42: 116, 46: 117}
ARGOVERSE_LOGS = {"train": (42, 4008), "val": (17, 1522), "test": (15, 1094)}


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that lies in memory where the system has such a place, and does not outlive the test."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def spread(total: int, groups: int) -> list[int]:
    """Return sizes of groups, where the authors state only their number and sum."""
    return [total // groups + (index < total % groups) for index in range(groups)]


def spring_words(split: str) -> Iterator[dict[str, str]]:
    train = [number for number in range(1, 48) if number not in SPRING_TEST]
    lengths = SPRING_TEST if split == "test" else dict(zip(train, spread(5000, 37), strict=True))
    for number, length in lengths.items():
        for frame in range(1, length + 1):
            yield {"sequence": f"{number:04d}", "frame": f"{frame:04d}"}


def drivingstereo_words(split: str) -> Iterator[dict[str, str]]:
    if split == "test":
        sequences = DRIVINGSTEREO_TEST
    else:
        days = [f"2018-07-{day:02d}-10-00-00" for day in range(1, 32)]
        days += [f"2018-10-{day:02d}-10-00-00" for day in range(1, 8)]
        sequences = dict(zip(days, spread(174_437, 38), strict=True))
    for sequence, length in sequences.items():
        for second in range(length):
            yield {"sequence": sequence, "frame": f"{sequence}_{sequence[:10]}-11-{second:05d}-123"}


def words(name: str, split: str) -> Iterator[dict[str, str]]:
    """Return the words of every pair of a set."""
    if name == "instereo2k":
        number = 0
        for part, scenes in INSTEREO2K_PARTS.items() if split == "train" else [("", 50)]:
            for _ in range(scenes):
                number += 1
                yield {"part": part, "scene": f"{number:06d}"}
    elif name == "booster":
        test = {f"Scene{number}": lights for number, lights in enumerate(spread(191, 26))}
        for scene, lights in (BOOSTER_LIGHTS if split == "train" else test).items():
            yield from ({"scene": scene, "light": f"im{light}"} for light in range(lights))
    elif name == "drivingstereo" and split in ("train", "test"):
        yield from drivingstereo_words(split)
    elif name == "drivingstereo":
        yield from ({"frame": f"2018-10-25-07-37-26_2018-10-25-08-{n:05d}-951"} for n in range(500))
    elif name == "spring":
        yield from spring_words(split)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (InStereo2K, {"split": "train"}),
        (InStereo2K, {"split": "test"}),
        (Booster, {"split": "train"}),
        (Booster, {"split": "test"}),
        (Spring, {"split": "train"}),
        (Spring, {"split": "test"}),
        (DrivingStereo, {"split": "test", "resolution": "half"}),
        (DrivingStereo, {"split": "test", "resolution": "full"}),
        *(
            (DrivingStereo, {"split": weather, "resolution": resolution})
            for weather in ("sunny", "cloudy", "foggy", "rainy")
            for resolution in ("half", "full")
        ),
    ],
    ids=lambda value: value.name if isinstance(value, type) else "-".join(value.values()),
)
def test_a_full_tree_holds_what_is_published(
    root: Path, cls: Any, options: dict[str, str], touch_pairs: TouchPairs
) -> None:
    (layout,) = cls.tree(**options).layouts
    touch_pairs(root, layout, words(cls.name, options["split"]))
    pairs = cls(root, **options, require_ground_truth=False).pairs
    assert len(pairs) == cls.published(**options)
    assert all(pair.disparity for pair in pairs)


def test_the_training_part_of_drivingstereo(root: Path) -> None:
    """The views alone, and those of the right are the left ones once more: so many files take their time."""
    left = root / "train-left-image"
    for entry in drivingstereo_words("train"):
        folder = f"{left}/{entry['sequence']}"
        if entry["frame"].endswith("-11-00000-123"):  # the first of a sequence
            os.makedirs(folder)
        os.close(os.open(f"{folder}/{entry['frame']}.jpg", os.O_CREAT))
    (root / "train-right-image").symlink_to(left)
    assert len(DrivingStereo(root, require_ground_truth=False)) == DrivingStereo.published() == 174_437


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_argoverse_pairs_by_time(root: Path, split: str) -> None:
    logs, total = ARGOVERSE_LOGS[split]
    for log, length in enumerate(spread(total, logs)):
        name = f"273c1883-673a-36bf-b124-{log:012d}"
        views = root / "rectified_stereo_images_v1.1" / split / name
        target = root / "disparity_maps_v1.1" / split / name / "stereo_front_left_rect_disparity"
        for folder in (views / "stereo_front_left_rect", views / "stereo_front_right_rect", target):
            folder.mkdir(parents=True)
        for moment in range(length):
            left = 315_969_698_980_803_240 + moment * 199_797_120
            right = left + (270_704, -2_400, 0)[moment % 3]  # the largest distance found in the set, and less
            (views / f"stereo_front_left_rect/stereo_front_left_rect_{left}.jpg").touch()
            (views / f"stereo_front_right_rect/stereo_front_right_rect_{right}.jpg").touch()
            if split != "test":
                (target / f"disparity_{left}.png").touch()
    pairs = Argoverse(root, split, require_ground_truth=split != "test").pairs
    assert len(pairs) == Argoverse.published(split) == total
    for pair in pairs:
        times = [int(path.stem.rsplit("_", 1)[1]) for path in (pair.left, pair.right)]
        assert abs(times[0] - times[1]) <= 270_704
        assert pair.left.parent.parent == pair.right.parent.parent
        assert pair.disparity is None or pair.disparity.stem.endswith(f"_{times[0]}")


def test_the_parts_of_argoverse_make_the_whole() -> None:
    assert sum(Argoverse.published(split) for split in ARGOVERSE_LOGS) == 6_624
