"""Running a tool as its user does, but inside the test's process."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dsmnet.io import write_image
from dsmnet.synthetic import SyntheticStereo

# Programs outside the package.
PROGRAMS = {
    "benchmark": "benchmarks.program",
    "benchmark_loading": "benchmarks.loading.__main__",
    "benchmark_scale": "benchmarks.scale.__main__",
}


class ToolRun(NamedTuple):
    """What a run left."""

    log: str  # all messages, one per line
    output: Path


RunTool = Callable[..., ToolRun]


@pytest.fixture
def run_tool(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> RunTool:
    """Run a program with overrides: ``run_tool("predict", "left=a.png", load_model=fake)``.

    It has to end well, or with the message `refused` and `status`. Other keyword arguments replace what the
    program imported under that name.
    """

    def run(
        name: str, *overrides: str, refused: str | None = None, status: int = 1, **replaced: Any
    ) -> ToolRun:
        module = importlib.import_module(PROGRAMS.get(name, f"dsmnet.commands.{name}"))
        for attribute, value in replaced.items():
            assert hasattr(module, attribute)
            monkeypatch.setattr(module, attribute, value)
        output = tmp_path / "output"
        # Hydra would replace the handlers of the root logger, pytest's among them.
        quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none", "progress=false"]
        monkeypatch.setattr("sys.argv", [f"{name}.py", f"paths.output={output}", *quiet, *overrides])
        caplog.clear()
        caplog.set_level(logging.INFO)
        ended = 0
        try:
            module.main()
        except SystemExit as end:
            ended = int(end.code or 0)
        log = "\n".join(record.getMessage() for record in caplog.records)
        assert ended == (0 if refused is None else status), log
        assert (refused or "") in log
        return ToolRun(log, output)

    return run


def write_scenes(folder: Path, count: int) -> SyntheticStereo:
    """Write the first views of a small generator as left/N.png and right/N.png; return the generator."""
    scenes = SyntheticStereo(size=(96, 192), largest_disparity=32)
    for index in range(count):
        for view in ("left", "right"):
            write_image(folder / view / f"{index}.png", scenes[index][view])
    return scenes
