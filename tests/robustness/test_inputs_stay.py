"""No tool writes over what it reads."""

from __future__ import annotations

import importlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsmnet.api import DEFAULT_WEIGHTS, build_model
from dsmnet.atomic import WriteError, check_apart
from dsmnet.io import write_image, write_pfm
from dsmnet.models.checkpoint import save_weights


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> Callable[..., str]:
    """Run a tool inside `tmp_path`; return its last message, which has to be a mistake's."""

    def run_(name: str, *arguments: str) -> str:
        quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none", "progress=false"]
        monkeypatch.setattr("sys.argv", [f"{name}.py", *quiet, *arguments])
        monkeypatch.chdir(tmp_path)
        caplog.set_level(logging.ERROR)
        with pytest.raises(SystemExit) as end:
            importlib.import_module(f"dsmnet.commands.{name}").main()
        assert end.value.code == 1
        return caplog.records[-1].getMessage()

    return run_


def views(folder: Path, *names: str) -> None:
    rng = np.random.default_rng(0)
    for name in names:
        write_image(folder / name, rng.integers(0, 255, (48, 96, 3), np.uint8))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ("left=D/im0.png", "right=D/im1.png"),
        ("left=D/im0.png", "right=E/im1.png"),
        ("left=E/im0.png", "right=D/im0.png"),
        ("left=D", "right=E"),
        ("left=E/link.png", "right=E/im1.png"),
    ],
)
def test_predict_into_the_folder_of_a_view_is_refused(
    arguments: tuple[str, ...], run: Callable[..., str], tmp_path: Path
) -> None:
    views(tmp_path, "D/im0.png", "D/link.png", "E/im0.png", "E/im1.png")
    (tmp_path / "E" / "link.png").symlink_to(tmp_path / "D" / "link.png")
    if "right=E" in arguments:
        (tmp_path / "E" / "im1.png").unlink()
    if "right=D/im1.png" in arguments:
        views(tmp_path, "D/im1.png")
    before = snapshot(tmp_path)
    assert "would replace a file that is read; expected another folder" in run(
        "predict", *arguments, "paths.output=D"
    )
    assert snapshot(tmp_path) == before


def test_visualize_over_its_left_view_is_refused(run: Callable[..., str], tmp_path: Path) -> None:
    views(tmp_path, "D/a_color.png")
    write_pfm(tmp_path / "D" / "a.pfm", np.ones((48, 96), np.float32))
    before = snapshot(tmp_path)
    message = run("visualize", "disparity=D/a.pfm", "left=D/a_color.png", "paths.output=D")
    assert "paths.output=D: a_color.png would replace a file that is read" in message
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["evaluate", "check_data"])
def test_panels_over_the_views_of_a_set_are_refused(
    name: str, run: Callable[..., str], tmp_path: Path
) -> None:
    views(tmp_path, "D/panels/folder.png", "right/folder.png")
    write_pfm(tmp_path / "target" / "folder.pfm", np.ones((48, 96), np.float32))
    before = snapshot(tmp_path)
    options = ["dataset=folder", "dataset.left=D/panels", "dataset.right=right", "dataset.disparity=target"]
    assert "would replace a file that is read" in run(name, *options, "paths.output=D")
    assert snapshot(tmp_path) == before


def test_training_over_the_weights_that_it_starts_from_is_refused(
    run: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "D").mkdir()
    shutil.copy(DEFAULT_WEIGHTS, tmp_path / "D" / "weights.safetensors")
    message = run("train", "init=D/weights.safetensors", "paths.output=D", "eval=synthetic", "trainer=debug")
    assert "weights.safetensors would replace a file that is read" in message


def test_adapting_over_the_checkpoint_is_refused(run: Callable[..., str], tmp_path: Path) -> None:
    net = build_model("tiny", norm="batch")
    save_weights(tmp_path / "D" / "adapted.ckpt", net.net, net.config)
    before = snapshot(tmp_path)
    message = run("adapt", "checkpoint=D/adapted.ckpt", "dataset=synthetic", "paths.output=D")
    assert "adapted.ckpt would replace a file that is read" in message
    assert snapshot(tmp_path) == before


def test_other_files_of_the_folder_are_no_hindrance(tmp_path: Path) -> None:
    views(tmp_path, "D/a.jpg", "D/b.png")
    check_apart(tmp_path / "D", ["a.png", "c.png", "panels"], [tmp_path / "D" / "a.jpg", None, "none.png"])
    with pytest.raises(WriteError, match=r"b\.png would replace"):
        check_apart(tmp_path / "D", ["a.png", "b.png"], [tmp_path / "D" / "." / "b.png"])
