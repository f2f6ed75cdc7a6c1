"""tools/evaluate.py as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from dsmnet import build_model
from dsmnet.config import compose, instantiate, is_endless
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.errors import UserError
from dsmnet.evaluation import choose_sets, only_set
from dsmnet.models.checkpoint import save_weights
from dsmnet.types import StereoSample

Evaluate = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with weights of tiny networks and an ETH3D tree of two pairs of unlike, odd sizes."""
    for folder, norm in (("a", "domain"), ("b", "batch")):
        net = build_model("tiny", norm=norm)
        (tmp_path / folder).mkdir()
        save_weights(tmp_path / folder / "weights.safetensors", net.net, net.config)
    samples: list[StereoSample] = []
    for height, width in ((45, 71), (33, 98)):
        texture = np.random.default_rng(0).integers(0, 256, (height, width + 5, 3), np.uint8)
        target = np.full((height, width), 5, np.float32)
        views = {"left": texture[:, :width], "right": texture[:, 5:], "name": "", "dataset": ""}
        samples.append({**views, "disparity": target, "valid": target > 0, "noc": target > 0})  # type: ignore[typeddict-item]
    Eth3d.write_fake(tmp_path / "data" / "ETH3D", samples)
    return tmp_path


@pytest.fixture
def evaluate(run_tool: Callable[..., Any], place: Path, capsys: pytest.CaptureFixture[str]) -> Evaluate:
    def run(*overrides: str, **refused: str) -> tuple[str, Path]:
        """Return what was said, and the folder of the files."""
        common = [f"paths.data={place / 'data'}", "device=cpu", "max_disparity=32"]
        done = run_tool("evaluate", *common, *overrides, **refused)
        return done.log + capsys.readouterr().out, done.output

    return run


def test_evaluate_writes_what_it_says(evaluate: Evaluate, place: Path) -> None:
    weights = place / "a" / "weights.safetensors"
    options = ["baseline=sgbm", "panels=true", "tile=128", "overlap=32"]
    said, out = evaluate(f"checkpoint={weights}", *options)
    results = json.loads((out / "results.json").read_text())
    assert (results["model"], results["norm"], results["checkpoint"]) == ("tiny", "domain", str(weights))
    assert results["parameters"] > 0
    assert results["tiles"] == {"tile": 128, "overlap": 32, "memory": 6.0}
    assert results["sets"].keys() == results["baselines"]["sgbm"]["sets"].keys() == {"eth3d"}
    assert results["sets"]["eth3d"]["images"] == 2
    assert results["sets"]["eth3d"]["pixels"] == 45 * 71 + 33 * 98
    assert len(list((out / "panels").glob("eth3d_*.png"))) == 2
    assert (out / "config.yaml").is_file()
    assert "kitti2015: not evaluated, there is no folder" in said
    assert all(word in (out / "results.md").read_text() for word in ("eth3d", "tile=128"))


def test_evaluate_compared_checkpoints_stand_in_every_file(evaluate: Evaluate, place: Path) -> None:
    compare = ",".join(str(place / folder / "weights.safetensors") for folder in ("a", "b"))
    said, out = evaluate(f"compare=[{compare}]", "html=true", "error_breakdown=true")
    results = json.loads((out / "results.json").read_text())
    assert (results["label"], results["norm"]) == ("a", "domain")
    assert results["checkpoint"] == str(place / "a" / "weights.safetensors")
    other = results["compared"]["b"]
    assert other.keys() >= {"checkpoint", "model", "norm", "parameters", "sets"}
    assert (results["compared"].keys(), other["norm"]) == ({"b"}, "batch")
    first, second = (entry["sets"]["eth3d"]["per_image"] for entry in (results, other))
    assert [(i["name"], i["pixels"]) for i in first] == [(i["name"], i["pixels"]) for i in second]
    assert [i["epe"] for i in first] != [i["epe"] for i in second]
    for text in (said, (out / "results.md").read_text()):
        assert "Comparison of a, b" in text
        assert "b: tiny, norm batch" in text
    page = (out / "results.html").read_text()
    for name in [image["name"] for image in first]:
        assert f'alt="error, a of {name}"' in page
        assert f'alt="error, b of {name}"' in page
    assert not list(out.glob(".pictures*"))
    assert results["error_breakdown"]["eth3d"]["epe"] == pytest.approx(
        results["sets"]["eth3d"]["pooled"]["epe"], rel=1e-5
    )
    assert "## eth3d" in (out / "error_breakdown.md").read_text()


def test_evaluate_one_set_of_conf_dataset_takes_the_place_of_the_table(
    evaluate: Evaluate, place: Path
) -> None:
    (place / "data" / "ETH3D").rename(place / "elsewhere")
    root = f"dataset.root={place / 'elsewhere'}"
    _, out = evaluate(f"checkpoint={place / 'a' / 'weights.safetensors'}", "dataset=eth3d", root)
    results = json.loads((out / "results.json").read_text())
    assert (results["sets"].keys(), results["missing"]) == ({"eth3d"}, {})
    assert results["sets"]["eth3d"]["images"] == 2
    config = OmegaConf.load(out / "config.yaml")
    assert list(config.eval.sets) == ["eth3d"]
    assert config.eval.sets.eth3d.root == str(place / "elsewhere")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset=kitti2015"], "no data set to evaluate on; expected kitti2015 in"),
        (["tile=10"], "tile=10: expected auto, null or at least 128"),
    ],
)
def test_evaluate_a_mistake_ends_with_status_1_and_its_message(
    evaluate: Evaluate, place: Path, overrides: list[str], message: str
) -> None:
    evaluate(f"checkpoint={place / 'a' / 'weights.safetensors'}", *overrides, refused=message)


def test_only_set_without_files_is_the_validation_split() -> None:
    cfg = compose("evaluate", ["dataset=synthetic", "dataset.size=[48,192]", "paths.output=unused"])
    cfg.eval = only_set(cfg, is_endless(cfg.dataset))
    found: Any = choose_sets(cfg, instantiate)
    (chosen,) = found.present.values()
    assert (found.present.keys(), found.missing, len(chosen)) == ({"synthetic"}, {}, 32)
    first = instantiate(cfg.dataset).split_validation()[1][0]
    np.testing.assert_array_equal(chosen[0]["left"], first["left"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dataset=eth3d", "dataset.split=testing"], "none of the pairs under"),
        (["dataset=eth3d", "dataset.require_ground_truth=false"], "an evaluation needs it"),
        (["dataset=folder"], "dataset.left: expected a folder"),
        (["dataset=eth3d", "eval=sceneflow"], "dataset=eth3d eval=sceneflow: expected one of the two"),
    ],
)
def test_only_set_that_cannot_be_evaluated_is_refused(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    sample: Any = {
        **dict.fromkeys(("left", "right"), np.zeros((4, 6, 3), np.uint8)),
        "name": "",
        "dataset": "",
    }
    Eth3d.write_fake(tmp_path / "ETH3D", [sample], split="testing")
    cfg = compose("evaluate", [*overrides, f"paths.data={tmp_path}", "paths.output=unused"])

    def find() -> None:
        cfg.eval = only_set(cfg, is_endless(cfg.dataset))
        choose_sets(cfg, instantiate)

    with pytest.raises(UserError, match=message):
        find()
