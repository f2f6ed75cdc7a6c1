"""From configuration to table and files, on trees written for the purpose."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dsmnet.config import compose, config_dir, instantiate
from dsmnet.datasets.kitti import Kitti2015
from dsmnet.errors import DataError, UserError
from dsmnet.evaluation import SGBM, choose_sets, cross_domain_evaluation
from dsmnet.types import StereoSample

GROUP = sorted(path.stem for path in (config_dir() / "eval").glob("*.yaml"))
REAL = ["kitti2015", "kitti2012", "middlebury", "middlebury2006", "eth3d"]


def textured(disparity: int, noc: bool) -> StereoSample:
    texture = np.random.default_rng(disparity).integers(0, 256, (48, 90 + disparity, 3), np.uint8)
    target = np.full((48, 90), disparity, np.float32)
    visible = np.ones((48, 90), np.bool_)
    visible[:, :disparity] = not noc
    sample: StereoSample = {
        "left": texture[:, :90],
        "right": texture[:, disparity:],
        "name": "",
        "dataset": "",
    }
    sample |= {"disparity": target, "valid": target > 0, "noc": visible}  # type: ignore[typeddict-item]
    return sample


def small_scenes(node: str) -> list[str]:
    return [f"{node}.size=[48,96]", f"{node}.largest_disparity=24"]


@pytest.fixture
def cfg(tmp_path: Path) -> Any:
    def make(*overrides: str) -> Any:
        places = [f"paths.data={tmp_path / 'data'}", f"paths.output={tmp_path / 'out'}"]
        return compose("evaluate", [*places, "progress=false", *overrides])

    return make


def test_every_choice_of_eval_composes_and_names_its_sets(cfg, tmp_path):
    for name in GROUP:
        chosen = cfg(f"eval={name}").eval
        assert chosen.keys() == {"sets", "fallback"}
        assert list(chosen.sets) == (REAL if name == "cross_domain" else [name])
        for node in chosen.sets.values():
            assert "root" not in node or str(node.root).startswith(str(tmp_path / "data"))
    assert cfg("eval=sceneflow").eval.sets.sceneflow.split == "TEST"


@pytest.mark.parametrize(
    "option", ["protocol=ours2", "protocol.pixels=visible", "+protocol.sets.eth3d.cap=192"]
)
def test_an_unknown_protocol_or_option_is_named_with_the_known_ones(cfg, option):
    with pytest.raises(UserError) as error:
        instantiate(cfg(option).protocol)
    said = str(error.value)
    assert all(word in said for word in option.lstrip("+").replace("=192", "").split("="))
    assert any(word in said for word in ("openstereo", "noc, occ or all", "ground_truth_below"))


def test_table_files_and_panels(cfg, tmp_path, capsys):
    Kitti2015.write_fake(tmp_path / "data" / "KITTI_2015", [textured(6, noc=True), textured(9, noc=True)])
    out = tmp_path / "out"
    config = cfg("baseline=sgbm", "panels=true", "max_disparity=32")
    cross_domain_evaluation(SGBM(), config, out, build=instantiate, checkpoint="x.ckpt")
    results = json.loads((out / "results.json").read_text())
    kitti = results["sets"]["kitti2015"]
    assert (kitti["images"], kitti["pixels_used"], kitti["pixels"]) == (2, "noc", 48 * (84 + 81))
    assert kitti["epe"] < 0.5
    assert {image["max_disparity"] for image in kitti["per_image"]} == {32}
    baseline = results["baselines"]["sgbm"]["sets"]["kitti2015"]
    assert [image["epe"] for image in baseline["per_image"]] == [image["epe"] for image in kitti["per_image"]]
    assert results["missing"].keys() == set(REAL[1:])
    assert results["missing"]["eth3d"] == str(tmp_path / "data" / "ETH3D")
    table = capsys.readouterr().out
    assert "kitti2015" in table
    assert f"eth3d: not evaluated, there is no folder {tmp_path / 'data' / 'ETH3D'}" in table
    assert "kitti2015" in (out / "results.md").read_text()
    assert results["protocol"]["name"] == "ours"
    rows = (out / "results.csv").read_text().splitlines()
    assert [row.split(",")[:3] for row in rows[1:]] == [
        ["kitti2015", method, image["name"]]
        for method in ("sgbm", "sgbm (baseline)")
        for image in kitti["per_image"]
    ]
    pictures = sorted((out / "panels").iterdir())
    assert [path.name for path in pictures] == [
        f"kitti2015_{image['name']}.png" for image in kitti["per_image"]
    ]
    assert cv2.imread(str(pictures[0])).shape[2] == 3


def test_without_real_data_validation_scenes_and_a_line_where_real_ones_go(cfg, tmp_path, caplog):
    small = ["eval.fallback.synthetic.images=2", *small_scenes("eval.fallback.synthetic.dataset")]
    with caplog.at_level(logging.WARNING):
        results = cross_domain_evaluation(SGBM(), cfg(*small), tmp_path / "out", build=instantiate).to_dict()
    assert results["sets"].keys() == {"synthetic"}
    assert results["sets"]["synthetic"]["images"] == 2
    assert results["missing"].keys() == set(REAL)
    assert str(tmp_path / "data" / "KITTI_2015") in caplog.text


def test_the_fallback_is_not_what_training_sees(cfg):
    config = cfg("eval=synthetic", *small_scenes("eval.sets.synthetic.dataset"))
    dataset: Any = choose_sets(config, instantiate).present["synthetic"]
    training, validation = instantiate(config.eval.sets.synthetic.dataset).split_validation()
    assert len(dataset) == 32
    assert dataset[0]["name"] == validation[0]["name"] != training[0]["name"]


def test_a_set_asked_for_by_name_and_absent_is_an_error(cfg, tmp_path):
    with pytest.raises(DataError, match=str(tmp_path / "data" / "SceneFlow")):
        choose_sets(cfg("eval=sceneflow"), instantiate)


def test_a_broken_set_is_an_error_even_beside_good_ones(cfg, tmp_path):
    Kitti2015.write_fake(tmp_path / "data" / "KITTI_2015", [textured(6, noc=False)])
    (tmp_path / "data" / "MiddEval3").mkdir()
    with pytest.raises(DataError, match="MiddEval3"):
        choose_sets(cfg(), instantiate)


def test_a_wrong_search_range_is_named(cfg, tmp_path):
    Kitti2015.write_fake(tmp_path / "data" / "KITTI_2015", [textured(6, noc=False)])
    with pytest.raises(UserError, match="max_disparity=lots"):
        cross_domain_evaluation(SGBM(), cfg("max_disparity=lots"), tmp_path / "out", build=instantiate)


def test_the_baseline_node_spells_the_defaults_of_the_class(cfg):
    built = instantiate(cfg("baseline=sgbm").baseline.matcher)
    assert vars(built) == vars(SGBM())
