"""Short real trainings on synthetic scenes."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from dsmnet import load_model
from dsmnet.api import build_from_config
from dsmnet.config import compose
from dsmnet.errors import ShapeError, UserError
from dsmnet.evaluation import EvaluationProtocol, evaluate_set
from dsmnet.models.checkpoint import read_checkpoint, read_weights
from dsmnet.models.state_dict import load_what_fits
from dsmnet.run import run, train
from dsmnet.synthetic import SyntheticStereo
from dsmnet.training.averaging import moving_average
from dsmnet.training.module import StereoModule
from dsmnet.training.schedule import OneCycle

SMALL = (
    *("model=tiny", "trainer=debug", "trainer.threads=1", "max_disparity=32", "progress=false"),
    *("dataset.size=[64,128]", "dataset.largest_disparity=32", "dataset.validation_length=2"),
    *("crop.height=64", "crop.width=96", "loader.batch_size=2", "loader.epoch_steps=2"),
    *("eval=synthetic", "eval.sets.synthetic.images=2"),
)


def small(output: Path, *overrides: str) -> DictConfig:
    return compose("train", [*SMALL, f"paths.output={output}", *overrides])


def step_of(output: Path, name: str) -> int:
    """The step of a run's best.ckpt or last.ckpt."""
    return int(torch.load(output / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"])


def validation_pairs(count: int) -> SyntheticStereo:
    return SyntheticStereo(size=(64, 128), largest_disparity=32, validation_length=count).split_validation()[
        1
    ]


def same_weights(one: Path, other: Path) -> bool:
    """Whether two files hold the same tensors."""
    (first, _), (second, _) = read_weights(one), read_weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole")
    train(small(output, "trainer.max_steps=4"), output)
    return output


def test_files_of_a_run(whole_run: Path) -> None:
    for name in ("checkpoints/last.ckpt", "checkpoints/best.ckpt", "metrics.csv", "weights.safetensors"):
        assert (whole_run / name).is_file()
    assert list(whole_run.glob("events.out.tfevents.*"))
    rows = list(csv.DictReader((whole_run / "metrics.csv").open()))
    assert any(row["train/epe"] for row in rows)
    assert sum(bool(row["val/epe"]) for row in rows) == 2


def test_weights_on_the_way_are_kept_with_the_pairs_they_have_seen(tmp_path: Path) -> None:
    train(small(tmp_path, "trainer.max_steps=4", "callbacks.keep.every=1"), tmp_path)
    kept = {path.stem: read_checkpoint(path).pairs for path in (tmp_path / "checkpoints").glob("step=*.ckpt")}
    pairs = small(tmp_path).loader.batch_size
    assert kept == {"step=2": 2 * pairs, "step=4": 4 * pairs}
    last = tmp_path / "checkpoints" / "last.ckpt"
    train(small(tmp_path, "trainer.max_steps=6", f"resume={last}"), tmp_path)
    assert read_checkpoint(last).pairs == 6 * pairs


def test_last_is_the_last_even_if_it_is_not_the_best(tmp_path: Path) -> None:
    train(small(tmp_path, "trainer.max_steps=4", "optimizer.lr=0"), tmp_path)  # the error never falls
    assert (step_of(tmp_path, "best"), step_of(tmp_path, "last")) == (2, 4)


@pytest.mark.parametrize("stop", [2, 3])
def test_stop_and_resume_gives_the_same_weights_as_one_run(
    whole_run: Path, tmp_path: Path, stop: int
) -> None:
    # The schedule follows the whole budget, so the first part is interrupted, not planned shorter.
    cfg = small(tmp_path, "trainer.max_steps=4")
    with pytest.MonkeyPatch.context() as patch:
        step = StereoModule.training_step

        def interrupted(self: StereoModule, batch: dict, batch_idx: int) -> torch.Tensor:
            if self.global_step == stop:
                raise KeyboardInterrupt
            return step(self, batch, batch_idx)

        patch.setattr(StereoModule, "training_step", interrupted)
        with pytest.raises((UserError, KeyboardInterrupt, SystemExit)):
            train(cfg, tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert step_of(tmp_path, "last") == stop
    train(small(tmp_path, "trainer.max_steps=4", f"resume={last}"), tmp_path)
    assert same_weights(whole_run / "checkpoints" / "last.ckpt", last)


def test_training_and_evaluation_agree(whole_run: Path) -> None:
    rows = [row for row in csv.DictReader((whole_run / "metrics.csv").open()) if row["val/epe"]]
    best = min(float(row["val/epe"]) for row in rows)
    net = load_model(whole_run / "weights.safetensors", device="cpu")
    validation = validation_pairs(2)
    errors = []
    for pair in (validation[0], validation[1]):
        valid = pair["valid"] & (pair["disparity"] < 32)
        prediction = net.predict(pair["left"], pair["right"], max_disparity=32)
        errors.append(abs(prediction - pair["disparity"])[valid].mean())
    assert sum(errors) / 2 == pytest.approx(best, abs=1e-4)


def test_run_ends_with_a_table(tmp_path: Path) -> None:
    run(small(tmp_path), tmp_path)
    assert (tmp_path / "config.yaml").is_file()
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["model"] == "tiny"
    assert results["norm"] == "domain"
    assert results["sets"]["synthetic"]["epe"] > 0


def test_it_learns(tmp_path: Path) -> None:
    """80 small steps must at least halve the error of the untrained network on scenes it never saw."""
    options = ["dataset.validation_length=8", "optimizer.lr=2e-3", "callbacks.ema.decay=0.9"]
    cfg = small(tmp_path, "trainer.max_steps=80", "loader.epoch_steps=80", *options)
    torch.manual_seed(cfg.seed)
    untrained = build_from_config(cfg).eval()
    trained = load_model(train(cfg, tmp_path), device="cpu")
    before, after = (
        evaluate_set(net, validation_pairs(8), EvaluationProtocol(), max_disparity=32, progress=False)
        for net in (untrained, trained)
    )
    assert after.average("epe") < 0.5 * before.average("epe")


def test_impossible_runs_are_refused(tmp_path: Path) -> None:
    refused = {
        "resume=nowhere.ckpt": "resume=nowhere.ckpt: no such file",
        "init=nowhere.ckpt": "init=nowhere.ckpt: no such file",
        "trainer.max_steps=-1": "never end",
        "loader.batch_size=0": "loader.batch_size=0",
    }
    if not torch.cuda.is_available():
        refused["trainer=gpu"] = "CUDA"
    for override, message in refused.items():
        with pytest.raises(UserError, match=message):
            train(small(tmp_path, override), tmp_path)


def test_starting_from_other_weights(whole_run: Path, tmp_path: Path) -> None:
    init = f"init={whole_run / 'weights.safetensors'}"
    train(small(tmp_path, init, "optimizer.lr=0", "callbacks.ema.decay=0"), tmp_path)
    assert same_weights(whole_run / "weights.safetensors", tmp_path / "weights.safetensors")


def test_starting_from_what_fits_of_another_network(
    whole_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    init = f"init={whole_run / 'weights.safetensors'}"
    other = ["model/aggregation=semi_global_half", "optimizer.lr=0", "callbacks.ema.decay=0"]
    with pytest.raises(ShapeError, match=r"does not fit the network.*\n.*aggregation"):
        train(small(tmp_path, init, *other), tmp_path)
    with pytest.raises(UserError, match="init_partly=true without init"):
        train(small(tmp_path, "init_partly=true", *other), tmp_path)
    with caplog.at_level(logging.INFO):
        train(small(tmp_path, init, "init_partly=true", *other), tmp_path)
    before, _ = read_weights(whole_run / "weights.safetensors")
    after, _ = read_weights(tmp_path / "weights.safetensors")
    common = {name for name in before if name in after and before[name].shape == after[name].shape}
    assert {name.split(".")[0] for name in common} >= {"backbone", "refinement"}
    assert all(torch.equal(before[name], after[name]) for name in common)
    assert "what fits is taken" in caplog.text
    assert "missing: aggregation.corrections" in caplog.text


def test_weights_of_which_nothing_fits_are_refused() -> None:
    net = torch.nn.Linear(2, 3)
    with pytest.raises(ShapeError, match="x has nothing that fits the network: 4 differences"):
        load_what_fits(net, {"a": torch.zeros(1), "b": torch.zeros(1)}, "x")


def test_average_of_weights_forgets_the_untrained_ones() -> None:
    average, value = moving_average(0.9), torch.tensor(100.0)
    for step in range(60):
        value = average(value, torch.tensor(1.0), step)
    assert value == pytest.approx(1.0, abs=0.5)
    assert average(torch.tensor(100.0), torch.tensor(1.0), 0) == pytest.approx(10.9)
    assert average(torch.tensor(100.0), torch.tensor(1.0), 1000) == pytest.approx(90.1)
    assert average(torch.tensor(7), torch.tensor(9), 1000).item() == pytest.approx(7.2)  # a counter


def test_one_cycle_rises_and_falls() -> None:
    schedule = OneCycle(warmup=0.1, start=0.1, final=0.01)
    assert schedule(0) == pytest.approx(0.1)
    assert schedule(0.1) == pytest.approx(1)
    assert schedule(0.55) == pytest.approx(0.505)
    assert schedule(1) == pytest.approx(0.01)
    assert schedule(2) == pytest.approx(0.01)
    with pytest.raises(UserError, match=r"warmup=1\.5"):
        OneCycle(warmup=1.5)
