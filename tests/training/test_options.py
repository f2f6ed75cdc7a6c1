"""Options of training that cannot be are one line each, and those that are offered train."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsmnet import load_model
from dsmnet.errors import UserError
from dsmnet.run import train
from tests.training.test_training import small


@pytest.mark.parametrize(
    "option",
    [
        "optimizer.lr=nan",
        "optimizer.lr=-1",
        "optimizer.lr=inf",
        "optimizer.betas=[0.9]",
        "schedule.start=-1",
        "schedule.final=nan",
        "trainer.max_steps=0",
        "optimizer.weight_decay=nan",
        "gate_lr=nan",
        "callbacks.ema.decay=nan",
        "callbacks.ema.decay=1",
        "trainer.gradient_clip_val=nan",
        "trainer.accumulate_grad_batches=0",
        "trainer.log_every_n_steps=0",
        "trainer.threads=0",
        "trainer.max_time=soon",
        "trainer.devices=0",
        "trainer.precision=16-true",
        "trainer.precision=bf16-true",
        "trainer.precision=half",
        "trainer.strategy=nothing",
        "loader.epoch_steps=0",
        "max_disparity=0",
        "loader.workers=-1",
        "loader.validation_pairs=0",
        "seed=-1",
        "loss.beta=nan",
    ],
)
def test_impossible_option_is_one_line_that_names_it(option: str, tmp_path: Path) -> None:
    name = option.partition("=")[0].rpartition(".")[2]
    with pytest.raises(UserError) as refused:
        train(small(tmp_path, option), tmp_path)
    assert name in str(refused.value) or "optimizer" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed", "32"])
def test_every_precision_that_is_offered_trains(precision: str, tmp_path: Path) -> None:
    train(small(tmp_path, f"trainer.precision={precision}", "optimizer.lr=1e-5"), tmp_path)
    load_model(tmp_path / "weights.safetensors", device="cpu")


def test_logger_is_chosen_and_a_callback_left_out(tmp_path: Path) -> None:
    train(small(tmp_path, "logger=csv", "callbacks.best=null"), tmp_path)
    assert (tmp_path / "metrics.csv").is_file()
    assert not list(tmp_path.glob("events.*"))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("logger", ["wandb", "mlflow"])
def test_logger_whose_package_is_missing_is_one_line(
    logger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=rf"logger={logger}: .* missing; expected pip install 'dsmnet\[{logger}\]'"
    ):
        train(small(tmp_path, f"logger={logger}"), tmp_path)
