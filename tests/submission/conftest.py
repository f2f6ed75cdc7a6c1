"""Trees of the four benchmarks, and what a finished upload of them looks like."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dsmnet.config import compose, config_dir, instantiate
from dsmnet.inference.batch import predict_files
from dsmnet.submission import MapWriter, UploadEntry, UploadForm, pack_upload, upload_entries
from dsmnet.types import DisparityMap, Image, Matcher, StereoSample

BENCHMARKS = sorted(path.stem for path in (config_dir() / "upload").glob("*.yaml"))
SIZES = ((20, 34), (24, 30))  # images of a benchmark differ in size


class Upload(NamedTuple):
    """A finished upload."""

    name: str
    datasets: dict[str, Any]
    form: UploadForm
    entries: list[UploadEntry]
    archive: Path

    def contents(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.archive) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def rewrite(self, contents: Mapping[str, bytes]) -> None:
        with zipfile.ZipFile(self.archive, "w") as archive:
            for name, data in contents.items():
                archive.writestr(name, data)


class Ramp(Matcher):
    """Predicts the column's number, so 0 in the first column."""

    def predict(self, left: Image, right: Image, max_disparity: int | None = None) -> DisparityMap:
        return np.broadcast_to(np.arange(left.shape[1], dtype=np.float32), left.shape[:2]).copy()


def write_tree(benchmark: str, data: Path) -> Any:
    """Write a tree of three pairs a split; return the benchmark's configuration."""
    rng = np.random.default_rng(0)
    cfg = compose("submit", [f"upload={benchmark}", f"paths.data={data}", "paths.output=unused"])
    target = instantiate({"_target_": "hydra.utils.get_class", "path": cfg.upload.dataset._target_})
    splits = {split for splits in cfg.upload.splits.values() for split in splits}
    for split in sorted(splits):
        samples: list[StereoSample] = []
        for index in range(3):
            left, right = rng.integers(0, 256, (2, *SIZES[index % 2], 3), np.uint8)
            samples.append({"left": left, "right": right, "name": "", "dataset": ""})
        target.write_fake(Path(cfg.upload.dataset.root), samples, split=split)
    return cfg.upload


@pytest.fixture(params=BENCHMARKS)
def upload(request: pytest.FixtureRequest, tmp_path: Path) -> Upload:
    """A finished upload of each benchmark, by a matcher that predicts a ramp."""
    data = tmp_path / "data"
    benchmark = write_tree(request.param, data)
    datasets = {}
    for split in benchmark.splits.test:
        benchmark.dataset.split = split
        datasets[split] = instantiate(benchmark.dataset)
    form = instantiate(benchmark.form)
    entries = upload_entries(form, datasets, "Ramp")
    pairs = [entry.pair for entry in entries]
    predict_files(Ramp(), pairs, MapWriter(tmp_path)).check()
    archive = tmp_path / "Ramp.zip"
    pack_upload(archive, entries, form, tmp_path, {pair.name: 0.5 for pair in pairs})
    return Upload(request.param, datasets, form, entries, archive)
