"""tools/check_data.py: counts, sheets and problems, on trees written for the purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.io import read_image, read_pfm, write_image, write_pfm
from dsmnet.types import Calibration, StereoSample
from dsmnet.viz.sheet import OCCLUDED
from tests.synthetic.scenes import clean

RunTool = Callable[..., Any]


def table(output: Path) -> dict[str, list[str]]:
    """Return the rows of data.md by the set's name."""
    lines = [line for line in (output / "data.md").read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells[1:]}


@pytest.fixture
def check(run_tool: RunTool) -> RunTool:
    return partial(run_tool, "check_data")


@pytest.fixture(scope="module")
def scenes() -> list[StereoSample]:
    made = clean(size=(120, 160), layouts={"random": 1.0})
    camera = Calibration(focal=500.0, baseline=0.1, cx=80.0, cy=60.0)
    return [{**made[index], "name": f"{index:06d}_10", "calibration": camera} for index in range(4)]


@pytest.fixture
def data(tmp_path: Path, scenes: list[StereoSample]) -> Path:
    """A folder with KITTI 2015 (4 pairs) and ETH3D (2 pairs)."""
    Kitti2015.write_fake(tmp_path / "data" / "KITTI_2015", scenes)
    Eth3d.write_fake(tmp_path / "data" / "ETH3D", scenes[:2])
    return tmp_path / "data"


def test_everything_that_is_there(check: RunTool, data: Path, scenes: list[StereoSample]):
    run = check(f"paths.data={data}", "examples=3")
    rows = table(run.output)
    assert set(rows) == {"kitti2015", "eth3d", "synthetic"}
    pairs, published, read, target, size, span, known, visible, problems = rows["kitti2015"]
    assert (pairs, published, read, target, size, problems) == ("4", "200", "4", "4", "160×120", "0")
    maps = np.stack([scene["disparity"] for scene in scenes])
    low, high = (float(end) for end in span.split(" to "))
    assert (low, high) == pytest.approx((maps[maps > 0].min(), maps.max()), abs=0.06)
    assert float(known.rstrip("%")) == pytest.approx(100 * (maps > 0).mean(), abs=0.06)
    masks = np.stack([scene["noc"] for scene in scenes])
    assert float(visible.rstrip("%")) == pytest.approx(100 * masks.mean(), abs=0.06)
    assert rows["synthetic"][1:3] == ["-", "3"]
    text = (run.output / "data.md").read_text()
    assert "Not found: " in text
    assert "middlebury2006" in text.split("Not found: ")[1]
    assert "None." in text
    assert "- kitti2015: 4 found, 200 published" in text
    origins = text.split("## Where the sets come from")[1]
    assert f"- eth3d (found, 27 pairs): {Eth3d.about.home}; licence: {Eth3d.about.licence}; " in origins
    assert f"- middlebury (not found, 15 pairs): {Middlebury.about.home}; " in origins
    sheets = {path.stem: cv2.imread(str(path))[..., ::-1] for path in (run.output / "panels").glob("*.png")}
    assert set(sheets) == set(rows)
    assert all((picture == OCCLUDED).all(axis=-1).sum() > 100 for picture in sheets.values())


def test_limit_reads_a_spread_of_the_pairs(check: RunTool, data: Path):
    run = check(f"paths.data={data}", "dataset=kitti2015", "limit=2")
    assert list(table(run.output)) == ["kitti2015"]
    assert table(run.output)["kitti2015"][:3] == ["4", "200", "2"]


def test_pairs_without_ground_truth_are_counted_too(check: RunTool, data: Path):
    next((data / "ETH3D").rglob("disp0GT.pfm")).unlink()
    run = check(f"paths.data={data}", "dataset=eth3d")
    assert table(run.output)["eth3d"][:4] == ["2", "27", "2", "1"]


def test_broken_files_are_listed_by_name(check: RunTool, data: Path, scenes: list[StereoSample]):
    images = sorted((data / "KITTI_2015" / "training" / "image_2").iterdir())
    images[0].write_bytes(images[0].read_bytes()[:200])
    cv2.imwrite(str(images[2]), np.zeros((120, 160, 3), np.uint8))
    # Swapped views, as when left and right camera are mixed up.
    other = data / "KITTI_2015" / "training" / "image_3" / images[3].name
    left, right = images[3].read_bytes(), other.read_bytes()
    images[3].write_bytes(right)
    other.write_bytes(left)
    options = [f"paths.data={data}", "dataset=kitti2015"]
    texts = []
    for workers in (2, 1):
        run = check(*options, f"workers={workers}", refused="problems found: 3")
        texts.append((run.output / "data.md").read_text())
    assert texts[0] == texts[1]
    assert table(run.output)["kitti2015"][2] == "3"  # of 4 could be read
    problems = (run.output / "data.md").read_text().split("## Problems")[1]
    lines = {
        name: line for line in problems.splitlines() for name in [p.name for p in images] if name in line
    }
    assert "truncated" in lines[images[0].name]
    assert "one color" in lines[images[2].name]
    assert "swapped" in lines[images[3].name]
    assert images[1].name not in lines


