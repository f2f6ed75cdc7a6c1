"""Runs over seeds: what is read, how it is grouped, and the numbers against those worked out by hand."""

from __future__ import annotations

import io
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dsmnet.errors import FormatError, UserError
from dsmnet.evaluation import ImageResult, Rule, SetResult
from dsmnet.evaluation.comparison import Statistic, compare
from dsmnet.evaluation.comparison_report import (
    comparison_markdown,
    comparison_notes,
    comparison_panels,
    comparison_tables,
    show_comparison,
    statistic_text,
    write_comparison,
)
from dsmnet.evaluation.runs import read_runs

WriteRun = Callable[..., Path]
PROTOCOL = {"pixels": "noc", "ground_truth_below": None, "average": "image"}


def entry(epe: float | None, images: int = 2, **rule: Any) -> dict[str, Any]:
    """A set's entry of results.json; the other metrics are multiples of ten of the EPE."""
    scores = {f"bad{k}": (epe or 9) * 10.0 * k for k in (1, 2, 3)} | {"d1": (epe or 9) * 20.0}
    scores["epe"] = math.inf if epe is None else epe
    per_image = [ImageResult(f"i{k}", scores, 100, 0.1, 192) for k in range(images)]
    return SetResult("s", per_image, Rule(**{"headline": "d1", **rule}), pixels_used="noc").to_dict()


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    def write(
        name: str, norm: str = "batch", seed: int = 1, curve: str = "", epe: float | None = 1.0, **more: Any
    ) -> Path:
        """Write the folder of a finished training; `more` are keys of the configuration or `sets`."""
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        sets = more.pop("sets", {"kitti2015": entry(epe)})
        results = {"protocol": PROTOCOL | more.pop("protocol", {}), "max_disparity": "auto", "sets": sets}
        config = {"choices": {"norm": norm, "transform": "crop"}, "seed": seed, "norm": {"kind": norm}}
        config |= {"model": {"width": 8, "norm": {"kind": norm}}, "resume": None} | more
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "metrics.csv").write_text("step,val/epe\n1,\n" + (curve or "2,3.0\n3,1.5\n4,2.0\n"))
        return folder

    return write


@pytest.fixture
def pattern(tmp_path: Path) -> str:
    return str(tmp_path / "runs" / "*")


def test_mean_and_sample_deviation():
    statistic = Statistic({1: 2.0, 2: 4.0, 3: 9.0})
    assert statistic.mean == 5.0
    assert statistic.sd == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    assert statistic.to_dict() == {"mean": 5.0, "sd": 3.605551, "n": 3, "seeds": [1, 2, 3]}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({1: 1.234}, "1.23 ± –"),
        ({}, "–"),
        ({1: 1.0, 2: math.inf}, "inf ± –"),
        ({1: 1.0, 2: 3.0}, "2.00 ± 1.41"),
    ],
)
def test_cells(values, text):
    assert statistic_text(Statistic(values), "epe", len(values)) == text


def test_a_cell_says_when_seeds_are_missing():
    assert statistic_text(Statistic({1: 10.0, 2: 14.0}), "d1", seeds=3) == "12.0 ± 2.8 (n=2)"


