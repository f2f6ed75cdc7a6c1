"""Programs in processes of their own, and small trainings to be killed and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
LIMIT = 240  # seconds after which a process counts as one that hangs
SMALL = [
    *("model=tiny", "trainer=cpu", "trainer.max_time=null", "trainer.threads=1", "max_disparity=24"),
    *("dataset.size=[48,96]", "dataset.largest_disparity=24", "dataset.validation_length=2"),
    *("crop.height=48", "crop.width=64", "loader.batch_size=1", "loader.epoch_steps=4"),
    *("eval=synthetic", "eval.sets.synthetic.images=1", "progress=false"),
]
TWO = ["trainer.devices=2", "trainer.strategy=ddp"]
UNSET = ("LOCAL_RANK", "HYDRA_FULL_ERROR")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in UNSET} | {"PYTHONPATH": str(ROOT)}


def call(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python with a script or a tool of the project, inside `folder`, to its end."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@contextmanager
def running(script: str, folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A script that has printed "in" and goes on; what is left of it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def training(
    output: Path, *options: str, launcher: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A running tools/train.py, its processes in a group of their own; what is left of it is killed."""
    last = output / "checkpoints" / "last.ckpt"
    resume = [f"resume={last}"] if last.is_file() else []
    with (output.parent / f"{output.name}.log").open("a") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                *launcher,
                str(TOOLS / "train.py"),
                *SMALL,
                *options,
                *resume,
                f"paths.output={output}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=output.parent,
            env={**ENVIRONMENT, **(environment or {})},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            kill_group(process)


def kill_group(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal to all processes of a run."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    if number == signal.SIGKILL:
        process.wait()


def members(process: subprocess.Popen[str]) -> list[int]:
    """The processes of a run that are alive, the first one first."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, group = (entry / "stat").read_text().rpartition(") ")[2].split()[:3]
            except (OSError, ValueError):
                continue
            if int(group) == process.pid and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def wait_for_save(process: subprocess.Popen[str], output: Path, since: float) -> None:
    """Wait until the run has written its last.ckpt anew, or has ended."""
    last, end = output / "checkpoints" / "last.ckpt", time.monotonic() + LIMIT
    while time.monotonic() < end and process.poll() is None:
        if last.is_file() and last.stat().st_mtime > since:
            return
        time.sleep(0.01)


def wait_for_all(process: subprocess.Popen[str]) -> float:
    """Wait until no process of a run is alive; return the seconds."""
    start = time.monotonic()
    while process.poll() is None or members(process):
        assert time.monotonic() - start < LIMIT, f"processes {members(process)} hang"
        time.sleep(0.05)
    return time.monotonic() - start


def state(output: Path) -> dict[str, Any]:
    """Weights, averages and the optimiser's state of a run's last.ckpt, as tensors by name."""
    content = torch.load(output / "checkpoints" / "last.ckpt", weights_only=True)
    found: dict[str, Any] = {"step": torch.tensor(content["global_step"])}
    for key in ("state_dict", "optimizer_states", "current_model_state"):
        found |= flatten(key, content[key])
    return found


def flatten(prefix: str, node: Any) -> dict[str, torch.Tensor]:
    """Return the tensors of nested containers by their places."""
    if isinstance(node, torch.Tensor):
        return {prefix: node}
    inner = (
        node if isinstance(node, dict) else dict(enumerate(node if isinstance(node, list | tuple) else ()))
    )
    return {name: t for key, value in inner.items() for name, t in flatten(f"{prefix}.{key}", value).items()}


def assert_equal_runs(one: Path, other: Path) -> None:
    """Two runs ended in the same state, bit for bit, and nothing unfinished is left."""
    expected, found = state(one), state(other)
    assert expected.keys() == found.keys()
    different = [name for name, tensor in expected.items() if not torch.equal(tensor, found[name])]
    assert not different, different[:5]
    assert not list(other.rglob(".part-*"))
