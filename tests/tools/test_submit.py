"""tools/submit.py: from a checkpoint to a checked archive."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dsmnet.config import compose
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.types import DisparityMap, Image, Matcher, StereoSample

RunTool = Callable[..., Any]


class Net(Matcher):
    """Stands for a loaded network."""

    config = {"model": "constant"}  # noqa: RUF012
    device = SimpleNamespace(type="cpu")

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        return np.full(left.shape[:2], max_disparity, np.float32)


def load(checkpoint: Any, device: str, iterations: int | None) -> Net:
    return Net()


@pytest.fixture
def submit(run_tool: RunTool) -> RunTool:
    return partial(run_tool, "submit", load_model=load)


def pairs(count: int) -> list[StereoSample]:
    views = np.random.default_rng(0).integers(0, 256, (count, 2, 18, 25, 3), np.uint8)
    return [{"left": left, "right": right, "name": "", "dataset": ""} for left, right in views]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """All 20 test pairs of ETH3D, 2 of the 200 of KITTI 2015."""
    Eth3d.write_fake(tmp_path / "data" / "ETH3D", pairs(20), split="testing")
    Kitti2015.write_fake(tmp_path / "data" / "KITTI_2015", pairs(2), split="testing")
    return tmp_path / "data"


def test_a_complete_upload(submit: RunTool, data: Path):
    options = ["upload=eth3d", f"paths.data={data}", "max_disparity=48"]
    run = submit(*options)
    assert "20 pairs, complete" in run.log
    with zipfile.ZipFile(run.output / "constant.zip") as archive:
        assert len(archive.namelist()) == 40
        assert archive.comment == b""
        assert archive.read("low_res_two_view/0003.txt").startswith(b"runtime ")
    lines = [json.loads(line) for line in (run.output / "predictions.jsonl").read_text().splitlines()]
    assert lines[0]["made_by"]["tile"] == "auto"
    assert len(lines) == 1 + 20
    again = submit(*options, "resume=true", "method=Mine")
    assert "20 of 20 pairs are finished already" in again.log
    assert (run.output / "Mine.zip").is_file()
    submit(*options, "resume=true", "max_disparity=32", refused="resume=true max_disparity=32: what is in")


def test_a_broken_pair_fails_by_name_and_the_rest_goes_on(submit: RunTool, data: Path):
    options = ["upload=kitti2015", f"paths.data={data}", "partial=true"]
    broken = data / "KITTI_2015" / "testing" / "image_3" / "0000_10.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    run = submit(*options, refused="1 of 2 pairs failed: testing_0000_10")
    assert not (run.output / "constant.zip").exists()
    broken.write_bytes(whole)
    again = submit(*options, "resume=true")
    assert "1 of 2 pairs are finished already" in again.log


def test_a_part_of_a_split_is_said_to_be_one(submit: RunTool, data: Path):
    options = ["upload=kitti2015", f"paths.data={data}"]
    run = submit(*options, refused="constant.zip: partial, 2 of 200 testing pairs")
    with zipfile.ZipFile(run.output / "constant.zip") as archive:
        assert archive.comment == b"partial: 2 of 200 testing pairs"
        assert archive.namelist() == ["disp_0/0000_10.png", "disp_0/0001_10.png"]
    accepted = submit(*options, "partial=true")
    assert "partial: 2 of 200 testing pairs" in accepted.log


def test_validate_checks_and_predicts_nothing(submit: RunTool, data: Path, tmp_path: Path):
    options = ["upload=eth3d", f"paths.data={data}"]
    archive = submit(*options).output / "constant.zip"
    submit(*options, f"validate={archive}", load_model=None)
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("notes.txt", "hello")
    wrong = submit(*options, f"validate={archive}", load_model=None, refused="notes.txt: unexpected file")
    assert "problems: 1" in wrong.log
    submit(*options, f"validate={tmp_path / 'gone.zip'}", load_model=None, refused="gone.zip: no such file")


def test_middlebury_wants_both_splits_of_one_resolution(submit: RunTool, tmp_path: Path):
    root = tmp_path / "MiddEval3"
    for split in ("training", "test"):
        Middlebury.write_fake(root, pairs(15), split=split, resolution="H")
    options = ["upload=middlebury", f"paths.data={tmp_path}", "upload.dataset.resolution=H"]
    run = submit(*options, "method=Mine")
    with zipfile.ZipFile(run.output / "Mine.zip") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"trainingH", "testH"}
        assert len(archive.namelist()) == 60
    # The name of the method is seen from the files.
    archive = run.output / "Mine.zip"
    submit(*options, f"validate={archive}", load_model=None)
    run = submit(*options, "split=training", "method=Mine")
    assert len(zipfile.ZipFile(run.output / "Mine.zip").namelist()) == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["split=training"], "split=training: expected test"),
        (["method=a/b"], "method=a/b: expected letters"),
        (["max_disparity=far"], "max_disparity=far"),
        (["upload=eth3d", "paths.data=nowhere"], "that folder does not exist"),
    ],
)
def test_wrong_options(submit: RunTool, data: Path, options: list[str], message: str):
    submit(f"paths.data={data}", *options, refused=message)


@pytest.mark.parametrize("upload", ["kitti2012", "kitti2015", "middlebury", "eth3d"])
def test_each_upload_spells_its_options(upload: str):
    cfg = compose("submit", [f"upload={upload}", "paths.output=unused"])
    assert cfg.upload.dataset.require_ground_truth is False
    assert cfg.split in cfg.upload.splits


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("benchmark", "folder", "size"),
    [("kitti2015", "KITTI_2015/testing", None), ("middlebury", "MiddEval3/testQ", "testQ")],
)
def test_real_pairs(submit: RunTool, real_data: Path, benchmark: str, folder: str, size: str | None):
    if not (real_data / folder).is_dir():
        pytest.skip(f"{folder} is not there")
    run = submit(f"upload={benchmark}", f"paths.data={real_data}", "partial=true", load_model=load)
    names = zipfile.ZipFile(run.output / "constant.zip").namelist()
    assert any(name.startswith(size or "disp_0") for name in names)
    submit(
        f"upload={benchmark}",
        f"paths.data={real_data}",
        "partial=true",
        f"validate={run.output / 'constant.zip'}",
        load_model=None,
    )


def test_twenty_problems_are_listed_and_the_others_counted(submit: RunTool, data: Path, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as archive:
        for number in range(3000):
            archive.writestr(f"more/{number}", b"")
    options = ["upload=kitti2015", f"paths.data={data}"]
    run = submit(*options, f"validate={tmp_path / 'upload.zip'}", refused="problems: 3002")
    assert run.log.count("missing") + run.log.count("unexpected file") == 20
    assert "and 2982 more" in run.log