def test_numbers_of_two_groups(write_run, pattern, tmp_path):
    write_run("a", "batch", 1, "2,1.5\n3,1.0\n", epe=2.0)
    write_run("b", "batch", 2, "2,1.4\n3,1.6\n", epe=3.0)
    write_run("c", "group", 1, "2,nan\n3,1.1\n", epe=1.0)
    write_run("d", "group", 2, "2,0.9\n3,9.0\n", epe=1.5)
    comparison = compare(read_runs(pattern), ["norm"])
    content = comparison.to_dict()
    assert [group["label"] for group in content["groups"]] == ["group", "batch"]  # 1.0 before 1.2
    group, batch = content["groups"]
    assert batch["source_validation_epe"] == {"mean": 1.2, "sd": 0.282843, "n": 2, "seeds": [1, 2]}
    assert group["source_validation_epe"]["mean"] == 1.0
    assert batch["sets"]["kitti2015"]["epe"] == {"mean": 2.5, "sd": 0.707107, "n": 2, "seeds": [1, 2]}
    assert batch["sets"]["kitti2015"]["d1"]["mean"] == 50.0
    assert [run["folder"][-1] for run in content["runs"]] == ["c", "d", "a", "b"]
    assert content["runs"][2]["sets"]["kitti2015"]["bad2"] == 40.0

    write_comparison(comparison, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == content
    lines = (tmp_path / "out" / "comparison.md").read_text().splitlines()
    assert "| norm | n | source validation EPE px | kitti2015 EPE px |" in lines
    assert "| batch | 2 | 1.20 ± 0.28 | 2.50 ± 0.71 |" in lines
    assert "| group | 2 | **1.00 ± 0.14** | **25.0 ± 7.1** |" in lines  # D1
    rows, panels, _ = comparison_panels(comparison, "epe")
    assert rows == ["group", "batch"]
    assert [panel.title for panel in panels] == ["source validation", "kitti2015"]
    assert panels[1].rows[1] == ([2.0, 3.0], 2.5, pytest.approx(math.sqrt(0.5)))


def test_the_terminal_shows_the_same_cells_whole(write_run, pattern):
    headlines = {"kitti2015": "d1", "middlebury": "bad2", "eth3d": "bad1", "synthetic": None}
    write_run("a", sets={name: entry(1.0, headline=metric) for name, metric in headlines.items()})
    comparison = compare(read_runs(pattern), "norm")
    console = Console(file=io.StringIO(), width=60)
    show_comparison(comparison, console=console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    epe, ranked = comparison_tables(comparison)
    assert all(unit in text for table in (epe, ranked) for _, *units in table.headings for unit in units)
    assert "…" not in text
    assert text.count("1.00 ± –") == len(headlines)
    assert [unit for _, unit in ranked.headings[3:]] == ["D1 %", "bad-2 %", "bad-1 %", "bad-3 %"]
    (only,) = comparison_tables(comparison, "bad3")
    assert {unit for _, unit in only.headings[3:]} == {"bad-3 %"}


def test_keys_that_make_groups(write_run, pattern):
    write_run("a")
    write_run("b", model={"width": 16})
    labels = [group.label for group in compare(read_runs(pattern), ["norm", "model.width"]).groups]
    assert labels == ["batch, model.width=16", "batch, model.width=8"]
    with pytest.raises(UserError, match=r"by=model\.depth: .*a.config\.yaml has neither"):
        compare(read_runs(pattern), "model.depth")


def test_a_seed_twice_names_both_and_what_differs(write_run, pattern):
    write_run("a")
    write_run("b", choices={"norm": "batch", "transform": "crop_color"}, paths={"output": "elsewhere"})
    with pytest.raises(
        UserError, match=r"a and .*b are both of group batch with seed 1; they differ in transform,"
    ):
        compare(read_runs(pattern), "norm")
    assert len(compare(read_runs(pattern), ["norm", "transform"]).groups) == 2


def test_other_protocols_and_other_images_are_not_compared(write_run, pattern):
    write_run("a", seed=1)
    second = write_run("b", seed=2, sets={"kitti2015": entry(1.0, pixels="all")})
    with pytest.raises(
        UserError, match=r"a was evaluated with protocol.pixels=noc, .*b with protocol.pixels=all"
    ):
        compare(read_runs(pattern), "norm")
    (second / "results.json").write_text(
        json.dumps(
            {"protocol": PROTOCOL, "max_disparity": "auto", "sets": {"kitti2015": entry(1.0, images=3)}}
        )
    )
    with pytest.raises(UserError, match=r"kitti2015 has 2 images, 200 pixels \(noc\) in .*a, 3 images"):
        compare(read_runs(pattern), "norm")
    (second / "results.json").write_text(json.dumps({"protocol": PROTOCOL, "max_disparity": 64, "sets": {}}))
    with pytest.raises(UserError, match=r"max_disparity=auto, .*b with max_disparity=64"):
        compare(read_runs(pattern), "norm")


def test_rules_decide_what_is_compared_and_not_their_names(write_run, pattern):
    write_run("a", seed=1)
    sets = {"kitti2015": entry(1.0, headline="bad1")}
    write_run("b", seed=2, sets=sets, protocol={"name": "ours", "sets": {}, "pixels": "all"})
    comparison = compare(read_runs(pattern), "norm")
    assert comparison.to_dict()["rules"]["kitti2015"]["headline"] == "bad1"
    assert [table.headings[-1][1] for table in comparison_tables(comparison)] == ["EPE px", "bad-1 %"]
    assert any("pixels that both views see" in note.lower() for note in comparison_notes(comparison))
    for key, value in (("average", "pixel"), ("average_epe", "pixel"), ("ground_truth_below", 192)):
        folder = write_run(key, "group", sets={"kitti2015": entry(1.0, **{key: value})})
        message = (
            rf"a was evaluated with protocol\.{key}=.*, .*{key} with protocol\.{key}={value} on kitti2015"
        )
        with pytest.raises(UserError, match=message):
            compare(read_runs(pattern), "norm")
        (folder / "results.json").unlink()


def test_what_is_unfair_is_said(write_run, pattern, caplog, tmp_path):
    write_run("a", "batch", 1, sets={"kitti2015": entry(1.0), "eth3d": entry(0.5)})
    write_run("b", "batch", 2)
    write_run("c", "group", 1, sets={"kitti2015": entry(None), "eth3d": entry(0.4)}, model={"width": 16})
    (write_run("d", "group", 2) / "results.json").unlink()
    comparison = compare(read_runs(pattern), "norm")
    messages = "\n".join(
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    )
    assert "d: left out, not finished: it has no results.json" in messages
    assert "b: not evaluated on eth3d" in messages
    assert "c differ from" in messages
    assert "and the seed: model.width" in messages
    assert "different seeds (batch: 1, 2; group: 1)" in messages
    assert "c/results.json: on kitti2015 some predictions are nan or infinite, and so is epe" in messages
    text = comparison_markdown(comparison).replace("**", "")
    assert "| batch | 2 | 1.50 ± 0.00 | 1.00 ± 0.00 | 0.50 ± – (n=1) |" in text
    assert "| group | 1 | 1.50 ± – | inf ± – | 0.40 ± – |" in text
    assert "group, kitti2015: predictions that are nan or infinite with seed 1." in comparison_notes(
        comparison
    )
    found = comparison.to_dict()["groups"][1]["sets"]["kitti2015"]["epe"]
    assert found == {"mean": None, "sd": None, "n": 1, "seeds": [1], "infinite": [1]}


def test_fair_runs_are_not_warned_of(write_run, pattern, caplog):
    for norm in ("batch", "group"):
        for seed in (1, 2):
            output = f"outputs/{norm}{seed}"
            callbacks = {"best": {"folder": f"{output}/checkpoints"}, "ema": {"decay": 0.9}}
            logger = {"mlflow": {"tracking_uri": f"sqlite:///{output}/mlflow.db"}}
            write_run(
                f"{norm}{seed}", norm, seed, paths={"output": output}, callbacks=callbacks, logger=logger
            )
    compare(read_runs(pattern), "norm")
    assert caplog.messages == []


def test_a_resumed_run_knows_its_whole_curve(write_run, pattern):
    for name, resume in (("a", None), ("b", "last.ckpt")):
        folder = write_run(name, curve="4,2.0\n", resume=resume)
        (folder / "metrics.1.csv").write_text("step,val/epe\n2,1.25\n")
    assert [run.source_epe for run in read_runs(pattern)] == [2.0, 1.25]


def test_a_run_without_a_curve_comes_last(write_run, pattern, caplog):
    (write_run("a", "batch") / "metrics.csv").unlink()
    write_run("b", "group", curve="2,99.0\n")
    comparison = compare(read_runs(pattern), "norm")
    assert [group.label for group in comparison.groups] == ["group", "batch"]
    assert "| batch | 1 | – | 1.00 ± – |" in comparison_markdown(comparison).replace("**", "")
    assert "a: metrics.csv holds no val/epe" in caplog.text


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("results.json", "{", r"a/results\.json: broken"),
        ("results.json", "[]", r"a/results\.json: expected keys"),
        ("results.json", '{"protocol": {}, "max_disparity": 1}', r"a/results\.json: .* sets is missing"),
        ("config.yaml", "a: [", r"a/config\.yaml: broken"),
        ("config.yaml", "choices: {norm: batch}", r"a/config\.yaml: .* seed is missing"),
    ],
)
def test_broken_files_are_named(write_run, pattern, file, content, message):
    (write_run("a") / file).write_text(content)
    with pytest.raises(FormatError, match=message):
        read_runs(pattern)


def test_nothing_to_compare(write_run, pattern, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_runs(pattern)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "multirun.yaml").touch()  # a file that matches is no run
    with pytest.raises(UserError, match="no such folder"):
        read_runs([pattern])
    (write_run("a") / "results.json").unlink()
    with pytest.raises(UserError, match="at least one finished run"):
        read_runs(pattern)
