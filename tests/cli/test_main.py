"""The console command: what it lists, what it runs, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dsmnet
from dsmnet.cli.main import PROGRAMS, main

Say = Callable[..., tuple[int, str]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["dsmnet", *arguments])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().out

    return run


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_main_without_a_program_lists_all_with_a_line_each(say: Say, arguments: list[str]) -> None:
    status, said = say(*arguments)
    assert status == 0
    assert [line.split()[0] for line in said.splitlines()[2:]] == list(PROGRAMS)
    assert all(len(line) <= 80 for line in said.splitlines())


@pytest.mark.parametrize("folder", ["tools", "dsmnet/commands"])
def test_every_program_has_its_file_and_its_front(folder: str) -> None:
    assert {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"} == set(PROGRAMS)


def test_main_of_an_unknown_program_is_one_line(say: Say) -> None:
    assert say("trian") == (1, "dsmnet trian: no such program; did you mean train?\n")


def test_main_says_the_version(say: Say) -> None:
    assert say("--version") == (0, f"dsmnet {dsmnet.__version__}\n")


def test_main_of_a_program_runs_it(say: Say) -> None:
    status, said = say("predict", "--help")
    assert status == 0
    assert said.startswith("Predict disparity")
    assert sys.argv == [str(ROOT / "dsmnet" / "commands" / "predict.py"), "--help"]


@pytest.mark.parametrize("file", ["dsmnet/commands/train.py", "tools/benchmark.py"])
def test_programs_run_as_files_without_the_checkout_on_the_path(tmp_path: Path, file: str) -> None:
    """As Lightning starts the other processes of a training."""
    (tmp_path / "dsmnet").symlink_to(ROOT / "dsmnet")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, str(ROOT / file), "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Options, as NAME=VALUE" in done.stdout


def test_benchmark_outside_a_checkout_says_that_it_needs_one(
    say: Say, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr("dsmnet.commands.benchmark.__file__", str(tmp_path / "a" / "b" / "benchmark.py"))
    assert say("benchmark")[0] == 1
    assert "needs the repository" in caplog.text
