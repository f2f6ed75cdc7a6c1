"""tools/compare.py as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from dsmnet.evaluation import ImageResult, SetResult

RunTool = Callable[..., Any]
PROTOCOL = {
    "protocol": {"pixels": "noc", "ground_truth_below": None, "average": "image"},
    "max_disparity": "auto",
}


def entry(epe: float) -> dict[str, Any]:
    scores = {"epe": epe, **dict.fromkeys(("bad1", "bad2", "bad3", "d1"), 10 * epe)}
    return SetResult("eth3d", [ImageResult("a", scores, 9, 0.1, 192)]).to_dict()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and the current one, with two norms of two seeds each, and one adaptation."""
    for norm, epes in {"batch": (2.0, 4.0), "domain": (1.0, 2.0)}.items():
        for seed, epe in enumerate(epes, start=1):
            folder = tmp_path / "runs" / f"{norm}-{seed}"
            folder.mkdir(parents=True)
            config = {"choices": {"norm": norm, "model": "tiny"}, "seed": seed}
            (folder / "config.yaml").write_text(json.dumps(config))
            (folder / "results.json").write_text(json.dumps(PROTOCOL | {"sets": {"eth3d": entry(epe)}}))
            (folder / "metrics.csv").write_text(f"step,val/epe\n1,{epe / 2}\n2,{epe}\n")
    folder = tmp_path / "adabn" / "one"
    folder.mkdir(parents=True)
    record = {"checkpoint": "runs/batch-2/weights.safetensors", "dataset": "eth3d"}
    record |= {"before": entry(4.0), "after": entry(3.0)}
    (folder / "adapt.json").write_text(json.dumps(PROTOCOL | record))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_writes_what_it_says(run_tool: RunTool, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_tool("compare", "runs=runs/*", "adapted=adabn/*")
    assert sorted(path.name for path in run.output.iterdir()) == [
        "comparison.json",
        "comparison.md",
        "comparison.png",
        "config.yaml",
    ]
    groups = json.loads((run.output / "comparison.json").read_text())["groups"]
    assert [(group["label"], group["seeds"]) for group in groups] == [
        ("domain", [1, 2]),
        ("batch", [1, 2]),
        ("batch + AdaBN", [2]),
    ]
    assert [group["source_validation_epe"]["mean"] for group in groups] == [0.75, 1.5, None]
    assert [group["sets"]["eth3d"]["epe"]["mean"] for group in groups] == [1.5, 3.0, 3.0]
    assert "| batch | 2 | 1.50 ± 0.71 | 30.0 ± 14.1 |" in (run.output / "comparison.md").read_text()
    assert "3.00 ± 1.41" in capsys.readouterr().out
    assert cv2.imread(str(run.output / "comparison.png")).mean() > 200  # on white


def test_one_metric_and_a_list_of_patterns(run_tool: RunTool, place: Path) -> None:
    run = run_tool("compare", "runs=[runs/batch-*,runs/domain-1]", "by=[model,norm]", "metric=bad3")
    text = (run.output / "comparison.md").read_text()
    assert "| model, norm | n | source validation EPE px | eth3d bad-3 % |" in text
    assert "| tiny, batch | 2 | 1.50 ± 0.71 | 30.0 ± 14.1 |" in text
    assert text.count("##") == 1
    assert "different seeds" in run.log


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "runs: has to be given"),
        (["runs=nowhere/*"], "runs=nowhere/*: no such folder"),
        (["runs=runs/*", "adapted=nowhere"], "adapted=nowhere: no such folder"),
        (["runs=runs/*", "by=[color]"], "by=color: runs/batch-1/config.yaml has neither"),
        (["runs=runs/*", "by=model"], "runs/batch-1 and runs/domain-1 are both of group tiny with seed 1"),
        (["runs=runs/*", "metric=bad4"], "metric=bad4: expected null, epe, bad1"),
    ],
)
def test_mistakes_are_named(run_tool: RunTool, place: Path, overrides: list[str], message: str) -> None:
    run = run_tool("compare", *overrides, refused=message)
    assert not list(run.output.glob("*"))
