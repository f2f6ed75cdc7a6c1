"""How tools end: what cannot be is one line, and one of several jobs that fails leaves the others alone."""

from __future__ import annotations

import logging
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsmnet.atomic import lock_folder
from dsmnet.config import compose, instantiate, tool
from dsmnet.ending import Interrupted, Terminated, run_to_end
from dsmnet.errors import UserError
from dsmnet.evaluation import choose_sets
from dsmnet.io import write_image, write_pfm
from tests.robustness.runs import TOOLS, call, running


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> Callable:
    """Run ``main(cfg)`` as a tool on conf/visualize.yaml; return the exit status and the last message."""

    def run(main: Callable[..., None], *arguments: str) -> tuple[int, str]:
        quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
        monkeypatch.setattr("sys.argv", ["visualize.py", *quiet, *arguments])
        monkeypatch.chdir(tmp_path)
        caplog.clear()
        try:
            tool("visualize")(main)()
        except SystemExit as end:
            return int(end.code or 0), caplog.records[-1].getMessage()
        return 0, ""

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trainer.max_step=3"], "trainer.max_step: no such option; did you mean trainer.max_steps"),
        (["max_steps=3"], "max_steps: no such option; did you mean trainer.max_steps?"),
        (["norn=domain"], "norn: no such option; did you mean norm?"),
        (["outpt=3"], "outpt: no such option; did you mean paths.output?"),
        (["qqqqq=3"], "qqqqq: no such option; --help lists the options"),
        (["optimizer.foo=3"], "optimizer.foo: no such option; optimizer has optimizer.lr, "),
        (["optimizer.amsgrad=true"], "of torch.optim.AdamW; expected +optimizer.amsgrad=VALUE"),
        (["trainer.profiler=simple"], "expected +trainer.profiler=VALUE"),
        (["~modl"], "~modl: no such option; did you mean model"),
        (["model=dsmnet_lit"], "model=dsmnet_lit: no such choice; did you mean dsmnet_lite or"),
        (["model=5"], "model=5: no such choice; there are dsmnet,"),
        (["model=null"], "model=null: no such choice; there are dsmnet,"),
        (["norm=batch,domain"], "several values; expected -m as well"),
        (["optimizer.lr=a b=3"], "stands in quotes twice: \"optimizer.lr='a b=3'\""),
        (["left.png"], "left.png: expected OPTION=VALUE"),
        (["seed='1"], "seed='1: the value cannot be read"),
        (["init="], "init=: nothing is given"),
        (["--multrun"], "--multrun; did you mean --multirun"),
        (["--info=plugin"], "invalid choice: 'plugin'"),
        (["+seed=3"], "+seed: there is such an option; expected seed=VALUE"),
        (["+foo=3"], "+foo: no such option; --help lists the options"),
        (["++trainer.max_step=3"], "++trainer.max_step: no such option; did you mean trainer.max_steps"),
        (["dataset=[kitti2015,wrong]"], "dataset: there is no wrong to choose"),
        (
            ["experiment=norm_ablation", "model=psmnet"],
            "experiment=norm_ablation sets model.refine_blocks, model.refine_hidden, model.widths, "
            "which model=psmnet does not have",
        ),
    ],
)
def test_what_hydra_refuses_is_one_line(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none", f"paths.output={tmp_path}"]
    monkeypatch.setattr("sys.argv", ["train.py", *quiet, *arguments])
    with pytest.raises(SystemExit) as end:
        tool("train")(lambda cfg: None)()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert end.value.code == 1
    assert message in record.getMessage()
    assert "\n" not in record.getMessage()
    assert "hydra" not in record.getMessage().lower()


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UserError("what"), 1, "what"),
        (KeyboardInterrupt(), 130, "interrupted by SIGINT"),
        (Terminated(), 143, "interrupted by SIGTERM"),
        (Interrupted("go on", signal.SIGTERM), 143, "go on"),
        (MemoryError("4 GB"), 1, "not enough memory (4 GB)"),
        (PermissionError(13, "Permission denied", "x.txt"), 1, "x.txt: Permission denied"),
    ],
)
def test_run_to_end_gives_message_and_status(
    error: BaseException, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_to_end(main)
    assert end.value.code == status
    assert caplog.records[-1].getMessage() == message


def test_fault_of_the_program_keeps_its_trace(start: Callable) -> None:
    def main(cfg: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        start(main, "paths.output=out")


def test_no_space_left_names_the_folder(start: Callable) -> None:
    def main(cfg: object) -> None:
        raise OSError(28, "No space left on device")

    message = "paths.output=out: cannot be written (No space left on device)"
    assert start(main, "paths.output=out") == (1, message)


@pytest.mark.parametrize("output", ["file", "file/below", "/proc/none"])
def test_output_that_cannot_be_a_folder_is_one_line(start: Callable, output: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    status, message = start(lambda cfg: None, f"paths.output={output}")
    assert (status, message.partition(": ")[0]) == (1, f"paths.output={output}")
    assert (tmp_path / "file").read_text() == "kept"


def test_log_file_that_cannot_be_written_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out" / "visualize.log").mkdir(parents=True)
    done = call(TOOLS / "visualize.py", "disparity=none.pfm", "paths.output=out", folder=tmp_path)
    assert done.returncode == 1
    message = r"paths\.output=\S+/out/visualize\.log: cannot be written \(Is a dir"
    assert re.search(message, done.stdout + done.stderr)


def test_failed_job_leaves_the_others_alone(
    start: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done = []

    def main(cfg: object) -> None:
        done.append((cfg.scale, Path(cfg.paths.output)))
        if cfg.scale == 2:
            raise UserError("no")
        if cfg.scale == 3:
            raise ZeroDivisionError

    status, message = start(main, "-m", "scale=1,2,3,4", "disparity=x")
    assert status == 1
    told = [record.getMessage() for record in caplog.records]
    assert told[-3:-1] == ["#1 scale=2: no", "#2 scale=3: ZeroDivisionError:"]
    (folder,) = (tmp_path / "outputs" / "visualize").iterdir()
    assert re.fullmatch(r"2 of 4 jobs failed; .*: python visualize.py again=(.*)", message)[1] == str(
        folder.relative_to(tmp_path)
    )
    assert [scale for scale, _ in done] == [1, 2, 3, 4]
    folders = [output for _, output in done]
    assert [folder.name for folder in folders] == ["0", "1", "2", "3"]
    assert {folder.parent.parent for folder in folders} == {tmp_path / "outputs" / "visualize"}
    assert len({folder.parent for folder in folders}) == 1


def test_sweep_that_is_interrupted_ends(start: Callable) -> None:
    done = []

    def main(cfg: object) -> None:
        done.append(cfg.scale)
        raise KeyboardInterrupt

    assert start(main, "-m", "scale=1,2", "disparity=x")[0] == 130
    assert done == [1]


def test_sweep_in_the_default_folder_runs_every_job_in_real_life(tmp_path: Path) -> None:
    for name in ("a=1.pfm", "b.pfm"):
        write_pfm(tmp_path / name, np.ones((40, 60), np.float32))
    sweep = ["disparity=a=1.pfm,none.pfm,b.pfm", "-m", "legend=false"]
    done = call(TOOLS / "visualize.py", *sweep, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "#1 disparity='none.pfm': none.pfm: " in done.stdout
    assert "1 of 3 jobs failed; " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    found = sorted(path.name for path in (tmp_path / "outputs" / "visualize").rglob("*_color.png"))
    assert found == ["a=1_color.png", "b_color.png"]


def test_second_run_in_a_folder_is_refused_and_first_goes_on(tmp_path: Path) -> None:
    script = (
        "import sys, time; sys.argv = ['x', 'paths.output=out']; from dsmnet.config import tool\n"
        "tool('visualize')(lambda cfg: (print('in', flush=True), time.sleep(60)))()"
    )
    with running(script, tmp_path) as first:
        second = call(TOOLS / "visualize.py", "disparity=none.pfm", "paths.output=out", folder=tmp_path)
        assert second.returncode == 1
        assert "paths.output: out: another run is writing there" in second.stdout
        assert first.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 143


def test_terminal_escapes_of_a_name_are_not_logged(start: Callable, caplog: pytest.LogCaptureFixture) -> None:
    def main(cfg: object) -> None:
        logging.getLogger("x").warning("read %s", "a\x1b]0;owned\x07\nINFO forged")
        raise UserError("\x1b[31m\u202e")

    assert start(main, "paths.output=out") == (1, r"\x1b[31m\u202e")
    messages = [record.getMessage() for record in caplog.records]
    assert r"read a\x1b]0;owned\x07\nINFO forged" in messages


def test_sigterm_ends_a_tool_with_its_status() -> None:
    script = (
        "import sys, time; from dsmnet.ending import run_to_end\n"
        "run_to_end(lambda: (print('in', flush=True), time.sleep(60)))"
    )
    with running(script) as process:
        time.sleep(0.1)
        process.terminate()
        assert process.wait(30) == 143


def test_loading_processes_that_an_error_leaves_do_not_keep_a_tool_alive() -> None:
    script = (
        "from torch.utils.data import DataLoader\n"
        "from dsmnet.data.datamodule import _leave_signals\n"
        "from dsmnet.ending import run_to_end\n"
        "left = []\n"
        "def main():\n"
        "    left.append(iter(DataLoader(range(9), num_workers=1, persistent_workers=True,\n"
        "                                worker_init_fn=_leave_signals)))\n"
        "    next(left[0])\n"
        "    raise MemoryError('full')\n"
        "run_to_end(main)\n"
    )
    done = call("-c", script)
    assert (done.returncode, done.stderr) == (1, "not enough memory (full)\n")


def test_page_without_a_calibration_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, rng.integers(0, 255, (32, 64, 3), np.uint8))
    done = call(TOOLS / "predict.py", "left=a.png", "right=b.png", "html=true", folder=tmp_path)
    assert done.returncode == 1
    assert "html=true without calib" in done.stdout


def test_the_evaluation_sets_of_a_training_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    cfg = compose("train", ["eval=synthetic", "eval.sets.synthetic.images=1"])
    with caplog.at_level(logging.INFO):
        choose_sets(cfg, instantiate, brief=True)
    (record,) = caplog.records
    assert record.getMessage() == "evaluation on synthetic (1 pair); not there: none"


@pytest.mark.parametrize("rank", ["LOCAL_RANK", "RANK", "SLURM_PROCID"])
def test_further_processes_of_a_run_share_its_folder(
    rank: str, start: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["disparity=x", "paths.output=out"]
    with lock_folder(tmp_path / "out"):
        status, message = start(lambda cfg: None, *arguments)
        assert (status, "another run" in message) == (1, True)
        monkeypatch.setenv(rank, "1")
        assert start(lambda cfg: None, *arguments) == (0, "")
