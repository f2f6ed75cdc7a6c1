"""Trees of the four benchmarks, and what a finished upload of them looks like."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dsmnet.config import compose, config_dir, instantiate
from dsmnet.submission import Answer, UploadForm, expected_answers, pack, predict_answers
from dsmnet.submission.record import Record
from dsmnet.types import DisparityMap, Image, Matcher, StereoSample

BENCHMARKS = sorted(path.stem for path in (config_dir() / "benchmark").glob("*.yaml"))
SIZES = ((20, 34), (24, 30))  # images of a benchmark differ in size


class Upload(NamedTuple):
    """A finished upload."""

    benchmark: str
    data: Path
    form: UploadForm
    answers: list[Answer]
    archive: Path

    def contents(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.archive) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def rewrite(self, contents: Mapping[str, bytes]) -> None:
        with zipfile.ZipFile(self.archive, "w") as archive:
            for name, data in contents.items():
                archive.writestr(name, data)


class Ramp(Matcher):
    """Answers with the column's number, so 0 in the first, and counts how often it is asked."""

    def __init__(self, step: float = 1.0) -> None:
        self.step = step
        self.asked: list[tuple[int, ...]] = []

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        self.asked.append(left.shape)
        return np.broadcast_to(self.step * np.arange(left.shape[1], dtype=np.float32), left.shape[:2]).copy()


@pytest.fixture(name="write_tree")
def write_tree_fixture() -> Callable[[str, Path], Any]:
    return write_tree


def write_tree(benchmark: str, data: Path) -> Any:
    """Write a tree of three pairs a split; return the benchmark's configuration."""
    rng = np.random.default_rng(0)
    cfg = compose("submit", [f"benchmark={benchmark}", f"paths.data={data}", "paths.output=unused"])
    target = instantiate({"_target_": "hydra.utils.get_class", "path": cfg.benchmark.dataset._target_})
    splits = {split for splits in cfg.benchmark.splits.values() for split in splits}
    for split in sorted(splits):
        samples: list[StereoSample] = []
        for index in range(3):
            left, right = rng.integers(0, 256, (2, *SIZES[index % 2], 3), np.uint8)
            samples.append({"left": left, "right": right, "name": "", "dataset": ""})
        target.write_fake(Path(cfg.benchmark.dataset.root), samples, split=split)
    return cfg.benchmark


@pytest.fixture(params=BENCHMARKS)
def upload(request: pytest.FixtureRequest, tmp_path: Path) -> Upload:
    """A finished upload of each benchmark, by a matcher that answers with a ramp."""
    data = tmp_path / "data"
    benchmark = write_tree(request.param, data)
    datasets = {}
    for split in benchmark.splits.test:
        benchmark.dataset.split = split
        datasets[split] = instantiate(benchmark.dataset)
    form = instantiate(benchmark.form)
    answers = expected_answers(form, datasets, "Ramp")
    predict_answers(Ramp(), answers, form, tmp_path / "files", Record(tmp_path / "record.json", {}))
    archive = tmp_path / "Ramp.zip"
    pack(archive, answers, tmp_path / "files")
    return Upload(request.param, data, form, answers, archive)
