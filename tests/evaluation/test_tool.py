"""tools/evaluate.py as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from dsmnet import build_model
from dsmnet.config import compose, instantiate
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.errors import UserError
from dsmnet.evaluation import choose_sets, only_set
from dsmnet.models.checkpoint import save_weights
from dsmnet.types import StereoSample

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the weights of a tiny network and an ETH3D tree of two pairs of unlike, odd sizes."""
    net = build_model("tiny")
    save_weights(tmp_path / "tiny.safetensors", net.net, net.config)
    samples: list[StereoSample] = []
    for height, width in ((45, 71), (33, 98)):
        texture = np.random.default_rng(0).integers(0, 256, (height, width + 5, 3), np.uint8)
        target = np.full((height, width), 5, np.float32)
        views = {"left": texture[:, :width], "right": texture[:, 5:], "name": "", "dataset": ""}
        samples.append({**views, "disparity": target, "valid": target > 0, "noc": target > 0})  # type: ignore[typeddict-item]
    Eth3d.write_fake(tmp_path / "data" / "ETH3D", samples)
    return tmp_path


def run(place: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "evaluate.py"), f"paths.data={place / 'data'}"]
    command += [f"paths.output={place / 'out'}", "device=cpu", *overrides]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("HYDRA_FULL_ERROR", None)
    return subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment, check=False)


def test_tiles_are_recorded_and_said_under_the_table(place: Path) -> None:
    checkpoint = f"checkpoint={place / 'tiny.safetensors'}"
    done = run(place, checkpoint, "tile=128", "overlap=32", "max_disparity=32", "progress=false")
    assert done.returncode == 0, done.stderr
    results = json.loads((place / "out" / "results.json").read_text())
    assert results["tiles"] == {"tile": 128, "overlap": 32, "memory": 6.0}
    assert results["model"] == "tiny"
    assert "tile=128" in (place / "out" / "results.md").read_text()
    refused = run(place, checkpoint, "tile=10")
    assert refused.returncode == 1
    assert "tile=10: expected auto, null or at least 128" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr


def test_the_command_writes_what_it_says(place: Path) -> None:
    checkpoint = f"checkpoint={place / 'tiny.safetensors'}"
    done = run(place, checkpoint, "baseline=sgbm", "panels=true", "max_disparity=32", "progress=false")
    assert done.returncode == 0, done.stderr
    out = place / "out"
    results = json.loads((out / "results.json").read_text())
    assert (results["model"], results["norm"]) == ("tiny", "domain")
    assert results["parameters"] > 0
    assert results["checkpoint"].endswith("tiny.safetensors")
    assert results["sets"].keys() == results["baselines"]["sgbm"]["sets"].keys() == {"eth3d"}
    assert results["sets"]["eth3d"]["images"] == 2
    assert results["sets"]["eth3d"]["pixels"] == 45 * 71 + 33 * 98
    assert len(list((out / "panels").glob("eth3d_*.png"))) == 2
    assert (out / "config.yaml").is_file()
    assert "kitti2015: not evaluated, there is no folder" in done.stdout
    assert "eth3d" in (out / "results.md").read_text()


def test_checkpoints_side_by_side_in_every_file(place: Path) -> None:
    for folder in ("a", "b"):
        (place / folder).mkdir()
        net = build_model("tiny", norm="batch" if folder == "b" else "domain")
        save_weights(place / folder / "weights.safetensors", net.net, net.config)
    compare = ",".join(str(place / folder / "weights.safetensors") for folder in ("a", "b"))
    done = run(place, f"compare=[{compare}]", "html=true", "max_disparity=32", "progress=false")
    assert done.returncode == 0, done.stderr
    results = json.loads((place / "out" / "results.json").read_text())
    assert (results["label"], results["norm"]) == ("a", "domain")
    assert results["checkpoint"] == str(place / "a" / "weights.safetensors")
    other = results["compared"]["b"]
    assert other.keys() == {"checkpoint", "model", "norm", "parameters", "sets"}
    assert (results["compared"].keys(), other["norm"]) == ({"b"}, "batch")
    first, second = (entry["sets"]["eth3d"]["per_image"] for entry in (results, other))
    assert [(i["name"], i["pixels"]) for i in first] == [(i["name"], i["pixels"]) for i in second]
    assert [i["epe"] for i in first] != [i["epe"] for i in second]
    for text in (done.stdout, (place / "out" / "results.md").read_text()):
        assert "Comparison of a, b" in text
        assert "b: tiny, norm batch" in text
    page = (place / "out" / "results.html").read_text()
    for name in [image["name"] for image in first]:
        assert f'alt="error, a of {name}"' in page
        assert f'alt="error, b of {name}"' in page
    assert not list((place / "out").glob(".pictures*"))


def test_a_mistake_ends_with_status_1_and_its_message(place: Path) -> None:
    done = run(place, f"checkpoint={place / 'tiny.safetensors'}", "dataset=kitti2015")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert str(place / "data" / "KITTI_2015") in said
    assert "Traceback" not in said


def test_one_set_of_conf_dataset_in_the_place_of_the_table(place: Path) -> None:
    checkpoint = f"checkpoint={place / 'tiny.safetensors'}"
    (place / "data" / "ETH3D").rename(place / "elsewhere")
    done = run(place, checkpoint, "dataset=eth3d", f"dataset.root={place / 'elsewhere'}", "max_disparity=32")
    assert done.returncode == 0, done.stderr
    results = json.loads((place / "out" / "results.json").read_text())
    assert (results["sets"].keys(), results["missing"]) == ({"eth3d"}, {})
    assert results["sets"]["eth3d"]["images"] == 2
    config = OmegaConf.load(place / "out" / "config.yaml")
    assert list(config.eval.sets) == ["eth3d"]
    assert config.eval.sets.eth3d.root == str(place / "elsewhere")


def test_a_set_without_files_is_evaluated_on_what_training_does_not_see() -> None:
    cfg = compose("evaluate", ["dataset=synthetic", "dataset.size=[48,192]", "paths.output=unused"])
    cfg.eval = only_set(cfg)
    found: Any = choose_sets(cfg, instantiate)
    (chosen,) = found.present.values()
    assert (found.present.keys(), found.missing, len(chosen)) == ({"synthetic"}, {}, 32)
    first = instantiate(cfg.dataset).split_validation()[1][0]
    np.testing.assert_array_equal(chosen[0]["left"], first["left"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset=kitti2015"], "no data set to evaluate on; expected kitti2015 in"),
        (["dataset=eth3d", "dataset.split=testing"], "none of the pairs under"),
        (["dataset=eth3d", "dataset.require_ground_truth=false"], "an evaluation needs it"),
        (["dataset=folder"], "dataset.left: expected a folder"),
        (["dataset=eth3d", "eval=sceneflow"], "dataset=eth3d eval=sceneflow: expected one of the two"),
    ],
)
def test_a_set_that_cannot_be_evaluated_is_refused(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    views = {"left": np.zeros((4, 6, 3), np.uint8), "right": np.zeros((4, 6, 3), np.uint8)}
    sample: Any = {**views, "name": "", "dataset": ""}
    Eth3d.write_fake(tmp_path / "ETH3D", [sample], split="testing")
    cfg = compose("evaluate", [*overrides, f"paths.data={tmp_path}", "paths.output=unused"])

    def find() -> None:
        cfg.eval = only_set(cfg)
        choose_sets(cfg, instantiate)

    with pytest.raises(UserError, match=message):
        find()
