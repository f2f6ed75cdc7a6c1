"""tools/adapt.py method=self_training and tools/label.py as a user runs them, on small pairs."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsmnet import build_model, load_model, self_training
from dsmnet.adaptation.guard import Verdict, split_pairs
from dsmnet.adaptation.labelled_set import read_labels
from dsmnet.api import DEFAULT_WEIGHTS
from dsmnet.datasets.folder import Folder
from dsmnet.ending import Interrupted
from dsmnet.io.images import write_image
from dsmnet.models.checkpoint import save_weights
from dsmnet.synthetic import SyntheticStereo
from tests.tools.conftest import write_scenes

RunTool = Callable[..., Any]
PAIRS = 5


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a tiny network and five pairs of views."""
    folder = tmp_path_factory.mktemp("self_training")
    torch.manual_seed(0)
    net = build_model("tiny")
    save_weights(folder / "tiny.safetensors", net.net, net.config)
    write_scenes(folder, PAIRS)
    return folder


@pytest.fixture
def target(place: Path) -> list[str]:
    return ["dataset=folder", f"dataset.left={place / 'left'}", f"dataset.right={place / 'right'}"]


@pytest.fixture
def adapt(run_tool: RunTool, place: Path, target: list[str]) -> RunTool:
    checkpoint = f"checkpoint={place / 'tiny.safetensors'}"
    short = ["self_training.steps=2", "self_training.rounds=1", "self_training.source_pairs=2"]
    options = ["method=self_training", checkpoint, "teacher=sgbm", "device=cpu", "max_disparity=32", *short]
    return partial(run_tool, "adapt", *options, *target)


def accept(*_: Any) -> list[Verdict]:
    return [Verdict("contradicted", 9.0, 8.0, 0.1)]


def refuse(*_: Any) -> list[Verdict]:
    return [Verdict("contradicted", 8.0, 9.0, 0.1)]


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_model(path, device="cpu").net.state_dict()


def differ(first: Path, second: Path) -> bool:
    one, other = weights_of(first), weights_of(second)
    return any(not torch.equal(one[name], other[name]) for name in one)


def test_an_accepted_round_gives_new_weights(
    adapt: RunTool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_training, "compare_on_target", accept)
    monkeypatch.setattr(
        self_training, "compare_on_source", lambda *errors: Verdict("source EPE", 1.0, 1.0, 0.1)
    )
    done = adapt()
    assert differ(done.output / "weights.safetensors", place / "tiny.safetensors")
    record = json.loads((done.output / "adapt.json").read_text())
    assert record["method"] == "self_training"
    (only,) = record["adaptation"]["rounds"]
    assert only["accepted"]
    assert 0.3 < only["labels"]["density"]["all"] < only["labels"]["density"]["second"] <= 1
    assert (done.output / "adapted.png").is_file()
    filled = Folder(
        *(str(done.output / "round1" / "labels" / view) for view in ("left", "right", "filled")),
        pairing="name",
    )
    assert len(filled) == PAIRS - 1  # the guard has one
    assert all(filled[index]["valid"].all() for index in range(PAIRS - 1))


def test_blend_is_a_share_of_the_trained_weights(
    adapt: RunTool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_training, "compare_on_target", accept)
    monkeypatch.setattr(self_training, "compare_on_source", lambda *errors: Verdict("source EPE", 1, 1, 0.1))
    two = ["self_training.rounds=2", "labels.left_right=null", "labels.scale=null", "second=null"]
    done = adapt("self_training.blend=0.25", *two)
    before, found = weights_of(place / "tiny.safetensors"), weights_of(done.output / "weights.safetensors")
    trained = weights_of(done.output / "round2" / "weights.safetensors")  # by the whole weights of round 1
    assert differ(done.output / "round1" / "weights.safetensors", done.output / "weights.safetensors")
    for name, tensor in before.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(found[name], 0.75 * tensor + 0.25 * trained[name])


