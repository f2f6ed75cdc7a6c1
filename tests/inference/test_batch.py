"""Many pairs: what fails, what is interrupted, what is taken over, what is not trusted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from dsmnet.errors import UserError
from dsmnet.inference.batch import Prediction, predict_files
from dsmnet.inference.files import ResultWriter
from dsmnet.inference.record import NAME, PredictionRecord
from dsmnet.io import read_pfm, write_image
from dsmnet.io.disparity import read_disparity
from dsmnet.io.pairs import PairFiles
from dsmnet.types import Matcher

OPTIONS: dict[str, Any] = {"checkpoint": None, "max_disparity": "auto"}


class Constant(Matcher):
    """Answers with one value; may raise at a call."""

    def __init__(self, value: float = 5.0, stop_at: int = 0, error: Any = KeyboardInterrupt) -> None:
        self.value, self.stop_at, self.error, self.calls = value, stop_at, error, 0

    def predict(self, left: np.ndarray, right: np.ndarray, max_disparity: int | None = None) -> np.ndarray:
        self.calls += 1
        if self.stop_at == self.calls:
            raise self.error
        return np.full(left.shape[:2], self.value, np.float32)


@pytest.fixture
def pairs(tmp_path: Path) -> list[PairFiles]:
    write_image(tmp_path / "i.png", np.zeros((20, 30, 3), np.uint8))
    return [PairFiles(f"p{number}", tmp_path / "i.png", tmp_path / "i.png") for number in range(6)]


def run(pairs: list[PairFiles], folder: Path, matcher: Any, resume: bool = False, **options: Any) -> Any:
    made_with = {**OPTIONS, **options.pop("made_with", {})}
    record = PredictionRecord(folder, made_with, resume)
    return predict_files(matcher, pairs, ResultWriter(folder), record=record, **options)


def maps(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.pfm"))


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_an_interrupted_run_goes_on(pairs: list[PairFiles], tmp_path: Path, ahead: int) -> None:
    out = tmp_path / "out"
    with pytest.raises(
        UserError, match=f"interrupted; 3 of 6 pairs are.*resume=true paths.output={out} does"
    ):
        run(pairs, out, Constant(stop_at=4), ahead=ahead)
    assert maps(out) == ["p0", "p1", "p2"]
    assert not list(out.glob(".part*"))
    rest = Constant()
    assert run(pairs, out, rest, resume=True, ahead=ahead).done == 3
    assert rest.calls == 3
    assert maps(out) == [pair.name for pair in pairs]
    assert run(pairs, out, rest, resume=True, ahead=ahead).done == 0
    assert rest.calls == 3


def test_without_resume_all_is_made_again(pairs: list[PairFiles], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pairs, out, Constant(5))
    with pytest.raises(UserError, match="interrupted; 1 of 6"):
        run(pairs, out, Constant(7, stop_at=2))
    # What the first run left of the others is not taken for a result of the second.
    assert run(pairs, out, Constant(7), resume=True).done == 5
    assert all((read_pfm(path) == 7).all() for path in out.glob("*.pfm"))


def test_other_options_are_refused(pairs: list[PairFiles], tmp_path: Path) -> None:
    run(pairs, tmp_path / "out", Constant())
    with pytest.raises(UserError, match=r"resume=true max_disparity=64: .*was made with max_disparity=auto"):
        run(pairs, tmp_path / "out", Constant(), resume=True, made_with={"max_disparity": 64})
    run(pairs, tmp_path / "out", matcher := Constant(), resume=True, made_with={"progress": False})
    assert matcher.calls == 0


def test_other_files_of_the_same_name_are_matched(
    pairs: list[PairFiles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another view, and a calibration that came later; not the same file by another path."""
    run(pairs, tmp_path / "out", Constant())
    write_image(tmp_path / "j.png", np.zeros((20, 30, 3), np.uint8))
    calib = tmp_path / "calib.txt"
    calib.write_text("cam0=[9 0 15; 0 9 10; 0 0 1]\ncam1=[9 0 15; 0 9 10; 0 0 1]\nbaseline=200\n")
    monkeypatch.chdir(tmp_path)
    near = [pair._replace(left=Path("i.png"), right=Path("i.png")) for pair in pairs[2:]]
    others = [pairs[0]._replace(calibration=calib), pairs[1]._replace(left=tmp_path / "j.png"), *near]
    assert run(others, tmp_path / "out", Constant(), resume=True).done == 2
    assert (tmp_path / "out" / "p0.ply").is_file()


