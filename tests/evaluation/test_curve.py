"""The curve's points are the checkpoints, in the order of what they have seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dsmnet import build_model
from dsmnet.errors import FormatError, UserError
from dsmnet.evaluation.curve import Milestone, curve_rows, find_milestones, write_curve
from dsmnet.models.checkpoint import PAIRS_KEY, save_weights
from dsmnet.viz.curves import line_plot


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three checkpoints, named so that the order of names is not that of pairs."""
    predictor = build_model("tiny")
    for name, pairs in (("step=1000", 4000), ("step=250", 1000), ("step=500", 2000)):
        path = tmp_path / f"{name}.ckpt"
        save_weights(path, predictor.net, predictor.config)
        torch.save(torch.load(path, weights_only=True) | {PAIRS_KEY: pairs}, path)
    return tmp_path


def test_order_is_that_of_pairs(run):
    found = find_milestones(str(run / "step=*.ckpt"), offset=100)
    assert [(m.pairs, m.checkpoint.stem) for m in found] == [
        (1100, "step=250"),
        (2100, "step=500"),
        (4100, "step=1000"),
    ]


def test_given_pairs_belong_to_given_files(run):
    files = [str(run / "step=500.ckpt"), str(run / "step=250.ckpt")]
    found = find_milestones(files, pairs=[7, 3])
    assert [(m.pairs, m.checkpoint.stem) for m in found] == [(3, "step=250"), (7, "step=500")]
    with pytest.raises(UserError, match="pairs: expected one number for each of the 2"):
        find_milestones(files, pairs=[7])


def test_what_cannot_be_a_point_is_named(run):
    with pytest.raises(UserError, match=r"nothing\.ckpt: no such file"):
        find_milestones(str(run / "nothing.ckpt"))
    predictor = build_model("tiny")
    save_weights(run / "weights.safetensors", predictor.net, predictor.config)
    with pytest.raises(UserError, match="does not state how many pairs"):
        find_milestones(str(run / "weights.safetensors"))
    (run / "broken.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(FormatError, match="broken"):
        find_milestones(str(run / "broken.ckpt"))


def test_files_and_picture(tmp_path):
    scores = {"epe": 1.0, "bad1": 9.0, "bad2": 5.0, "bad3": 4.0, "d1": 4.0}
    results = [
        (
            Milestone(pairs, Path(f"{pairs}.ckpt")),
            {"sets": {"kitti2015": {"images": 2, **scores, "epe": epe}}},
        )
        for pairs, epe in ((1000, 2.0), (4000, 1.0))
    ]
    rows = curve_rows(results)
    write_curve(rows, tmp_path)
    assert json.loads((tmp_path / "curve.json").read_text())[1]["epe"] == 1.0
    assert (tmp_path / "curve.csv").read_text().splitlines()[1].startswith("1000,1000.ckpt,kitti2015,2,2.0")
    picture = line_plot({"EPE px": {"kitti2015": [(1000, 2.0), (4000, 1.0)]}}, "training pairs", "Title")
    assert picture.ndim == 3
    assert (picture != 255).any()
    other = line_plot({"EPE px": {"kitti2015": [(1000, 2.0), (4000, 1.9)]}}, "training pairs", "Title")
    assert (np.asarray(picture) != other).any()