def test_a_map_of_the_wrong_sign_is_listed_by_name(check: RunTool, data: Path):
    target = sorted((data / "ETH3D").rglob("disp0GT.pfm"))[1]
    write_pfm(target, -read_pfm(target))
    run = check(f"paths.data={data}", "dataset=eth3d", refused="problems found: 1")
    assert f"- {target}: all disparities are negative" in (run.output / "data.md").read_text()


def test_a_set_of_the_published_size_is_not_mentioned(
    check: RunTool, tmp_path: Path, scenes: list[StereoSample]
):
    root = tmp_path / "data" / "MiddEval3"
    Middlebury.write_fake(root, scenes[:1] * 15)
    options = [f"paths.data={tmp_path / 'data'}", "dataset=middlebury"]
    run = check(*options)
    assert "found, 15 published" not in (run.output / "data.md").read_text()
    Middlebury.write_fake(root, scenes[:1] * 16)  # and one too many
    check(*options)
    assert "- middlebury: 16 found, 15 published" in (run.output / "data.md").read_text()
    names = tmp_path / "names.txt"
    names.write_text("0000\n0001\n")
    check(*options, f"dataset.subset={names}")
    assert table(run.output)["middlebury"][:2] == ["2", "-"]


def test_sets_that_need_options_of_their_own_are_passed_over(
    check: RunTool, data: Path, monkeypatch: pytest.MonkeyPatch
):
    node = {"_target_": "dsmnet.datasets.eth3d.Eth3d", "root": f"{data}/ETH3D", "require_ground_truth": True}
    nodes = {
        "eth3d": node,
        "mixture": {"_target_": "dsmnet.datasets.eth3d.Eth3d", "parts": {"a": node}},
        "folder": {"_target_": "dsmnet.datasets.eth3d.Eth3d", "left": None, "right": None},
        "mandatory": {**node, "split": "???"},
        "rootless": {**node, "root": None},
        "absent": {**node, "root": f"{data}/nothing"},
    }
    sets = {name: OmegaConf.create(entry) for name, entry in nodes.items()}
    run = check(f"paths.data={data}", every_set=lambda where: sets)
    text = (run.output / "data.md").read_text()
    assert set(table(run.output)) == {"eth3d"}
    assert "options of their own: mixture, folder, mandatory, rootless." in text
    assert "Not found: absent." in text


@pytest.mark.parametrize(
    ("option", "message"), [("workers=0", "workers=0"), ("dataset.split=nowhere", "split=nowhere: expected")]
)
def test_wrong_options(check: RunTool, data: Path, option: str, message: str):
    run = check(f"paths.data={data}", "dataset=eth3d", option, refused=message)
    assert not (run.output / "data.md").exists()


def test_a_folder_that_is_there_but_empty_is_a_problem(check: RunTool, tmp_path: Path):
    (tmp_path / "data" / "KITTI_2015").mkdir(parents=True)
    run = check(f"paths.data={tmp_path / 'data'}", "examples=1", refused="problems found: 1")
    assert "kitti2015: no pairs under" in (run.output / "data.md").read_text()
    assert set(table(run.output)) == {"kitti2015", "synthetic"}


def test_a_set_that_was_asked_for_has_to_be_there(check: RunTool, tmp_path: Path):
    run = check(f"paths.data={tmp_path}", "dataset=middlebury", refused="problems found: 1")
    assert "middlebury: no pairs under" in (run.output / "data.md").read_text()


@pytest.mark.real_data
def test_real_pairs_have_no_problems(check: RunTool, real_data: Path):
    run = check(f"paths.data={real_data}", "examples=4", "limit=4")
    assert len(table(run.output)) >= 2


def test_rows_that_differ_are_reported_and_warned_of(check: RunTool, data: Path) -> None:
    for right in (data / "KITTI_2015" / "training" / "image_3").glob("*.png"):
        write_image(right, np.roll(read_image(right), 4, axis=0))
    run = check(f"paths.data={data}", "dataset=kitti2015")
    text = (run.output / "data.md").read_text().split("## Difference of rows")[1]
    found = re.search(r"- kitti2015: ([\d.]+) px at most", text)
    assert found is not None
    assert float(found[1]) == pytest.approx(4, abs=0.4)
    assert run.log.count("rows differ by") == 1
    assert "rectify the pairs first" in run.log
