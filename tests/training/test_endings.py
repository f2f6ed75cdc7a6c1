"""How a training ends: what is kept of a run that is over, that diverges, or that cannot be."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from torchmetrics import MetricCollection

from dsmnet import build_model
from dsmnet.atomic import WriteError
from dsmnet.config import compose
from dsmnet.datasets.kitti import Kitti2015
from dsmnet.errors import ShapeError, UserError
from dsmnet.evaluation.sets import FoundSets, leave_out_trained
from dsmnet.models.checkpoint import read_weights
from dsmnet.run import run, train
from dsmnet.synthetic import SyntheticStereo
from dsmnet.training.checkpoints import write_checkpoint
from dsmnet.training.module import StereoModule, TrainingDiverged
from dsmnet.types import StereoSample
from tests.training.test_training import SMALL, same_weights, small, step_of


def metrics() -> MetricCollection:
    unused: Any = None
    net = build_model("tiny").net
    return StereoModule(net, unused, unused, unused, max_disparity=32, config={}).validation_metrics


def scores(metrics: MetricCollection) -> dict[str, float]:
    return {name.removeprefix("val/"): float(value) for name, value in metrics.compute().items()}


def test_validation_metrics_that_agree_on_the_first_image_stay_apart() -> None:
    """bad-3 and D1 are equal where no disparity is above 60 px; later they are not."""
    found, first = metrics(), torch.full((1, 4, 4), 10.0)
    valid = torch.ones(1, 4, 4, dtype=torch.bool)
    found.update(first + 5, first, valid)
    found.update(first + 95, first + 90, valid)
    assert scores(found) == {"epe": 5.0, "bad1": 100.0, "bad2": 100.0, "bad3": 100.0, "d1": 50.0}


def test_validation_metrics_after_an_image_without_ground_truth_stay_apart() -> None:
    found, target = metrics(), torch.full((1, 4, 4), 10.0)
    found.update(target, target, torch.zeros(1, 4, 4, dtype=torch.bool))
    found.update(target + 2.5, target, torch.ones(1, 4, 4, dtype=torch.bool))
    assert scores(found) == {"epe": 2.5, "bad1": 100.0, "bad2": 100.0, "bad3": 0.0, "d1": 0.0}


def worsen(patch: pytest.MonkeyPatch) -> None:
    """Let every validation be worse than the one before."""
    validation = StereoModule.on_validation_epoch_end

    def worse(self: StereoModule) -> None:
        for metric in self.validation_metrics.values():
            metric.total += 100.0 * self.global_step  # type: ignore[operator]
        validation(self)

    patch.setattr(StereoModule, "on_validation_epoch_end", worse)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps whose second validation is worse than its first."""
    output = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        worsen(patch)
        train(small(output, "trainer.max_steps=4"), output)
    return output


def real(folder: Path, *overrides: str) -> DictConfig:
    """A small training on what `Kitti2015.write_fake` has written below a folder."""
    kept = [option for option in SMALL if not option.startswith(("dataset.", "eval"))]
    data = ["dataset=kitti2015", f"paths.data={folder / 'data'}"]
    return compose("train", [*kept, *data, f"paths.output={folder}", *overrides])


def write_kitti(folder: Path, count: int) -> None:
    """Write pairs where the configuration made by `real` finds them."""
    Kitti2015.write_fake(folder / "data" / "KITTI_2015", samples(count))


def samples(count: int) -> list[StereoSample]:
    scenes = SyntheticStereo(size=(64, 128), largest_disparity=32)
    return [scenes[index] for index in range(count)]


def last(output: Path) -> Path:
    return output / "checkpoints" / "last.ckpt"


