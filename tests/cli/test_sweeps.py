"""Sweeps by real launchers: several processes, jobs that fail, and those alone run again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dsmnet.cli.launch import _check_launcher
from dsmnet.cli.sweep import (
    JOB_FILE,
    SWEEP_FILE,
    Job,
    job_overrides,
    read_sweep,
    recorded,
    report_failed,
)
from dsmnet.commands.train import main as train
from dsmnet.ending import Interrupted
from dsmnet.errors import UserError
from dsmnet.evaluation.comparison import compare
from dsmnet.evaluation.runs import read_runs
from dsmnet.run import train as train_run
from dsmnet.training.module import StereoModule
from tests.robustness.runs import call
from tests.training.test_training import SMALL, small

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / "tools" / "train.py"


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / JOB_FILE).read_text())


def test_joblib_trains_side_by_side_and_a_failed_job_runs_again_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    swept = ["norm=batch,none", "seed=1,-1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    done = call(TRAIN, *SMALL, *swept, "paths.output=the sweep", "-m", folder=tmp_path)
    out, folder = done.stdout + done.stderr, tmp_path / "the sweep"
    assert done.returncode == 1, out
    assert "Traceback" not in out
    assert "Warning" not in out
    assert "#1 norm=batch seed=-1: seed=-1: expected a whole number" in out
    assert f"2 of 4 jobs failed; this runs them again, alone: python {TRAIN} 'again=the sweep'" in out
    weights = [folder / number / "weights.safetensors" for number in ("0", "2")]
    before = [path.stat() for path in weights]

    monkeypatch.chdir(tmp_path)
    quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
    monkeypatch.setattr("sys.argv", [str(TRAIN), "again=the sweep", "seed=2", "hydra/launcher=basic", *quiet])
    train()
    assert [record_of(folder / str(number))["failed"] for number in range(4)] == [None] * 4
    assert [path.stat() for path in weights] == before
    groups = compare(read_runs(f"{folder}/[0-3]"), ["norm"]).groups
    assert [sorted(run.seed for run in group.runs) for group in groups] == [[1, 2], [1, 2]]


def test_submitit_runs_the_jobs_in_processes_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    swept = ["seed=1,-1", "hydra/launcher=local", "-m", "paths.output=s"]
    done = call(TRAIN, *SMALL, *swept, folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 of 2 jobs failed" in done.stdout
    assert (tmp_path / "s" / "0" / "results.json").is_file()
    assert record_of(tmp_path / "s" / "1")["failed"].startswith("seed=-1: expected")
    assert len(list((tmp_path / "s" / ".submitit").glob("*/*_result.pkl"))) == 2


def write_sweep(folder: Path, jobs: list[list[str]], ended: dict[int, str | None], **other: Any) -> None:
    folder.mkdir(exist_ok=True)
    sweep = {"tool": "visualize", "arguments": ["scale=1,2,3", "disparity=x"], "jobs": jobs, **other}
    (folder / SWEEP_FILE).write_text(json.dumps(sweep))
    for number, failed in ended.items():
        (folder / str(number)).mkdir(exist_ok=True)
        job = {"number": number, "overrides": jobs[number], "failed": failed}
        (folder / str(number) / JOB_FILE).write_text(json.dumps(job))


JOBS = [[f"scale={scale}", "disparity=x"] for scale in (1, 2, 3)]


def test_job_that_was_killed_or_never_began_counts_as_failed(tmp_path: Path) -> None:
    write_sweep(tmp_path, JOBS, {0: None, 1: "has not ended"})
    assert [job.failed for job in read_sweep(tmp_path)[1]] == [None, "has not ended", "has not begun"]
    assert report_failed(tmp_path, "dsmnet visualize").startswith("2 of 3 jobs failed; ")


def test_interrupted_sweep_goes_on_where_it_was(start_sweep: Callable, tmp_path: Path) -> None:
    def interrupt(cfg: Any) -> None:
        if cfg.scale == 2:
            raise KeyboardInterrupt

    assert start_sweep(interrupt, "-m", "scale=1,2,3", "disparity=x", "paths.output=s") == 130
    states = [job.failed for job in read_sweep(tmp_path / "s")[1]]
    assert states == [None, "interrupted by SIGINT", "has not begun"]
    done: list[Any] = []
    assert start_sweep(lambda cfg: done.append((cfg.scale, cfg.paths.output)), "again=s", "-m") == 0
    assert done == [(2, str(tmp_path / "s" / "1")), (3, str(tmp_path / "s" / "2"))]
    assert start_sweep(lambda cfg: done.append(cfg), "again=s") == 0
    assert len(done) == 2  # all have ended well


def test_warning_of_a_launcher_ends_training_with_its_state_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submitit sends SIGUSR2 before a job's time is over, and has a handler of its own."""
    earlier, step, heard = signal.getsignal(signal.SIGUSR2), StereoModule.training_step, list[int]()

    def warned(module: StereoModule, *arguments: Any) -> Any:
        if module.global_step == 0:
            os.kill(os.getpid(), signal.SIGUSR2)
        return step(module, *arguments)

    monkeypatch.setattr(StereoModule, "training_step", warned)
    signal.signal(signal.SIGUSR2, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(Interrupted, match=r"by SIGUSR2 at step 1; continue with resume="):
            train_run(small(tmp_path, "trainer.max_steps=4", "loader.epoch_steps=4"), tmp_path)
        assert (tmp_path / "checkpoints" / "last.ckpt").is_file()
        assert heard == []
        os.kill(os.getpid(), signal.SIGUSR2)
        assert heard == [signal.SIGUSR2]  # the launcher's handler is back
    finally:
        signal.signal(signal.SIGUSR2, earlier)


def test_job_whose_time_is_over_does_not_end_the_sweep(start_sweep: Callable, tmp_path: Path) -> None:
    def main(cfg: Any) -> None:
        if cfg.scale == 1:
            raise Interrupted("time is over", signal.SIGUSR2)

    assert start_sweep(main, "-m", "scale=1,2", "disparity=x", "paths.output=s") == 1
    assert [job.failed for job in read_sweep(tmp_path / "s")[1]] == ["time is over", None]


def test_killed_process_leaves_its_job_as_one_that_has_not_ended(tmp_path: Path) -> None:
    if (process := os.fork()) == 0:
        with recorded(tmp_path, 0, ["x"]):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    assert "killed" in record_of(tmp_path)["failed"]


def test_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    last = tmp_path / "checkpoints" / "last.ckpt"
    job = Job(3, ["seed=2", "norm=batch"], "interrupted", tmp_path)
    number = "hydra.callbacks.sweep.number=3"
    assert job_overrides(job, "train", ["norm=none"]) == ["seed=2", "norm=none", number]
    last.parent.mkdir()
    last.touch()
    assert job_overrides(job, "train", []) == [*job.overrides, f"resume='{last}'", number]
    assert job_overrides(job, "train", ["resume=null"]) == [*job.overrides, "resume=null", number]
    assert job_overrides(job, "predict", []) == [*job.overrides, number]
    (tmp_path / "stage1").mkdir()  # of a recipe, which goes on by itself
    assert job_overrides(job, "train", []) == [*job.overrides, number]


def test_other_options_hold_for_every_job_that_is_run_again(start_sweep: Callable, tmp_path: Path) -> None:
    write_sweep(tmp_path / "s", [["scale=1", "disparity=x"]], {0: "killed"})
    done: list[Any] = []
    assert start_sweep(lambda cfg: done.append(cfg), "again=s", "scales=7") == 1
    assert start_sweep(lambda cfg: done.append(cfg), "again=s", "scale=7", "legend=false") == 0
    assert [(cfg.scale, cfg.legend, cfg.disparity) for cfg in done] == [(7, False, "x")]


@pytest.fixture
def start_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Run ``main(cfg)`` as a tool on conf/visualize.yaml; return the exit status."""
    from dsmnet.config import tool

    def run(main: Callable[..., None], *arguments: str) -> int:
        quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
        monkeypatch.setattr("sys.argv", ["visualize.py", *quiet, *arguments])
        monkeypatch.chdir(tmp_path)
        try:
            tool("visualize")(main)()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected the folder of a sweep"),
        ("{", "sweep.json: broken"),
        ("[]", "sweep.json: not as a sweep writes it"),
        (
            '{"tool": "train", "arguments": [], "jobs": [[]]}',
            "is a sweep of train; expected one of visualize",
        ),
        ('{"tool": "visualize", "arguments": [], "jobs": [3]}', "sweep.json: not as a sweep writes it"),
        ('{"tool": "visualize", "arguments": [["x"]], "jobs": [["x"]]}', "sweep.json: not as a sweep"),
    ],
)
def test_folder_that_is_no_sweep_is_one_line(
    start_sweep: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None, message: str
) -> None:
    (tmp_path / "s").mkdir()
    if content is not None:
        (tmp_path / "s" / SWEEP_FILE).write_text(content)
    assert start_sweep(lambda cfg: None, "again=s") == 1
    assert message in caplog.records[-1].getMessage()
    assert "\n" not in caplog.records[-1].getMessage()


@pytest.mark.parametrize("launcher", ["joblib", "slurm", "local", "submitit_slurm"])
def test_launcher_whose_package_is_missing_is_one_line(
    launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"missing; expected pip install 'dsmnet\[sweeps\]'"):
        _check_launcher([f"hydra/launcher={launcher}"])
