"""tools/analyze.py as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dsmnet import build_model
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2015
from dsmnet.models.checkpoint import save_weights
from dsmnet.synthetic import SyntheticStereo

RunTool = Callable[..., Any]
SMALL = (
    *("sampling.images=2", "sampling.batches=4", "sampling.batch_size=2"),
    *("sampling.crop=[64,96]", "device=cpu"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of two tiny networks, and two trees, one of them without ground truth."""
    folder = tmp_path_factory.mktemp("analyze")
    for norm in ("batch", "domain"):
        net = build_model("tiny", norm=norm)
        save_weights(folder / f"{norm}.safetensors", net.net, net.config)
    scenes = SyntheticStereo(size=(64, 96), largest_disparity=32)
    Eth3d.write_fake(folder / "data" / "ETH3D", [scenes[0], scenes[1]])
    unlabelled = [scenes[2], scenes[3]]
    for sample in unlabelled:
        del sample["disparity"], sample["noc"]
    Kitti2015.write_fake(folder / "data" / "KITTI_2015", unlabelled)
    return folder


def test_two_networks_on_two_domains(run_tool: RunTool, place: Path) -> None:
    both = f"checkpoint=[{place / 'batch.safetensors'},{place / 'domain.safetensors'}]"
    done = run_tool("analyze", both, "domains=[eth3d,kitti2015]", f"paths.data={place / 'data'}", *SMALL)
    record = json.loads((done.output / "analysis.json").read_text())
    assert record["domains"] == ["eth3d", "kitti2015"]
    assert list(record["networks"]) == ["batch", "domain"]
    assert record["networks"]["batch"]["pairs"] == {"eth3d": 2, "kitti2015": 2}
    assert record["networks"]["domain"]["checkpoint"].endswith("domain.safetensors")
    for figure in ("norms.png", "divergence.png", "classifier.png"):
        assert (done.output / figure).is_file()
    assert "batch: norms" in done.log


def test_the_shipped_weights_and_the_generator_need_no_option(run_tool: RunTool, place: Path) -> None:
    done = run_tool("analyze", "domains=[synthetic,eth3d]", f"paths.data={place / 'data'}", *SMALL)
    record = json.loads((done.output / "analysis.json").read_text())
    assert list(record["networks"]) == ["domain"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["domains=[synthetic,nowhere]"],
            "data set nowhere: no such file in conf/dataset; there are argoverse, ",
        ),
        (["domains=[eth3d]"], "expected at least two"),
        (["domains=[synthetic,middlebury]"], "MiddEval3"),
        (["labels=[a,b]"], "expected 1 different names"),
        (["checkpoint=nothing.ckpt"], "nothing.ckpt: no such file"),
        (["sampling.batches=1"], "sampling.batches=1"),
    ],
)
def test_mistakes_are_named(run_tool: RunTool, place: Path, overrides: list[str], message: str) -> None:
    options = [option for option in SMALL if option.split("=")[0] != overrides[0].split("=")[0]]
    run_tool("analyze", f"paths.data={place / 'data'}", *options, *overrides, refused=message)
