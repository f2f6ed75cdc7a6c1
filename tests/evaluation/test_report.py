"""The table: numbers, the better of two, what is missing."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from dsmnet.evaluation import METRICS, ImageResult, SetResult, report


def entry(epe: float, others: float, images: int = 2, **options: Any) -> dict[str, Any]:
    scores = {metric: epe if metric == "epe" else others for metric in METRICS}
    result = SetResult("s", [ImageResult(f"i{k}", scores, 10, 0.25, 192) for k in range(images)], **options)
    return result.to_dict()


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "checkpoint": "runs/last.ckpt",
        "model": "dsmnet_lite",
        "norm": "domain",
        "parameters": 1_234_567,
        "protocol": {"pixels": "noc", "ground_truth_below": None, "average": "image"},
        "max_disparity": "auto",
        "sets": {"kitti2015": entry(1.234, 20.0, pixels_used="noc"), "middlebury2006": entry(3.0, 7.77)},
        "baselines": {"sgbm": {"sets": {"kitti2015": entry(2.0, 10.0), "middlebury2006": entry(3.0, 9.0)}}},
        "missing": {"eth3d": "/somewhere/ETH3D"},
    }


def printed(results: dict[str, Any], **options: Any) -> str:
    stream = io.StringIO()
    report.show(results, Console(file=stream, **options))
    return stream.getvalue()


def test_markdown_holds_numbers_and_the_better_one_bold(results: dict[str, Any]) -> None:
    lines = report.markdown(results).splitlines()
    assert "| kitti2015 | dsmnet_lite | noc | **1.23** | 20.0 | 20.0 | 20.0 | 20.0 | 2 | 0.25 |" in lines
    assert "|  | sgbm | all | 2.00 | **10.0** | **10.0** | **10.0** | **10.0** | 2 | 0.25 |" in lines
    # a tie goes to both
    assert any(line.startswith("| middlebury2006 | dsmnet_lite | all | **3.00** | **7.8**") for line in lines)
    assert any(line.startswith("|  | sgbm | all | **3.00** | 9.0") for line in lines)


def test_nothing_is_best_alone(results: dict[str, Any]) -> None:
    del results["baselines"]
    assert "**" not in report.markdown(results)
    assert "\x1b[1;32m" not in printed(results, force_terminal=True, color_system="standard")


def test_the_terminal_highlights_the_better_value(results: dict[str, Any]) -> None:
    text = printed(results, force_terminal=True, width=200, color_system="standard")
    assert re.search(r"\x1b\[1;32m *1\.23\x1b", text)
    assert not re.search(r"\x1b\[1;32m *2\.00\x1b", text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_number_is_cut_off_whatever_the_width(results: dict[str, Any], width: int) -> None:
    text = printed(results, width=width)
    assert "…" not in text
    for word in ("middlebury2006", "dsmnet_lite", "1.23", "bad-3 %", "seconds", "1.23 M parameters"):
        assert word in text


@pytest.mark.parametrize("width", [60, 80, 94])
def test_no_row_is_wider_than_the_terminal(results: dict[str, Any], width: int) -> None:
    results["sets"]["middlebury2006"]["images"] = 12345
    text = printed(results, width=width)
    table = text[: text.index("Pixels that both views see")]
    assert max(map(len, table.splitlines())) <= width
    assert len(re.findall(r"^middlebury2006", table, re.MULTILINE)) >= (2 if width < 80 else 1)


def test_one_network_alone_fits_80_columns_in_one_part(results: dict[str, Any]) -> None:
    del results["baselines"]
    text = printed(results, width=80)
    assert re.search(r"^set +pixels +EPE px +bad-1 % .* seconds$", text, re.MULTILINE)
    assert text.count("kitti2015") == 1


def test_names_are_shown_as_they_are_and_without_terminal_escapes(
    results: dict[str, Any], tmp_path: Path
) -> None:
    name = "a\x1b]0;x\x07[/bold]|b\n# c"
    for sets in (results["sets"], results["baselines"]["sgbm"]["sets"]):
        sets[name] = sets.pop("kitti2015")
    results["checkpoint"] = "\x1b[31m[red]w.ckpt"
    results["sets"][name]["skipped"] = ["\x9b31m"]
    report.write(results, tmp_path)
    for text in (printed(results, width=200), (tmp_path / "results.md").read_text()):
        assert not set(text) & {"\x1b", "\x07", "\x9b"}
        assert r"a\x1b]0;x\x07[/bold]" in text
        assert "\n# c" not in text
    assert r"\|b" in (tmp_path / "results.md").read_text()


@pytest.mark.parametrize("name", ["=cmd|' A'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_cell_of_a_spreadsheet_is_a_formula(results: dict[str, Any], tmp_path: Path, name: str) -> None:
    del results["baselines"]
    results["sets"]["kitti2015"]["per_image"][0]["name"] = name
    report.write(results, tmp_path)
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["image"] == f"'{name}"
    assert rows[1]["image"] == "i1"
    assert float(rows[0]["epe"]) == 1.234


def test_what_is_missing_or_left_out_stands_below(results: dict[str, Any]) -> None:
    results["sets"]["kitti2015"]["skipped"] = ["000007_10"]
    results["sets"]["kitti2015"]["non_finite"] = 12
    results["sets"]["middlebury2006"]["rule"]["ground_truth_below"] = 192
    for text in (report.markdown(results), printed(results, width=300)):
        assert "eth3d: not evaluated, there is no folder /somewhere/ETH3D" in text
        assert "000007_10" in text
        assert "12 answers" in text
        assert "below 192 px" in text


def test_no_image_is_a_dash_and_no_answer_is_inf(results: dict[str, Any]) -> None:
    results["sets"] = {"none": entry(0, 0, images=0), "torn": entry(math.inf, 50.0)}
    results["baselines"]["sgbm"]["sets"] = {"none": entry(0, 0, images=0), "torn": entry(9.0, 60.0)}
    lines = report.markdown(results).splitlines()
    assert "| none | dsmnet_lite | all | - | - | - | - | - | 0 | - |" in lines
    assert any(line.startswith("| torn | dsmnet_lite | all | inf | **50.0**") for line in lines)
    assert any(line.startswith("|  | sgbm | all | **9.00** | 60.0") for line in lines)


def test_a_baseline_of_the_matchers_own_name_keeps_its_row(results: dict[str, Any]) -> None:
    results["model"] = "sgbm"
    rows = [line.split("|")[2].strip() for line in report.markdown(results).splitlines() if line[:1] == "|"]
    assert rows[2:] == ["sgbm", "sgbm (baseline)"] * 2


def test_compared_networks_stand_beside_the_first_and_say_what_they_are(results: dict[str, Any]) -> None:
    other = {"checkpoint": "runs/b.ckpt", "model": "psmnet", "norm": "batch", "parameters": 5_000_000}
    other["sets"] = {"kitti2015": entry(1.0, 30.0), "middlebury2006": entry(math.inf, 5.0)}
    other["sets"]["middlebury2006"]["non_finite"] = 3
    results |= {"label": "a", "compared": {"b": other}}
    text = report.markdown(results)
    lines = text.splitlines()
    assert lines[0] == "# Comparison of a, b"
    rows = [line for line in lines if line.startswith("|")][2:]
    assert [row.split("|")[2].strip() for row in rows] == ["a", "b", "sgbm"] * 2
    assert rows[1].startswith("|  | b | all | **1.00** | 30.0")
    assert rows[4].startswith("|  | b | all | inf | **5.0**")
    for said in (text, printed(results, width=300)):
        assert "a: dsmnet_lite, norm domain, 1.23 M parameters, runs/last.ckpt" in said
        assert "b: psmnet, norm batch, 5.00 M parameters, runs/b.ckpt" in said
        assert "middlebury2006, b: 3 answers are nan or infinite" in said


def test_files_are_written(results: dict[str, Any], tmp_path: Path) -> None:
    report.write(results, tmp_path / "new")
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == results
    assert (tmp_path / "new" / "results.md").read_text() == report.markdown(results)
    assert (tmp_path / "new" / "results.csv").is_file()


def test_a_row_per_image_and_method_for_spreadsheets(results: dict[str, Any], tmp_path: Path) -> None:
    results["sets"]["kitti2015"]["per_image"][1]["epe"] = None  # an answer was infinite
    report.write(results, tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "set",
        "method",
        "image",
        "epe",
        "bad1",
        "bad2",
        "bad3",
        "d1",
        "pixels",
        "seconds",
    ]
    keys = [(row["set"], row["method"], row["image"]) for row in rows]
    assert keys[:3] == [("kitti2015", "dsmnet_lite", f"i{k}") for k in (0, 1)] + [("kitti2015", "sgbm", "i0")]
    assert len(rows) == 2 * 2 * 2
    assert [float(row["epe"]) for row in rows[:3]] == [1.234, math.inf, 2.0]
    assert (rows[0]["bad2"], rows[0]["pixels"], rows[0]["seconds"]) == ("20.0", "10", "0.25")


def test_the_protocol_stands_in_words_below_the_table(results: dict[str, Any]) -> None:
    results["protocol"] |= {"name": "raft", "description": "the code of RAFT-Stereo"}
    rule = {"pixels": "all", "average": "pixel", "average_epe": "image", "headline": "bad3"}
    results["sets"]["kitti2015"]["rule"] |= rule
    results["sets"]["kitti2015"] |= {"ground_truth_size": {"smallest": [370, 1224], "largest": [375, 1242]}}
    results["sets"]["middlebury2006"]["lacks"] = "the set does not tell"
    for text in (report.markdown(results), printed(results, width=300)):
        assert "Protocol raft: the code of RAFT-Stereo" in text
        assert (
            "kitti2015: all pixels with known ground truth; wrong pixels: mean over the pixels of all images "
            "together, EPE: mean over images; ranked by bad-3." in text
        )
        assert "middlebury2006: pixels that both views see" in text
        assert "middlebury2006: the set does not tell." in text
        assert "Errors in pixels of the ground truth (kitti2015 370x1224 to 375x1242)" in text


def test_files_without_rules_are_still_read(results: dict[str, Any]) -> None:
    for entry in results["sets"].values():
        del entry["rule"], entry["lacks"]
    assert "Pixels that both views see, where the set tells them; mean over images." in report.notes(results)


def test_a_baseline_of_the_same_name_keeps_its_row(results: dict[str, Any]) -> None:
    results["model"] = "sgbm"
    assert sum("| sgbm (baseline) |" in line for line in report.markdown(results).splitlines()) == 2


def test_the_table_is_that_of_an_evaluation(reads_red: Any, make_sample: Callable[..., Any]) -> None:
    from dsmnet.evaluation import evaluate

    sets: Any = {"made": [make_sample("a", noc=np.s_[:, :3])]}
    results = evaluate(reads_red(2.5), sets, baselines={"other": reads_red()}, progress=False)
    lines = report.markdown(results).splitlines()
    assert any(
        line.startswith("| made | readsred | noc | 2.50 | 100.0 | 100.0 | **0.0** |") for line in lines
    )