def test_resume_of_a_finished_run_keeps_its_results(finished: Path) -> None:
    before, _ = read_weights(finished / "weights.safetensors")
    curve = (finished / "metrics.csv").read_text()
    train(small(finished, "trainer.max_steps=4", f"resume={last(finished)}"), finished)
    assert (finished / "metrics.csv").read_text() == curve
    after, _ = read_weights(finished / "weights.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_resume_in_another_folder_never_gives_worse_weights(finished: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        worsen(patch)
        train(small(tmp_path, "trainer.max_steps=6", f"resume={last(finished)}"), tmp_path)
    assert step_of(tmp_path, "last") == 6
    assert step_of(tmp_path, "best") == 2
    assert same_weights(finished / "weights.safetensors", tmp_path / "weights.safetensors")


def test_resume_in_a_folder_with_the_best_of_another_run_keeps_its_own(
    finished: Path, tmp_path: Path
) -> None:
    train(small(tmp_path, "trainer.max_steps=2", "seed=5"), tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        worsen(patch)
        train(small(tmp_path, "trainer.max_steps=6", f"resume={last(finished)}"), tmp_path)
    assert same_weights(finished / "weights.safetensors", tmp_path / "weights.safetensors")


def test_keep_every_goes_on_counting_where_a_run_is_resumed(tmp_path: Path) -> None:
    keep = "callbacks.keep.every=2"
    train(small(tmp_path, "trainer.max_steps=6", keep), tmp_path)
    train(small(tmp_path, "trainer.max_steps=10", keep, f"resume={last(tmp_path)}"), tmp_path)
    assert {path.stem for path in (tmp_path / "checkpoints").glob("step=*")} == {"step=4", "step=8"}


def test_run_shorter_than_an_epoch_is_validated_and_logged(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    train(small(tmp_path, "trainer.max_steps=1", "loader.epoch_steps=50"), tmp_path)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert sum(bool(row.get("val/epe")) for row in rows) == 1
    assert step_of(tmp_path, "best") == 1
    assert not [warning for warning in recwarn if "monitored key" in str(warning.message)]


def test_steps_after_the_last_validation_are_kept(tmp_path: Path) -> None:
    train(small(tmp_path, "trainer.max_steps=5"), tmp_path)
    assert step_of(tmp_path, "last") == 5
    assert step_of(tmp_path, "best") in (2, 4)


def test_divergence_names_the_pairs_and_no_state_that_is_not_there(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsmnet.losses.StereoLoss.forward", lambda *_, **__: torch.tensor(float("nan")))
        named = r"step 0, batch 0_0_\d+, 0_0_\d+; no state was saved yet.*optimizer\.lr"
        with pytest.raises(TrainingDiverged, match=named):
            train(small(tmp_path), tmp_path)
    assert not last(tmp_path).exists()


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:

    def break_weights(self: StereoModule, *_: Any) -> None:
        if self.global_step == 4:
            with torch.no_grad():
                next(self.net.parameters()).fill_(float("nan"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StereoModule, "on_train_batch_end", break_weights)
        with pytest.raises(TrainingDiverged, match=r"at step 4; the last good state is in .*last\.ckpt"):
            train(small(tmp_path, "trainer.max_steps=8"), tmp_path)
    for name in ("last", "best"):
        assert step_of(tmp_path, name) == 2
        read_weights(tmp_path / "checkpoints" / f"{name}.ckpt")


def test_infinite_validation_error_is_never_the_best(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "dsmnet.metrics.modular.DisparityMetric.compute", lambda self: torch.tensor(float("inf"))
        )
        train(small(tmp_path, "trainer.max_steps=4"), tmp_path)
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_ground_truth_that_never_counts_is_refused(tmp_path: Path) -> None:
    far = np.full((64, 128), 100, np.float32)
    pairs: Any = [{**sample, "disparity": far} for sample in samples(3)]
    Kitti2015.write_fake(tmp_path / "data" / "KITTI_2015", pairs)
    with pytest.raises(UserError, match=r"no pixel of 4 pairs has a ground truth.*max_disparity=32\)"):
        train(real(tmp_path, "trainer.max_steps=4"), tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


def test_output_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    process = subprocess.run(
        [sys.executable, "tools/train.py", "model=tiny", f"paths.output={tmp_path / 'taken'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "Traceback" not in process.stderr + process.stdout
    assert "taken" in process.stderr + process.stdout
    assert (tmp_path / "taken").read_text() == "mine"


def test_write_checkpoint_on_a_full_disk_is_one_line_and_keeps_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write_checkpoint({"a": torch.zeros(3)}, path)
    before = path.read_bytes()
    script = (
        "import resource, signal, sys, torch; from pathlib import Path\n"
        "from dsmnet.atomic import WriteError\n"
        "from dsmnet.training.checkpoints import write_checkpoint\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
        "try: write_checkpoint({'a': torch.zeros(100000)}, Path(sys.argv[1]))\n"
        "except WriteError as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert f"{path}: cannot be written" in process.stdout, process.stderr
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]
    assert issubclass(WriteError, UserError)


def test_pairs_that_were_trained_on_are_left_out(tmp_path: Path) -> None:
    Kitti2015.write_fake(tmp_path, samples(6))
    data = Kitti2015(tmp_path)
    trained, rest = data.split_validation()
    found = leave_out_trained(FoundSets({"kitti2015": data, "made": SyntheticStereo()}, {}), trained)
    assert found.trained_on == {"kitti2015": len(trained)}
    assert len(found.present["kitti2015"]) == len(rest) > 0
    names = {found.present["kitti2015"][index]["name"] for index in range(len(rest))}
    assert names == {rest[index]["name"] for index in range(len(rest))}
    assert "made" in found.present
    Kitti2015.write_fake(tmp_path / "copy", samples(6))
    copied = leave_out_trained(FoundSets({"copy": Kitti2015(tmp_path / "copy")}, {}), trained)
    assert copied.trained_on == {"copy": len(trained)}
    assert leave_out_trained(FoundSets({"kitti2015": data}, {}), data).present == {}


def test_fine_tuning_on_a_set_says_that_its_row_is_not_zero_shot(tmp_path: Path) -> None:
    write_kitti(tmp_path, 6)
    run(real(tmp_path), tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "4 pairs were trained on and left out, so that this set is not zero-shot" in text


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_image_is_one_line_in_whatever_process_it_is_read(workers: int, tmp_path: Path) -> None:
    write_kitti(tmp_path, 2)
    for path in (tmp_path / "data").rglob("image_2/*.png"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"image_2.*png: truncated") as refused:
        train(real(tmp_path, f"loader.workers={workers}"), tmp_path)
    assert "Caught" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_resume_with_another_network_is_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"resume=.*last\.ckpt is of another network than the one"):
        train(small(tmp_path, f"resume={last(finished)}", "model/aggregation=semi_global_half"), tmp_path)


@pytest.mark.parametrize("name", ["weights.safetensors", "cut.ckpt", "weights.ckpt"])
def test_resume_from_what_is_no_run_is_one_line(name: str, finished: Path, tmp_path: Path) -> None:
    content = torch.load(last(finished), weights_only=True)
    torch.save({key: content[key] for key in ("dsmnet_config", "state_dict")}, tmp_path / "weights.ckpt")
    (tmp_path / "cut.ckpt").write_bytes(last(finished).read_bytes()[:3000])
    (tmp_path / "weights.safetensors").write_bytes((finished / "weights.safetensors").read_bytes())
    with pytest.raises(UserError, match=rf"^resume=.*{name}: ") as refused:
        train(small(tmp_path, f"resume={tmp_path / name}"), tmp_path / "run")
    assert len(str(refused.value).splitlines()) == 1
