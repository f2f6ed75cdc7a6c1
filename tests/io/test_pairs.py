"""Which files make pairs, and names that never collide."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsmnet.datasets.folder import Folder
from dsmnet.errors import DataError, UserError
from dsmnet.io.pairs import RESULT_SUFFIXES, check_order, find_files, pair_files, unique_names


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["s/a.png", "s/b.png"], ["a", "b"]),
        (["s/im0.png"], ["im0"]),
        (["Piano/im0.png", "Teddy/im0.png"], ["Piano_im0", "Teddy_im0"]),
        (["x/Piano/im0.png", "y/Piano/im0.png"], ["x_Piano_im0", "y_Piano_im0"]),
        (["s/a.png", "s/a.jpg"], ["0000_a", "0001_a"]),
        (["s/a.png", "s/a_color.png"], ["0000_a", "0001_a_color"]),  # a_color.png would be both
        (["s/a.b.png", "s/a.c.png"], ["a.b", "a.c"]),
    ],
)
def test_names(paths: list[str], names: list[str]):
    assert unique_names([Path("/r") / path for path in paths]) == names


def test_names_differ_on_a_file_system_that_ignores_case():
    results = [
        n + suffix for n in unique_names([Path("/s/A.png"), Path("/s/a.png")]) for suffix in RESULT_SUFFIXES
    ]
    assert len({result.lower() for result in results}) == len(results)


def test_a_folder_a_glob_a_list_and_a_file(tmp_path: Path):
    touch(tmp_path, "d/b.png", "d/a.JPG", "d/readme.txt", "d/e/x.png", "f.png")
    found = {
        where: [str(p.relative_to(tmp_path)) for p in find_files(f"{tmp_path}/{where}", "left")]
        for where in ("d", "d/*.png", "**/*.png", "f.png")
    }
    assert found == {
        "d": ["d/a.JPG", "d/b.png"],
        "d/*.png": ["d/b.png"],
        "**/*.png": ["d/b.png", "d/e/x.png", "f.png"],
        "f.png": ["f.png"],
    }
    assert [p.name for p in find_files([f"{tmp_path}/f.png", f"{tmp_path}/d/b.png"], "left")] == [
        "f.png",
        "b.png",
    ]


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path):
    touch(tmp_path, "a[1].png", "a1.png")
    assert find_files(f"{tmp_path}/a[1].png", "left") == [tmp_path / "a[1].png"]


def test_nothing_found_names_the_option(tmp_path: Path):
    with pytest.raises(DataError, match=r"right=.*none.*matches no file"):
        find_files(f"{tmp_path}/none*.png", "right")


def test_one_calibration_serves_all_pairs_or_each_has_its_own(tmp_path: Path):
    touch(tmp_path, "l/a.png", "l/b.png", "r/a.png", "r/b.png", "c/a.txt", "c/b.txt", "one.txt", "two/1.txt")
    l, r = f"{tmp_path}/l", f"{tmp_path}/r"  # noqa: E741
    assert [pair.calibration for pair in pair_files(l, r)] == [None, None]
    assert {pair.calibration for pair in pair_files(l, r, f"{tmp_path}/one.txt")} == {tmp_path / "one.txt"}
    own = pair_files(l, r, f"{tmp_path}/c")
    assert [(p.name, p.left.name, p.right.name, p.calibration.name) for p in own if p.calibration] == [
        ("a", "a.png", "a.png", "a.txt"),
        ("b", "b.png", "b.png", "b.txt"),
    ]


@pytest.mark.parametrize(
    ("left", "right", "fits"),
    [
        (["l/1.png", "l/2.png"], ["r/1.png", "r/2.png"], True),
        (["l/1.png", "l/2.png"], ["r/1.png", "r/3.png"], False),
        (["A/im0.png", "B/im0.png"], ["A/im1.png", "B/im1.png"], True),
        (["A/im0.png", "B/im0.png"], ["B/im1.png", "C/im1.png"], False),
        (["s/1_L.png", "s/2_L.png"], ["s/1_R.png", "s/2_R.png"], True),
        (["s/im0.png", "s/im2.png"], ["s/im1.png", "s/im3.png"], True),
        (["A/view1.png", "B/im0.png"], ["A/view5.png", "B/im1.png"], True),
        (["s/cam0_000123.png", "s/cam0_000124.png"], ["s/cam1_000123.png", "s/cam1_000124.png"], True),
        (["s/0_10.png", "s/1_10.png"], ["s/0_11.png", "s/1_11.png"], True),
        (["s/l1.png", "s/l2.png"], ["s/r001.png", "s/r002.png"], True),
        (
            ["l/1403636579763.png", "l/1403636579813.png"],
            ["r/1403636579765.png", "r/1403636579811.png"],
            True,
        ),
        (["l/a_9.98.png", "l/a_9.99.png"], ["r/b_9.97.png", "r/b_10.01.png"], True),
        (["l/f1_t578.png", "l/f2_t611.png"], ["r/g1_t580.png", "r/g2_t613.png"], True),
        (["l/l_1.png", "l/l_2.png"], ["r/cam1_1.png", "r/cam1_2.png"], True),
        (["l/l_1.png", "l/l_3.png"], ["r/cam1_1.png", "r/cam1_2.png"], False),
        (["l/left_1.png", "l/left_3.png"], ["r/right_1.png", "r/right_2.png"], False),
        (["l/left_1.png", "l/left_2.png"], ["r/right_2.png", "r/right_3.png"], False),  # the first is lost
        (["s/cam0_1.png", "s/cam0_3.png"], ["s/cam1_1.png", "s/cam1_2.png"], False),
        (["l/f1_t578.png", "l/f3_t644.png"], ["r/g1_t580.png", "r/g2_t613.png"], False),
        (["l1/im0.png", "l2/im0.png"], ["r1/im1.png", "r3/im1.png"], False),
        (["s/s1_f1_L.png", "s/s1_f2_L.png"], ["s/s1_f1_R.png", "s/s2_f1_R.png"], False),
        (["s/x.png"], ["t/y.png"], True),  # one pair may be called as one likes
    ],
)
def test_names_that_contradict_the_order_are_refused(
    tmp_path: Path, left: list[str], right: list[str], fits: bool
):
    touch(tmp_path, *left, *right)
    sides = [[f"{tmp_path}/{name}" for name in side] for side in (left, right)]
    if fits:
        assert [(p.left, p.right) for p in pair_files(*sides)] == [
            (tmp_path / a, tmp_path / b) for a, b in zip(left, right, strict=True)
        ]
    else:
        with pytest.raises(UserError, match="would be paired with"):
            pair_files(*sides)


def test_sequences_that_miss_different_frames_are_refused_with_both_names(tmp_path: Path):
    numbers = range(1, 12)
    touch(tmp_path, *(f"l/left_{n:06}.png" for n in numbers if n != 3))
    touch(tmp_path, *(f"r/right_{n:06}.png" for n in numbers if n != 6))
    with pytest.raises(UserError, match=r"left_000004\.png would be paired with .*right_000003\.png"):
        pair_files(f"{tmp_path}/l", f"{tmp_path}/r")


def test_calibrations_and_maps_that_contradict_the_order_are_refused(tmp_path: Path):
    touch(tmp_path, "l/l1.png", "l/l2.png", "r/r1.png", "r/r2.png")
    touch(tmp_path, "c/c1.txt", "c/c3.txt", "d/d1.pfm", "d/d3.pfm")
    left, right = f"{tmp_path}/l", f"{tmp_path}/r"
    with pytest.raises(UserError, match=r"l2\.png would be paired with .*c3\.txt"):
        pair_files(left, right, f"{tmp_path}/c")
    with pytest.raises(UserError, match=r"l2\.png would be paired with .*d3\.pfm"):
        Folder(left, right, f"{tmp_path}/d")


@pytest.mark.parametrize(
    ("lefts", "rights"),
    [
        (["l_1403636579763", "l_1403636579813"], ["r_1403636579763", "r_1403636579815"]),
        (["1403636579763", "1403636579813"], ["1403636579763", "1403636579815"]),
        (["L1_exp10", "L2_exp20"], ["R1_exp10", "R2_exp40"]),
    ],
    ids=["two clocks", "two clocks alone", "exposures beside a counter"],
)
def test_numbers_that_agree_by_chance_contradict_nothing(lefts: list[str], rights: list[str]):
    check_order([Path(f"l/{name}.png") for name in lefts], [Path(f"r/{name}.png") for name in rights])


def test_a_time_that_is_found_in_another_pair_contradicts_the_order():
    lefts = [Path(f"l/l_{time}.png") for time in (1403636579763, 1403636579813)]
    with pytest.raises(UserError, match="would be paired with"):
        check_order(lefts, [Path(f"r/r_{time}.png") for time in (1403636579813, 1403636579863)])
