"""The table: numbers, the better of two, what is missing."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dsmnet.evaluation import METRICS, EvaluationProtocol, ImageResult, Results, Rule, SetResult
from dsmnet.evaluation.report import results_markdown, results_notes, show_results, write_results
from dsmnet.evaluation.results import MatcherResult


def entry(epe: float, others: float, images: int = 2, non_finite: int = 0, **options: Any) -> SetResult:
    scores = {metric: epe if metric == "epe" else others for metric in METRICS}
    wild = [non_finite, *[0] * images]
    per_image = [ImageResult(f"i{k}", scores, 10, 0.25, 192, wild[k]) for k in range(images)]
    return SetResult("s", per_image, **options)


NETWORK = MatcherResult({}, "dsmnet_lite", "domain", 1_234_567, checkpoint="runs/last.ckpt")


@pytest.fixture
def results() -> Results:
    sets = {"kitti2015": entry(1.234, 20.0, pixels_used="noc"), "middlebury2006": entry(3.0, 7.77)}
    return Results(
        label="dsmnet_lite",
        first=replace(NETWORK, sets=sets),
        protocol=EvaluationProtocol(),
        max_disparity="auto",
        baselines={"sgbm": {"kitti2015": entry(2.0, 10.0), "middlebury2006": entry(3.0, 9.0)}},
        missing={"eth3d": "/somewhere/ETH3D"},
    )


def with_sets(results: Results, **sets: SetResult) -> Results:
    return replace(results, first=replace(results.first, sets={**results.sets, **sets}))


def printed(results: Results, **options: Any) -> str:
    stream = io.StringIO()
    show_results(results, Console(file=stream, **options))
    return stream.getvalue()


def csv_rows(results: Results, folder: Path) -> list[dict[str, str]]:
    write_results(results, folder)
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_markdown_holds_numbers_and_the_better_one_bold(results: Results) -> None:
    lines = results_markdown(results).splitlines()
    assert "| kitti2015 | dsmnet_lite | noc | **1.23** | 20.0 | 20.0 | 20.0 | 20.0 | 2 | 0.25 |" in lines
    assert "|  | sgbm | all | 2.00 | **10.0** | **10.0** | **10.0** | **10.0** | 2 | 0.25 |" in lines
    # a tie goes to both
    assert any(line.startswith("| middlebury2006 | dsmnet_lite | all | **3.00** | **7.8**") for line in lines)
    assert any(line.startswith("|  | sgbm | all | **3.00** | 9.0") for line in lines)


def test_nothing_is_best_alone(results: Results) -> None:
    alone = replace(results, baselines={})
    assert "**" not in results_markdown(alone)
    assert "\x1b[1;32m" not in printed(alone, force_terminal=True, color_system="standard")


def test_the_terminal_highlights_the_better_value(results: Results) -> None:
    text = printed(results, force_terminal=True, width=200, color_system="standard")
    assert re.search(r"\x1b\[1;32m *1\.23\x1b", text)
    assert not re.search(r"\x1b\[1;32m *2\.00\x1b", text)


@pytest.mark.parametrize("width", [40, 60, 80, 94, 200])
def test_no_row_is_cut_off_or_wider_than_the_terminal(results: Results, width: int) -> None:
    text = printed(with_sets(results, middlebury2006=entry(3.0, 7.77, images=123)), width=width)
    assert "…" not in text
    for word in ("middlebury2006", "dsmnet_lite", "1.23", "bad-3 %", "seconds", "1.23 M parameters"):
        assert word in text
    if width >= 60:
        table = text[: text.index("Pixels that both views see")]
        assert max(map(len, table.splitlines())) <= width
        assert len(re.findall(r"^middlebury2006", table, re.MULTILINE)) >= (2 if width < 80 else 1)


def test_one_network_alone_fits_80_columns_in_one_part(results: Results) -> None:
    text = printed(replace(results, baselines={}), width=80)
    assert re.search(r"^set +pixels +EPE px +bad-1 % .* seconds$", text, re.MULTILINE)
    assert text.count("kitti2015") == 1


def test_names_are_shown_as_they_are_and_without_terminal_escapes(results: Results, tmp_path: Path) -> None:
    name, network = "a\x1b]0;x\x07[/bold]|b\n# c", replace(NETWORK, checkpoint="\x1b[31m[red]w.ckpt")
    hostile = replace(
        results,
        first=replace(network, sets={name: entry(1.0, 2.0, skipped=["\x9b31m"])}),
        baselines={"sgbm": {name: entry(2.0, 1.0)}},
    )
    write_results(hostile, tmp_path)
    for text in (printed(hostile, width=200), (tmp_path / "results.md").read_text()):
        assert not set(text) & {"\x1b", "\x07", "\x9b"}
        assert r"a\x1b]0;x\x07[/bold]" in text
        assert "\n# c" not in text
    assert r"\|b" in (tmp_path / "results.md").read_text()


@pytest.mark.parametrize("name", ["=cmd|' A'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_cell_of_a_spreadsheet_is_a_formula(results: Results, tmp_path: Path, name: str) -> None:
    images = entry(1.234, 20.0).per_image
    named = SetResult("s", [replace(images[0], name=name), images[1]])
    rows = csv_rows(with_sets(replace(results, baselines={}), kitti2015=named), tmp_path)
    assert rows[0]["image"] == f"'{name}"
    assert rows[1]["image"] == "i1"
    assert float(rows[0]["epe"]) == 1.234


def test_what_is_missing_or_left_out_stands_below(results: Results) -> None:
    results = with_sets(
        results,
        kitti2015=entry(1.0, 2.0, skipped=["000007_10"], non_finite=12),
        middlebury2006=entry(3.0, 7.77, rule=Rule(ground_truth_below=192)),
    )
    for text in (results_markdown(results), printed(results, width=300)):
        assert "eth3d: not evaluated, there is no folder /somewhere/ETH3D" in text
        assert "000007_10" in text
        assert "kitti2015: 12 pixels are predicted as nan or infinite and count as wrong" in text
        assert "below 192 px" in text


def test_no_image_is_a_dash_and_no_finite_prediction_is_inf(results: Results) -> None:
    sets = {"none": entry(0, 0, images=0), "torn": entry(math.inf, 50.0)}
    baseline = {"none": entry(0, 0, images=0), "torn": entry(9.0, 60.0)}
    results = replace(results, first=replace(NETWORK, sets=sets), baselines={"sgbm": baseline})
    lines = results_markdown(results).splitlines()
    assert "| none | dsmnet_lite | all | - | - | - | - | - | 0 | - |" in lines
    assert any(line.startswith("| torn | dsmnet_lite | all | inf | **50.0**") for line in lines)
    assert any(line.startswith("|  | sgbm | all | **9.00** | 60.0") for line in lines)


def test_a_baseline_of_the_matchers_own_name_keeps_its_row(results: Results) -> None:
    lines = results_markdown(replace(results, label="sgbm")).splitlines()
    methods = [line.split("|")[2].strip() for line in lines if line.startswith("|")]
    assert methods[2:] == ["sgbm", "sgbm (baseline)"] * 2


def test_compared_networks_stand_beside_the_first_and_say_what_they_are(results: Results) -> None:
    sets = {"kitti2015": entry(1.0, 30.0), "middlebury2006": entry(math.inf, 5.0, non_finite=3)}
    other = MatcherResult(sets, "psmnet", "batch", 5_000_000, checkpoint="runs/b.ckpt")
    results = replace(results, label="a", compared={"b": other})
    text = results_markdown(results)
    lines = text.splitlines()
    assert lines[0] == "# Comparison of a, b"
    rows = [line for line in lines if line.startswith("|")][2:]
    assert [row.split("|")[2].strip() for row in rows] == ["a", "b", "sgbm"] * 2
    assert rows[1].startswith("|  | b | all | **1.00** | 30.0")
    assert rows[4].startswith("|  | b | all | inf | **5.0**")
    for said in (text, printed(results, width=300)):
        assert "a: dsmnet_lite, norm domain, 1.23 M parameters, runs/last.ckpt" in said
        assert "b: psmnet, norm batch, 5.00 M parameters, runs/b.ckpt" in said
        assert "middlebury2006, b: 3 pixels are predicted as nan or infinite" in said


def test_files_hold_the_results_and_a_row_per_image_and_method(results: Results, tmp_path: Path) -> None:
    images = entry(1.234, 20.0).per_image
    torn = replace(images[1], scores={**images[1].scores, "epe": math.inf})
    results = with_sets(results, kitti2015=SetResult("s", [images[0], torn]))
    rows = csv_rows(results, tmp_path / "new")
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == results.to_dict()
    assert (tmp_path / "new" / "results.md").read_text() == results_markdown(results)
    assert list(rows[0]) == ["set", "method", "image", *METRICS, "pixels", "seconds"]
    keys = [(row["set"], row["method"], row["image"]) for row in rows]
    assert keys[:3] == [("kitti2015", "dsmnet_lite", f"i{k}") for k in (0, 1)] + [("kitti2015", "sgbm", "i0")]
    assert len(rows) == 2 * 2 * 2
    assert [float(row["epe"]) for row in rows[:3]] == [1.234, math.inf, 2.0]
    assert (rows[0]["bad2"], rows[0]["pixels"], rows[0]["seconds"]) == ("20.0", "10", "0.25")


def test_the_protocol_stands_in_words_below_the_table(results: Results) -> None:
    rule = Rule("all", average="pixel", average_epe="image", headline="bad3")
    results = with_sets(
        replace(results, protocol=EvaluationProtocol(name="raft", description="the code of RAFT-Stereo")),
        kitti2015=entry(1.0, 2.0, rule=rule, sizes=[(370, 1224), (375, 1242)]),
    )
    for text in (results_markdown(results), printed(results, width=300)):
        assert "Protocol raft: the code of RAFT-Stereo" in text
        assert (
            "kitti2015: all pixels with known ground truth; wrong pixels: mean over the pixels of all images "
            "together, EPE: mean over images; ranked by bad-3." in text
        )
        assert "middlebury2006: pixels that both views see" in text
        assert "middlebury2006: the set does not tell which pixels both views see" in text
        assert "Errors in pixels of the ground truth (kitti2015 370x1224 to 375x1242)" in text


def test_a_set_comes_back_from_its_entry(results: Results) -> None:
    entry = json.loads(json.dumps(results.sets["kitti2015"].to_dict()))
    back = SetResult.from_dict("kitti2015", entry)
    assert back.to_dict() == entry
    assert "Pixels that both views see, where the set tells them; mean over images." in results_notes(results)
