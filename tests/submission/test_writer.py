"""From a matcher to files: what cannot be stored, what fails, what is taken over from an earlier run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.atomic import WriteError
from dsmnet.config import instantiate
from dsmnet.errors import UserError
from dsmnet.io import read_disparity
from dsmnet.submission import Answer, UploadForm, expected_answers, lacking, predict_answers
from dsmnet.submission.record import Record, fingerprint
from dsmnet.types import DisparityMap, Image

Job = tuple[UploadForm, list[Answer]]


class Constant:
    """Answers with one value, with a wild one at the corner of some pairs; may be interrupted."""

    def __init__(self, value: float = 5.0, wild: int | None = None, stop_at: int | None = None) -> None:
        self.value, self.wild, self.stop_at = value, wild, stop_at
        self.asked: list[int | None] = []

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        if self.stop_at == len(self.asked):
            raise KeyboardInterrupt
        answer = np.full(left.shape[:2], self.value, np.float32)
        if self.wild == len(self.asked):
            answer[0, 0] = np.nan
        self.asked.append(max_disparity)
        return answer


@pytest.fixture
def job(tmp_path: Path, write_tree: Callable[[str, Path], Any]) -> Job:
    benchmark = write_tree("kitti2015", tmp_path / "data")
    benchmark.dataset.split = "testing"
    form = instantiate(benchmark.form)
    return form, expected_answers(form, {"testing": instantiate(benchmark.dataset)}, "m")


def run(job: Job, tmp_path: Path, matcher: Any, **options: Any) -> int:
    form, answers = job
    record = Record(tmp_path / "out" / "submission.json", options.pop("made_by", {"weights": "a"}))
    return predict_answers(matcher, answers, form, tmp_path / "out" / "files", record, **options)


def test_what_the_format_cannot_hold_is_cut_with_a_warning(
    job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run(job, tmp_path, Constant(300))
    path = tmp_path / "out" / "files" / "disp_0" / "0000_10.png"
    assert (read_disparity(path) == 65535 / 256).all()
    assert f"{path}: 680 pixels cut to 255.996 px" in caplog.text


def test_a_wild_answer_fails_by_name_and_the_rest_goes_on(
    job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(UserError, match=r"1 of 3 answers failed: disp_0/0001_10\.png"):
        run(job, tmp_path, Constant(wild=1))
    assert "disp_0/0001_10.png: the network's answer is nan or infinite at 1 pixels" in caplog.text
    assert run(job, tmp_path, again := Constant()) == 2
    assert len(again.asked) == 1


def test_a_broken_pair_fails_by_name_and_the_rest_goes_on(job: Job, tmp_path: Path):
    left = job[1][0].dataset.pairs[0].right
    left.write_bytes(left.read_bytes()[:100])
    matcher = Constant()
    with pytest.raises(UserError, match=r"1 of 3 answers failed: disp_0/0000_10\.png"):
        run(job, tmp_path, matcher)
    assert len(matcher.asked) == 2


def test_an_interrupted_run_goes_on(job: Job, tmp_path: Path):
    with pytest.raises(UserError, match=r"interrupted.*paths\.output="):
        run(job, tmp_path, Constant(stop_at=2))
    assert run(job, tmp_path, rest := Constant()) == 2
    assert len(rest.asked) == 1
    assert run(job, tmp_path, rest) == 3
    assert len(rest.asked) == 1
    record = json.loads((tmp_path / "out" / "submission.json").read_text())
    assert set(record["answers"]) == {f"disp_0/000{i}_10.png" for i in range(3)}
    assert all(answer["seconds"] > 0 for answer in record["answers"].values())
    assert {answer["max_disparity"] for answer in record["answers"].values()} == {192}


def test_a_folder_that_cannot_be_written_ends_the_run_in_one_line(job: Job, tmp_path: Path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(WriteError, match=r"cannot be written.*continue with the same command") as error:
        run(job, tmp_path, matcher := Constant())
    assert "\n" not in str(error.value)
    assert len(matcher.asked) == 1


def test_answers_of_other_weights_are_replaced(job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    run(job, tmp_path, Constant(5))
    assert run(job, tmp_path, Constant(7), made_by={"weights": "b"}) == 0
    assert "made with other weights or options" in caplog.text
    for path in (tmp_path / "out" / "files" / "disp_0").iterdir():
        assert (read_disparity(path) == 7).all()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\x89PNG")])
def test_a_damaged_file_is_made_again(job: Job, tmp_path: Path, damage: Callable[[Path], Any]):
    run(job, tmp_path, Constant())
    damage(tmp_path / "out" / "files" / "disp_0" / "0002_10.png")
    assert run(job, tmp_path, matcher := Constant()) == 2
    assert len(matcher.asked) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"answers": 3}'])
def test_a_damaged_record_starts_anew(job: Job, tmp_path: Path, content: str):
    run(job, tmp_path, Constant())
    (tmp_path / "out" / "submission.json").write_text(content)
    assert run(job, tmp_path, Constant()) == 0


def test_the_search_range_is_that_of_the_option_or_the_calibration(job: Job, tmp_path: Path):
    run(job, tmp_path, matcher := Constant(), max_disparity=64)
    assert matcher.asked == [64, 64, 64]
    with pytest.raises(UserError, match="max_disparity=far"):
        run(job, tmp_path, matcher, max_disparity="far")


def test_a_fingerprint_tells_files_apart(tmp_path: Path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (fingerprint(tmp_path / name) for name in "abc")
    assert a == b != c


def test_what_is_lacking_is_counted_by_split(upload):  # type: ignore[no-untyped-def]
    datasets = {answer.dataset.pairs[0].left.parts[-3]: answer.dataset for answer in upload.answers}
    named = {
        "kitti2012": {"testing": 195},
        "kitti2015": {"testing": 200},
        "middlebury": {"training": 15, "test": 15},
        "eth3d": {"testing": 20},
    }[upload.benchmark]
    by_split = dict(zip(named, datasets.values(), strict=True))
    assert lacking(by_split, {}) == ", ".join(f"3 of {n} {split} pairs" for split, n in named.items())
