"""Every set of KITTI, Middlebury, ETH3D and SceneFlow at its published size, in empty files.

The structure is spelled out here once more, from the sets themselves: it does not depend on the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2012, Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.datasets.middlebury2001 import Middlebury2001
from dsmnet.datasets.middlebury2003 import Middlebury2003
from dsmnet.datasets.middlebury2005 import Middlebury2005
from dsmnet.datasets.middlebury2006 import Middlebury2006
from dsmnet.datasets.middlebury2014 import Middlebury2014
from dsmnet.datasets.middlebury2021 import Middlebury2021
from dsmnet.datasets.subsets import read_names
from dsmnet.datasets.tree import Layout

TouchPairs = Callable[[Path, Layout, Iterable[Mapping[str, str]]], None]

EVAL3 = {
    "training": "Adirondack ArtL Jadeplant Motorcycle MotorcycleE Piano PianoL Pipes Playroom Playtable "
    "PlaytableP Recycle Shelves Teddy Vintage",
    "test": "Australia AustraliaP Bicycle2 Classroom2 Classroom2E Computer Crusade CrusadeP Djembe "
    "DjembeL Hoops Livingroom Newkuba Plants Staircase",
}
SCENES_2001 = "barn1 barn2 bull poster sawtooth venus"
SCENES_2005 = "Art Books Dolls Laundry Moebius Reindeer"
SCENES_2006 = (
    "Aloe Baby1 Baby2 Baby3 Bowling1 Bowling2 Cloth1 Cloth2 Cloth3 Cloth4 Flowerpots Lampshade1 Lampshade2 "
    "Midd1 Midd2 Monopoly Plastic Rocks1 Rocks2 Wood1 Wood2"
)
SCENES_2014 = (
    "Adirondack Backpack Bicycle1 Cable Classroom1 Couch Flowers Jadeplant Mask Motorcycle Piano Pipes "
    "Playroom Playtable Recycle Shelves Shopvac Sticks Storage Sword1 Sword2 Umbrella Vintage"
)
SCENES_2021 = (
    "artroom1 artroom2 bandsaw1 bandsaw2 chess1 chess2 chess3 curule1 curule2 curule3 ladder1 ladder2 "
    "octogons1 octogons2 pendulum1 pendulum2 podium1 skates1 skates2 "
    "skiboots1 skiboots2 skiboots3 traproom1 traproom2"
)
ETH3D = {
    "training": "delivery_area_1l delivery_area_1s delivery_area_2l delivery_area_2s delivery_area_3l "
    "delivery_area_3s electro_1l electro_1s electro_2l electro_2s electro_3l electro_3s facade_1s "
    "forest_1s forest_2s playground_1l playground_1s playground_2l playground_2s playground_3l playground_3s "
    "terrace_1s terrace_2s terrains_1l terrains_1s terrains_2l terrains_2s",
    "testing": "lakeside_1l lakeside_1s sand_1l sand_1s storage_room_1l storage_room_1s storage_room_2_1l "
    "storage_room_2_1s storage_room_2_2l storage_room_2_2s storage_room_2l storage_room_2s storage_room_3l "
    "storage_room_3s tunnel_1l tunnel_1s tunnel_2l tunnel_2s tunnel_3l tunnel_3s",
}
# FlyingThings3D: sequences 0 to 749 (TRAIN) or 149 (TEST) of each letter but these; ten frames each.


def scenes(names: str) -> list[dict[str, str]]:
    return [{"scene": name} for name in names.split()]


def count(cls: Any, root: Path, **options: Any) -> int:
    """Open a set and hold the number of its pairs against the published one."""
    data: StereoDataset = cls(root, **options)
    published = cls.published(
        **{k: v for k, v in options.items() if k not in ("require_ground_truth", "subset")}
    )
    assert len(data) == published
    return len(data)


@pytest.mark.parametrize(
    ("cls", "views", "targets", "pairs"),
    [
        (Kitti2012, ("colored_0", "colored_1"), ("disp_occ", "disp_noc"), (194, 195)),
        (Kitti2012, ("image_0", "image_1"), ("disp_occ", "disp_noc"), (194, 195)),
        (Kitti2015, ("image_2", "image_3"), ("disp_occ_0", "disp_noc_0"), (200, 200)),
    ],
)
def test_kitti(
    tmp_path: Path,
    touch_pairs: TouchPairs,
    cls: Any,
    views: tuple[str, str],
    targets: tuple[str, str],
    pairs: tuple[int, int],
) -> None:
    options = {"views": "grey"} if views[0] == "image_0" else {}
    for split, number in zip(("training", "testing"), pairs, strict=True):
        left, right = (f"{split}/{view}/{{n}}_{{k}}.png" for view in views)
        both = [{"n": f"{n:06d}", "k": k} for n in range(number) for k in ("10", "11")]
        touch_pairs(tmp_path, Layout("", left, right), both)
        if split == "training":
            occ, noc = (f"{split}/{target}/{{n}}_10.png" for target in targets)
            touch_pairs(tmp_path, Layout("", occ, noc), both)
        found = count(cls, tmp_path, split=split, require_ground_truth=split == "training", **options)
        assert found == number
    names = [pair.name for pair in cls(tmp_path, **options).pairs]
    assert names == [f"{n:06d}_10" for n in range(pairs[0])]


@pytest.mark.parametrize(
    ("cls", "year", "train", "validation"),
    [
        (Kitti2012, 2012, 160, 34),
        (Kitti2012, 2012, 170, 24),
        (Kitti2012, 2012, 180, 14),
        (Kitti2015, 2015, 160, 40),
        (Kitti2015, 2015, 180, 20),
    ],
)
def test_published_splits_of_kitti_share_no_pair_and_leave_none_out(
    tmp_path: Path, touch_pairs: TouchPairs, cls: Any, year: int, train: int, validation: int
) -> None:
    everything = {f"{n:06d}_10" for n in range(train + validation)}
    folders = ("colored_0", "colored_1", "disp_occ") if year == 2012 else ("image_2", "image_3", "disp_occ_0")
    left, right, target = (f"training/{folder}/{{name}}.png" for folder in folders)
    touch_pairs(tmp_path, Layout("", left, right, (target,)), [{"name": name} for name in everything])
    parts = []
    for kind, number in (("train", train), ("val", validation)):
        listed = f"kitti{year}_{kind}{number}"
        found = [pair.name for pair in cls(tmp_path, subset=listed).pairs]
        assert len(found) == len(read_names(listed)) == number
        parts.append(set(found))
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == everything


@pytest.mark.parametrize(("split", "size"), [*product(EVAL3, "FHQ")])
def test_middeval3(tmp_path: Path, touch_pairs: TouchPairs, split: str, size: str) -> None:
    scene = f"{split}{size}/{{scene}}"
    target = (f"{scene}/disp0GT.pfm",) if split == "training" else ()
    touch_pairs(tmp_path, Layout("", f"{scene}/im0.png", f"{scene}/im1.png", target), scenes(EVAL3[split]))
    found = count(
        Middlebury, tmp_path, split=split, resolution=size, require_ground_truth=split == "training"
    )
    assert found == 15


def test_middlebury_2001(tmp_path: Path, touch_pairs: TouchPairs) -> None:
    for view in (1, 2, 6):
        views = Layout("", f"{{scene}}/im{view}.ppm", f"{{scene}}/im{view}.ppm")
        touch_pairs(tmp_path, views, scenes(SCENES_2001))
    touch_pairs(tmp_path, Layout("", "{scene}/disp2.pgm", "{scene}/disp6.pgm"), scenes(SCENES_2001))
    grey = Layout("", "map/im0.pgm", "map/im1.pgm", ("map/disp0.pgm",), right_disparity="map/disp1.pgm")
    touch_pairs(tmp_path, grey, [{}])
    lamp = "tsukuba/scene1.row3.col{n}.ppm"
    touch_pairs(
        tmp_path, Layout("", lamp, lamp, ("tsukuba/truedisp.row3.col3.pgm",)), [{"n": n} for n in "12345"]
    )
    assert count(Middlebury2001, tmp_path) == 8


@pytest.mark.parametrize("suffixes", [("png", "png"), ("ppm", "pgm")])
@pytest.mark.parametrize(("size", "letter"), [("FullSize", "F"), ("HalfSize", "H"), ("QuarterSize", "")])
def test_middlebury_2003(
    tmp_path: Path, touch_pairs: TouchPairs, size: str, letter: str, suffixes: tuple[str, str]
) -> None:
    view, target = suffixes
    for number in (1, 2, 6):
        scene = f"{size}/{{scene}}{letter}"
        views = Layout("", f"{scene}/im{number}.{view}", f"{scene}/im{number}.{view}")
        touch_pairs(tmp_path, views, scenes("cones teddy"))
        maps = Layout("", f"{scene}/disp2.{target}", f"{scene}/disp6.{target}")
        touch_pairs(tmp_path, maps, scenes("cones teddy"))
    assert count(Middlebury2003, tmp_path, resolution=size) == 2


@pytest.mark.parametrize("size", ["FullSize", "HalfSize", "ThirdSize"])
@pytest.mark.parametrize(
    ("cls", "names", "without", "pairs"),
    [(Middlebury2005, SCENES_2005, "Computer Drumsticks Dwarves", 6), (Middlebury2006, SCENES_2006, "", 21)],
)
def test_middlebury_2005_and_2006(
    tmp_path: Path, touch_pairs: TouchPairs, cls: Any, names: str, without: str, pairs: int, size: str
) -> None:
    scene = f"{size}/{{scene}}"
    touch_pairs(tmp_path, Layout("", f"{scene}/disp1.png", f"{scene}/disp5.png"), scenes(names))
    for folder in ("", *(f"/Illum{i}/Exp{e}" for i, e in product("123", "012"))):
        for view in (1, 5, 6):
            views = Layout("", f"{scene}{folder}/view{view}.png", f"{scene}{folder}/view{view}.png")
            touch_pairs(tmp_path, views, scenes(names + " " + without))
    assert count(cls, tmp_path, resolution=size) == pairs
    assert count(cls, tmp_path, resolution=size, views="lights") == 9 * pairs
    assert len(cls(tmp_path, resolution=size, require_ground_truth=False)) == len(
        (names + " " + without).split()
    )


def test_middlebury_2014(tmp_path: Path, touch_pairs: TouchPairs) -> None:
    for kind, right in product(("perfect", "imperfect"), ("im1", "im1E", "im1L")):
        scene = f"{{scene}}-{kind}"
        layout = Layout("", f"{scene}/im0.png", f"{scene}/{right}.png", (f"{scene}/disp0.pfm",))
        touch_pairs(tmp_path, layout, scenes(SCENES_2014))
    for kind, right in product(("perfect", "imperfect"), ("im1", "im1E", "im1L")):
        assert count(Middlebury2014, tmp_path, rectification=kind, right_view=right) == 23


@pytest.mark.parametrize("folder", ["data/", ""])
def test_middlebury_2021(tmp_path: Path, touch_pairs: TouchPairs, folder: str) -> None:
    scene = f"{folder}{{scene}}"
    layout = Layout("", f"{scene}/im0.png", f"{scene}/im1.png", (f"{scene}/disp0.pfm",))
    touch_pairs(tmp_path, layout, scenes(SCENES_2021))
    assert count(Middlebury2021, tmp_path) == 24


@pytest.mark.parametrize(
    ("split", "folder", "pairs"),
    [("training", "training", 27), ("testing", "testing", 20), ("testing", "test", 20)],
)
def test_eth3d(tmp_path: Path, touch_pairs: TouchPairs, split: str, folder: str, pairs: int) -> None:
    scene = f"two_view_{folder}/{{scene}}"
    target = (f"two_view_{folder}_gt/{{scene}}/disp0GT.pfm",) if split == "training" else ()
    touch_pairs(tmp_path, Layout("", f"{scene}/im0.png", f"{scene}/im1.png", target), scenes(ETH3D[split]))
    assert count(Eth3d, tmp_path, split=split, require_ground_truth=split == "training") == pairs