def test_a_map_that_is_gone_and_half_a_line_are_made_again(pairs: list[PairFiles], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(pairs, out, Constant())
    (out / "p1.pfm").unlink()
    text = (out / NAME).read_text()
    (out / NAME).write_text(text[:-20])
    assert run(pairs, out, Constant(), resume=True).done == 2
    lines = [json.loads(line) for line in (out / NAME).read_text().splitlines()]
    assert lines[0]["made_by"] == OPTIONS
    assert {line["pair"][0] for line in lines[1:]} == {pair.name for pair in pairs}
    assert all(line["seconds"] >= 0 and line["max_disparity"] == 192 for line in lines[1:])


def test_resume_without_an_earlier_run_says_so(
    pairs: list[PairFiles], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(pairs, tmp_path / "out", Constant(), resume=True).done == 6
    assert "holds nothing of an earlier run" in caplog.text


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_broken_pair_is_named_and_the_rest_goes_on(
    pairs: list[PairFiles], tmp_path: Path, caplog: pytest.LogCaptureFixture, ahead: int
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    pairs[1] = pairs[1]._replace(right=tmp_path / "broken.png")
    pairs[4] = pairs[4]._replace(left=tmp_path / "gone.png")
    summary = run(pairs, tmp_path / "out", Constant(stop_at=1, error=MemoryError), ahead=ahead)
    with pytest.raises(UserError, match="3 of 6 pairs failed: p0, p1, p4"):
        summary.check()
    assert summary.done == 3
    assert maps(tmp_path / "out") == ["p2", "p3", "p5"]
    assert "p0: out of memory" in caplog.text
    assert f"{tmp_path / 'gone.png'}: no such file" in caplog.text


def test_a_pair_too_large_for_the_device_does_not_stop_the_others(
    pairs: list[PairFiles], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = torch.cuda.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(UserError, match="1 of 2 pairs failed: p0"):
        run(pairs[:2], tmp_path / "out", Constant(np.nan, stop_at=1, error=error)).check()
    assert maps(tmp_path / "out") == ["p1"]
    assert "p0: out of GPU memory" in caplog.text
    assert "p1: 600 pixels without a finite disparity" in caplog.text


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_mistake_in_the_code_is_not_taken_for_a_broken_pair(
    pairs: list[PairFiles], tmp_path: Path, ahead: int
) -> None:
    for error in (ValueError, RuntimeError("shape mismatch")):
        with pytest.raises((ValueError, RuntimeError)):
            run(pairs, tmp_path / "out", Constant(stop_at=2, error=error), ahead=ahead)


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_full_disk_ends_the_run_with_what_is_finished(
    pairs: list[PairFiles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    class Full(ResultWriter):
        def write(self, name: str, *args: Any, **kwargs: Any) -> None:
            if name == "p2":
                raise OSError(28, "No space left on device")
            super().write(name, *args, **kwargs)

    record = PredictionRecord(tmp_path / "out", OPTIONS)
    matcher = Constant()
    with pytest.raises(UserError, match=r"No space left on device.*pairs are finished.*resume=true"):
        predict_files(matcher, pairs, Full(tmp_path / "out"), record=record, ahead=ahead)
    assert matcher.calls <= 3 + ahead + 1


def test_many_failures_are_counted_not_listed(tmp_path: Path) -> None:
    pairs = [PairFiles(f"p{n}", tmp_path / "no.png", tmp_path / "no.png") for n in range(30)]
    with pytest.raises(UserError, match=r"30 of 30 pairs failed: p0, p1, .* and 10 more$"):
        run(pairs, tmp_path / "out", Constant()).check()


def test_progress_counts_the_pairs_that_are_left(pairs: list[PairFiles], tmp_path: Path) -> None:
    seen: list[int] = []

    def watch(items: Any) -> Any:
        seen.append(len(items))
        for number, item in enumerate(items):
            seen.append(number)
            yield item

    run(pairs, tmp_path / "out", Constant(), watch=watch)
    assert seen == [6, 0, 1, 2, 3, 4, 5]


class Halves(Constant):
    """Sure of the left half of a picture."""

    has_sharpness = True

    def predict_with_sharpness(self, left: np.ndarray, right: np.ndarray, reach: int | None = None) -> Any:
        sure = np.full(left.shape[:2], 0.25, np.float32)
        sure[:, :15] = 0.75
        return self.predict(left, right), sure


def test_confidence_is_written_and_what_is_not_trusted_is_unknown(
    pairs: list[PairFiles], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Prediction(confidence="sharpness", min_confidence=0.5)
    with caplog.at_level(logging.WARNING):
        run(pairs[:1], tmp_path / "out", Halves(), prediction=asked)
    assert not caplog.text
    stored = cv2.imread(str(tmp_path / "out" / "p0_confidence.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert (stored[:, :15] == round(0.75 * 65535)).all()
    assert (stored[:, 15:] == round(0.25 * 65535)).all()
    stored = read_pfm(tmp_path / "out" / "p0.pfm")
    assert (stored[:, :15] == 5).all()
    assert np.isposinf(stored[:, 15:]).all()
    known = np.where(np.arange(30) < 15, 5, 0)
    for name in ("p0.pfm", "p0.png"):
        assert (read_disparity(tmp_path / "out" / name) == known).all()
    colors = cv2.imread(str(tmp_path / "out" / "p0_color.png"))[:20]
    assert (colors[:, 15:30] == 0).all()
    assert (colors[:, :15] > 0).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prediction(min_confidence=0.5), "needs a confidence"),
        (lambda: Prediction(confidence=True, min_confidence=1.5), "min_confidence=1.5: expected"),
        (lambda: Prediction(confidence=True, min_confidence="high"), "min_confidence=high: expected"),
        (lambda: Prediction(confidence="much"), "confidence=much: expected"),
        (lambda: Prediction(max_disparity=0), "max_disparity=0: expected"),
        (lambda: predict_files(Constant(), [], ResultWriter(Path("x")), ahead=-1), "ahead=-1: expected"),
    ],
)
def test_options_that_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_a_cue_that_the_matcher_lacks_is_no_fault_of_the_pairs(
    pairs: list[PairFiles], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="confidence=sharpness: this matcher hands out no distribution"):
        run(pairs, tmp_path / "out", Constant(), prediction=Prediction(confidence="sharpness"))


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=rf"{tmp_path / 'file'}/\S+: cannot be written \("):
        PredictionRecord(tmp_path / "file", OPTIONS)
