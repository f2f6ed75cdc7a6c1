"""Rendered sets at their published size: the official trees, enumerated here anew, are found whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from dsmnet.datasets import tree as tree_module
from dsmnet.datasets.carla_highres import CarlaHighRes
from dsmnet.datasets.crestereo import CreStereo
from dsmnet.datasets.falling_things import FallingThings
from dsmnet.datasets.sintel import Sintel
from dsmnet.datasets.subsets import choose_named, read_names
from dsmnet.datasets.tartanair import TartanAir
from dsmnet.datasets.unrealstereo4k import UnrealStereo4K
from dsmnet.datasets.vkitti2 import VirtualKitti2

TouchPairs = Callable[..., None]

VKITTI_FRAMES = {"Scene01": 447, "Scene02": 233, "Scene06": 270, "Scene18": 339, "Scene20": 837}
VKITTI_VARIATIONS = [
    *(f"{degrees}-deg-{side}" for degrees in (15, 30) for side in ("left", "right")),
    *("clone", "fog", "morning", "overcast", "rain", "sunset"),
]
SINTEL_FRAMES = {"ambush_2": 21, "ambush_4": 33, "ambush_6": 20, "market_6": 40} | dict.fromkeys(
    [
        *("alley_1", "alley_2", "ambush_5", "ambush_7", "bamboo_1", "bamboo_2", "bandage_1", "bandage_2"),
        *("cave_2", "cave_4", "market_2", "market_5", "mountain_1", "shaman_2", "shaman_3", "sleeping_1"),
        *("sleeping_2", "temple_2", "temple_3"),
    ],
    50,
)
FAT_PLACES = [f"{place}_{number}" for place in ("kitchen", "kitedemo", "temple") for number in range(5)]
FAT_OBJECTS = [  # of the YCB set
    *("002_master_chef_can", "003_cracker_box", "004_sugar_box", "005_tomato_soup_can", "006_mustard_bottle"),
    *("007_tuna_fish_can", "008_pudding_box", "009_gelatin_box", "010_potted_meat_can", "011_banana"),
    *("019_pitcher_base", "021_bleach_cleanser", "024_bowl", "025_mug", "035_power_drill", "036_wood_block"),
    *("037_scissors", "040_large_marker", "051_large_clamp", "052_extra_large_clamp", "061_foam_brick"),
]


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterable[str]], None]:
    """Let `glob.iglob` see the files of a tree that is too large to be touched."""

    def use(names: Iterable[str]) -> None:
        files = sorted(names)

        def iglob(pattern: str, *, root_dir: Path) -> list[str]:
            # The readers' own regular expressions do the matching; this only narrows, by beginning and end.
            head, tail = pattern.split("*", 1)[0], pattern.rsplit("*", 1)[1]
            start, end = bisect_left(files, head), bisect_left(files, head + "\uffff")
            return [name for name in files[start:end] if name.endswith(tail)]

        monkeypatch.setattr(tree_module.glob, "iglob", iglob)

    return use


def touch(root: Path, files: Iterator[str]) -> None:
    folders: set[Path] = set()
    for name in files:
        path = root / name
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        path.touch()


def check(data: Any, cls: Any, right: bool = True, noc: bool = False, **options: Any) -> None:
    assert len(data) == cls.published(**options)
    assert len({pair.name for pair in data.pairs}) == len(data)
    assert all(pair.disparity for pair in data.pairs)
    assert all((pair.right_disparity is not None) == right for pair in data.pairs)
    assert all((pair.noc is not None) == noc for pair in data.pairs)


def vkitti_files(rgb: str = "", depth: str = "") -> Iterator[str]:
    for (scene, frames), variation in product(VKITTI_FRAMES.items(), VKITTI_VARIATIONS):
        folder = f"{scene}/{variation}/frames"
        for frame, camera in product(range(frames), (0, 1)):
            yield f"{rgb}{folder}/rgb/Camera_{camera}/rgb_{frame:05d}.jpg"
            yield f"{depth}{folder}/depth/Camera_{camera}/depth_{frame:05d}.png"


@pytest.mark.parametrize(
    ("variations", "archives"),
    [(VKITTI_VARIATIONS, "together"), (["clone"], "apart"), (["fog", "30-deg-left"], "together")],
)
def test_vkitti2(tmp_path: Path, listed: Any, variations: list[str], archives: str) -> None:
    folders = {"together": ("", ""), "apart": ("vkitti_2.0.3_rgb/", "vkitti_2.0.3_depth/")}[archives]
    listed(vkitti_files(*folders))
    options = {"variations": variations, "archives": archives}
    check(VirtualKitti2(tmp_path, **options), VirtualKitti2, **options)
    assert VirtualKitti2.published(["clone"]) == 2126
    assert VirtualKitti2.published() == 21260


def sintel_files() -> Iterator[str]:
    folders = (
        "clean_left",
        "clean_right",
        "final_left",
        "final_right",
        "disparities",
        "occlusions",
        "outofframe",
    )
    for folder, (scene, frames) in product((*folders, "disparities_viz"), SINTEL_FRAMES.items()):
        for frame in range(1, frames + 1):
            yield f"training/{folder}/{scene}/frame_{frame:04d}.png"


def test_sintel(tmp_path: Path, listed: Any) -> None:
    listed(sintel_files())
    for passes, count in (("clean", 1064), ("final", 1064), ("both", 2128)):
        assert Sintel.published(passes) == count
        check(Sintel(tmp_path, passes), Sintel, right=False, noc=True, passes=passes)


def fat_files() -> Iterator[str]:
    for thing, place, frame in product(FAT_OBJECTS, FAT_PLACES, range(100)):
        yield from fat_frame(f"single/{thing}_16k/{place}", frame)
    for place, frame in product(FAT_PLACES, range(2000)):
        yield from fat_frame(f"mixed/{place}", frame)


def fat_frame(folder: str, frame: int) -> Iterator[str]:
    endings = ("jpg", "depth.png", "seg.png", "json")
    yield from (f"{folder}/{frame:06d}.{side}.{end}" for side in ("left", "right") for end in endings)


@pytest.mark.parametrize(("variant", "count"), [("single", 31_500), ("mixed", 30_000)])
def test_falling_things(tmp_path: Path, listed: Any, variant: str, count: int) -> None:
    listed(fat_files())
    assert FallingThings.published(variant) == count
    assert FallingThings.published() == 61_500
    check(FallingThings(tmp_path, variant), FallingThings, variant=variant)


def crestereo_files(per_kind: int) -> Iterator[str]:
    for kind, number in product(("tree", "shapenet", "reflective", "hole"), range(per_kind)):
        for side, end in product(("left", "right"), ("jpg", "disp.png")):
            yield f"{kind}/{number:08x}-2128-4916-b450-60c22826bc83_{side}.{end}"


def test_crestereo(tmp_path: Path, listed: Any) -> None:
    listed(name for name in crestereo_files(50_000) if name.endswith("jpg"))
    assert len(CreStereo(tmp_path, require_ground_truth=False)) == CreStereo.published() == 200_000
    assert CreStereo.published(["tree"]) is None
    listed(crestereo_files(100))
    data = CreStereo(tmp_path)
    assert len(data) == 400
    assert all(pair.disparity and pair.right_disparity for pair in data.pairs)


def tartanair_files(version: str) -> Iterator[str]:
    """Yield two places of it; how many frames a flight has is not published."""
    cameras = {"v1": ("left", "right"), "v2": ("lcam_front", "rcam_front")}[version]
    suffix = {"v1": "npy", "v2": "png"}[version]
    for place, level, flight, frame, camera in product(
        ("abandonedfactory", "abandonedfactory_night"), ("Easy", "Hard"), range(3), range(40), cameras
    ):
        folder = f"{place}/{level if version == 'v1' else f'Data_{level.lower()}'}/P{flight:03d}"
        yield f"{folder}/image_{camera}/{frame:06d}_{camera}.png"
        yield f"{folder}/depth_{camera}/{frame:06d}_{camera}_depth.{suffix}"
        yield f"{folder}/seg_{camera}/{frame:06d}_{camera}_seg.{suffix}"
        yield f"{folder}/flow/{frame:06d}_{frame + 1:06d}_flow.npy"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_tartanair(tmp_path: Path, version: str) -> None:
    touch(tmp_path, tartanair_files(version))
    data = TartanAir(tmp_path, version=version)
    assert len(data) == 2 * 2 * 3 * 40
    assert all(pair.disparity and pair.right_disparity for pair in data.pairs)
    assert len(TartanAir(tmp_path, levels=["Hard"], version=version)) == 2 * 3 * 40
    assert TartanAir.published() == 306_637
    assert TartanAir.published(["Easy"]) is TartanAir.published(version="v2") is None


def unreal_files(suffix: str) -> Iterator[str]:
    for place in range(9):
        for frame, side in product(range(200 if place == 8 else 1000), (0, 1)):
            yield f"{place:05d}/Image{side}/{frame:05d}.{suffix}"
            yield f"{place:05d}/Disp{side}/{frame:05d}.npy"


@pytest.mark.parametrize(("resolution", "suffix"), [("full", "png"), ("quarter", "jpg")])
def test_unrealstereo4k(tmp_path: Path, listed: Any, resolution: str, suffix: str) -> None:
    listed(unreal_files(suffix))
    assert UnrealStereo4K.published(resolution) == 8200
    everything = UnrealStereo4K(tmp_path, resolution)
    check(everything, UnrealStereo4K, resolution=resolution)
    parts = {"train": 7720, "val": 80, "test": 200, "out_test": 200}
    names: list[str] = []
    for part, count in parts.items():
        chosen = choose_named(everything.pairs, f"unrealstereo4k_{part}", "unrealstereo4k")
        assert len(chosen) == len(read_names(f"unrealstereo4k_{part}")) == count
        assert {pair.name[:5] == "00008" for pair in chosen} == {part == "out_test"}
        names += [pair.name for pair in chosen]
    assert len(set(names)) == 8200


def test_carla_highres(tmp_path: Path, touch_pairs: TouchPairs) -> None:
    scenes = [{"scene": f"exp-{run % 5}_w-{run % 13}_pos-{run}-57_00100"} for run in range(780)]
    touch_pairs(tmp_path, CarlaHighRes.tree().layouts[0], scenes)
    check(CarlaHighRes(tmp_path), CarlaHighRes)
    assert CarlaHighRes.published() == 780
