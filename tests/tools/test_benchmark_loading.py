"""python -m benchmarks.loading as a user runs it, with and without data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.loading.fake import write_fake_set
from benchmarks.loading.torchvision_readers import READERS_INSTALLED
from dsmnet.datasets.kitti import Kitti2015

RunTool = Callable[..., Any]
SMALL = [
    "pairs=2",
    "repeats=1",
    "crop={height: 24, width: 32}",
    "workers=[0]",
    "loader={batch_size: 1, batches: 1, repeats: 1}",
    "fake.pairs=2",
    *(
        f"fake.sizes.{name}=[32,48]"
        for name in ("kitti2012", "kitti2015", "sceneflow", "middlebury", "middlebury2006", "eth3d")
    ),
]


def test_without_data_every_form_is_generated(run_tool: RunTool, tmp_path: Path) -> None:
    done = run_tool("benchmark_loading", *SMALL, f"paths.data={tmp_path / 'nothing'}")
    record = json.loads((done.output / "loading.json").read_text())
    assert record["generated"] is True
    assert [entry["name"] for entry in record["sets"]] == [
        "kitti2012", "kitti2015", "sceneflow", "middlebury", "middlebury2006", "eth3d",
    ]  # fmt: skip
    for entry in record["sets"]:
        assert entry["size"] == [32, 48]
        expected = READERS_INSTALLED and entry["name"] != "middlebury2006"
        assert ("torchvision" in entry["cpu_ms"]) is expected
        assert entry["loader"]["0"]["pairs_per_second"]["median"] > 0
    text = (done.output / "loading.md").read_text()
    assert text.startswith("Generated pairs")
    assert str(tmp_path) not in json.dumps(record) + text


def test_with_data_it_is_used_and_the_rest_is_named(run_tool: RunTool, tmp_path: Path) -> None:
    write_fake_set(Kitti2015, tmp_path / "KITTI_2015", (32, 48), 3)
    done = run_tool("benchmark_loading", *SMALL, f"paths.data={tmp_path}", "sets=[kitti2015,eth3d]")
    record = json.loads((done.output / "loading.json").read_text())
    assert (record["generated"], record["missing"]) == (False, ["eth3d"])
    assert [(entry["name"], entry["pairs"]) for entry in record["sets"]] == [("kitti2015", 3)]
    assert "Not found: eth3d." in (done.output / "loading.md").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["fake.use=false"], "none of sets="),
        (["sets=[kitti]"], "data set kitti: no such file in conf/dataset"),
        (["sets=[eth3d]", "~fake.sizes.eth3d"], "fake.sizes.eth3d=None"),
        (["sets=[eth3d]", "fake.sizes.eth3d=[32]"], "expected height and width"),
        (["sets=[eth3d]", "fake.pairs=0"], "fake.pairs=0"),
        (["sets=[eth3d]", "repeats=0"], "repeats=0"),
        (["sets=[eth3d]", "workers=[-1]"], "workers=-1"),
        (["sets=[eth3d]", "loader.batches=0"], "loader.batches=0"),
        (["sets=[]"], "none of sets="),
        (["sets=[synthetic]"], "sets: synthetic"),
        (["fake.use=maybe"], "fake.use=maybe"),
    ],
)
def test_mistakes_are_named(run_tool: RunTool, tmp_path: Path, overrides: list[str], message: str) -> None:
    run_tool("benchmark_loading", *SMALL, f"paths.data={tmp_path / 'nothing'}", *overrides, refused=message)