def test_half_of_the_blend_is_tried_where_the_whole_is_refused(
    adapt: RunTool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = iter([refuse(), accept()])
    monkeypatch.setattr(self_training, "compare_on_target", lambda *_: next(verdicts))
    monkeypatch.setattr(self_training, "compare_on_source", lambda *errors: Verdict("source EPE", 1, 1, 0.1))
    done = adapt()
    assert "round 1, blend=1: contradicted rose from 8.00 to 9.00" in done.log
    (only,) = json.loads((done.output / "adapt.json").read_text())["adaptation"]["rounds"]
    assert (only["accepted"], only["blend"], only["reasons"]) == (True, 0.5, [])
    before, found = weights_of(place / "tiny.safetensors"), weights_of(done.output / "weights.safetensors")
    trained = weights_of(done.output / "round1" / "weights.safetensors")
    for name, tensor in before.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(found[name], (tensor + trained[name]) / 2)


def test_an_interrupted_adaptation_keeps_the_best_and_goes_on(
    adapt: RunTool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_training, "compare_on_target", accept)
    monkeypatch.setattr(self_training, "compare_on_source", lambda *errors: Verdict("source EPE", 1, 1, 0.1))
    trained, train = list[str](), self_training.train

    def interrupted(cfg: Any, folder: Path) -> None:
        if folder.name == "round2" and len(trained) == 1:
            raise Interrupted("by SIGTERM at step 1; continue with resume=", signal.SIGTERM)
        trained.append(folder.name)
        train(cfg, folder)

    monkeypatch.setattr(self_training, "train", interrupted)
    two = ["self_training.rounds=2", "labels.left_right=null", "labels.scale=null", "second=null"]
    told = "interrupted in round 2; weights.safetensors holds round 1; the same command goes on"
    first = adapt(*two, refused=told, status=128 + signal.SIGTERM).output / "weights.safetensors"
    assert not differ(first, first.parent / "round1" / "weights.safetensors")
    assert differ(first, place / "tiny.safetensors")
    trained.append("goes on")
    done = adapt(*two)
    assert trained == ["round1", "goes on", "round2"]
    assert not differ(done.output / "weights.safetensors", done.output / "round2" / "weights.safetensors")


def test_a_refused_round_leaves_the_weights_and_says_why(
    adapt: RunTool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_training, "compare_on_target", refuse)
    done = adapt()
    assert "round 1 is refused: contradicted rose from 8.00 to 9.00" in done.log
    assert not differ(done.output / "weights.safetensors", place / "tiny.safetensors")
    record = json.loads((done.output / "adapt.json").read_text())
    assert record["adaptation"]["rounds"][0]["reasons"]


@pytest.mark.parametrize("hostile", [None, "still", "exchanged", "black", "rows"])
def test_pairs_that_cannot_be_matched_are_refused_before_any_training(
    hostile: str | None, adapt: RunTool, tmp_path: Path
) -> None:
    """By the shipped network, which matches the pairs as they were."""
    scenes = SyntheticStereo(size=(96, 192), largest_disparity=32)
    for index in range(4):
        scene = scenes[0 if hostile == "still" else index]
        left, right = scene["left"], scene["right"]
        if hostile == "exchanged":
            left, right = right, left
        elif hostile == "black":
            left, right = np.zeros_like(left), np.zeros_like(right)
        elif hostile == "rows":
            right = np.roll(right, 25, axis=0)
        write_image(tmp_path / "left" / f"{index}.png", left)
        write_image(tmp_path / "right" / f"{index}.png", right)
    folders = f"dataset.left={tmp_path / 'left'}", f"dataset.right={tmp_path / 'right'}"
    done = adapt("checkpoint=dsmnet_lite", *folders, "teacher=null")
    trained = (done.output / "round1" / "weights.safetensors").exists()
    assert trained == (hostile in (None, "still"))
    if not trained:
        assert "of the pixels pass the checks" in done.log
        assert not differ(done.output / "weights.safetensors", DEFAULT_WEIGHTS)


def test_one_pair_alone_is_adapted_to_and_judged(adapt: RunTool, place: Path) -> None:
    done = adapt(f"dataset.left={place}/left/0.png", f"dataset.right={place}/right/0.png")
    assert "1 pair alone" in done.log
    assert (done.output / "weights.safetensors").is_file()


@pytest.mark.parametrize("option", ["rendered=1.5", "replay=-0.1", "held_out=nan", "lr=0", "rounds=0"])
def test_an_impossible_plan_is_refused(option: str, adapt: RunTool) -> None:
    adapt(f"self_training.{option}", refused=f"self_training.{option}")


def test_other_options_in_the_same_folder_are_refused(adapt: RunTool) -> None:
    adapt()
    adapt("self_training.lr=1e-4", refused="holds an adaptation with another self_training")
    assert "refused" in adapt().log or "accepted" in adapt().log  # the same goes on, to the same end


def test_held_out_pairs_are_spread_and_never_trained_on() -> None:
    adapt_to, held_out = split_pairs(30, 0.2)
    assert len(held_out) == 6
    assert not set(adapt_to) & set(held_out)
    assert sorted([*adapt_to, *held_out]) == list(range(30))
    assert max(np.diff(held_out)) <= 6
    assert [len(part) for part in split_pairs(4, 0.01)] == [3, 1]


@pytest.fixture
def label(run_tool: RunTool, target: list[str]) -> RunTool:
    return partial(run_tool, "label", "teacher=sgbm", "second=null", "max_disparity=32", *target)


def test_labels_are_a_data_set_that_the_folder_reader_takes(label: RunTool, place: Path) -> None:
    run = label()
    assert "share of all pixels: with a disparity of the teacher, that each check passes, that all" in run.log
    labels = read_labels(run.output)
    scenes = SyntheticStereo(size=(96, 192), largest_disparity=32)
    assert len(labels) == PAIRS
    for index, scene in enumerate(scenes[k] for k in range(PAIRS)):
        sample = labels[index]
        np.testing.assert_array_equal(sample["left"], scene["left"])
        error = np.abs(sample["disparity"] - scene["disparity"])[sample["valid"]]
        assert np.median(error) < 1
        assert 0.1 < sample["valid"].mean() < 1


def test_parts_share_the_work_and_what_is_there_stays(label: RunTool) -> None:
    output = label("part=1", "parts=2").output
    first = {path.name: path.stat().st_mtime_ns for path in (output / "disparity").iterdir()}
    assert sorted(first) == ["1.png", "3.png"]
    label()
    after = {path.name: path.stat().st_mtime_ns for path in (output / "disparity").iterdir()}
    assert len(after) == PAIRS
    assert all(after[name] == time for name, time in first.items())


def test_labels_of_other_options_are_refused(label: RunTool) -> None:
    label()
    label("labels.left_right=2", refused="holds labels that were made with other options")


def test_precision_of_the_rules_is_told_where_there_is_ground_truth(run_tool: RunTool) -> None:
    small = ["dataset=synthetic", "dataset.size=[96,192]", "dataset.largest_disparity=32"]
    done = run_tool("label", "teacher=sgbm", "second=null", "max_disparity=32", *small, "parts=32")
    (d1,) = re.findall(r"D1 of those: .* 5 %: (.*)", done.log)
    values = dict(entry.split(" ") for entry in d1.split(", "))
    assert float(values["all"]) < float(values["teacher"])
