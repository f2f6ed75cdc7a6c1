"""Rows of adapted networks in a comparison of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dsmnet.errors import UserError
from dsmnet.evaluation.comparison import compare
from dsmnet.evaluation.comparison_report import comparison_markdown, comparison_notes
from dsmnet.evaluation.runs import read_adaptations, read_runs
from tests.evaluation.test_comparison import PROTOCOL, entry, pattern, write_run

__all__ = ["pattern", "write_run"]  # fixtures


def write_adaptation(
    folder: Path, run: Path, after: float | None, name: str = "kitti2015", **more: Any
) -> None:
    folder.mkdir(parents=True)
    record = {"checkpoint": str(run / "checkpoints" / "best.ckpt"), "dataset": name, "before": entry(1.0)}
    record |= {"after": entry(after) if after else None, "protocol": PROTOCOL, "max_disparity": "auto"}
    (folder / "adapt.json").write_text(json.dumps(record | more))


def test_adaptations_stand_below_their_group(write_run, pattern, tmp_path):
    sets = {"kitti2015": entry(1.0), "eth3d": entry(1.0)}
    runs = {seed: write_run(f"a{seed}", "batch", seed, "2,2.0\n", sets=sets) for seed in (1, 2)}
    write_run("b", "group", 1, "2,3.0\n", sets=sets)
    for seed, after in ((1, 0.5), (2, 0.7)):
        write_adaptation(tmp_path / "adabn" / f"k{seed}", runs[seed], after)
    write_adaptation(tmp_path / "adabn" / "e1", runs[1], 0.4, "eth3d")
    found = read_runs(pattern)
    found += read_adaptations(str(tmp_path / "adabn" / "*"), found)
    comparison = compare(found, "norm")
    assert [group.label for group in comparison.groups] == ["batch", "batch + AdaBN", "group"]
    assert "| batch + AdaBN | 2 | – | **0.60 ± 0.14** | **0.40 ± – (n=1)** |" in comparison_markdown(
        comparison
    )
    assert any(note.startswith("AdaBN: ") for note in comparison_notes(comparison))

    write_adaptation(tmp_path / "adabn" / "k1_again", runs[1], 0.6)
    found = read_runs(pattern)
    found += read_adaptations(str(tmp_path / "adabn" / "*"), found)
    with pytest.raises(UserError, match=r"k1 and .*k1_again are both of group batch \+ AdaBN with seed 1"):
        compare(found, "norm")


def test_adaptations_that_do_not_fit(write_run, pattern, tmp_path, caplog):
    run = write_run("a")
    write_adaptation(tmp_path / "adabn" / "foreign", tmp_path / "other", 0.5)
    write_adaptation(tmp_path / "adabn" / "unscored", run, None)
    write_adaptation(tmp_path / "adabn" / "drifted", run, 0.5, before=entry(2.0))
    (tmp_path / "adabn" / "unfinished").mkdir()
    found = read_adaptations(str(tmp_path / "adabn" / "*"), read_runs(pattern))
    assert [one.folder.name for one in found] == ["drifted"]
    assert "foreign: left out, no run here has its checkpoint" in caplog.text
    assert "unscored: left out, it was not scored" in caplog.text
    assert "unfinished: left out, not finished: it has no adapt.json" in caplog.text
    assert "the EPE on kitti2015 before the adaptation was 2.000" in caplog.text
