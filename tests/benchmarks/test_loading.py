"""torchvision's readers beside ours on the same files, what is measured, and what loading has to keep."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.loading.fake import write_fake_set
from benchmarks.loading.measure import Spread, measure_loader, measure_set
from benchmarks.loading.report import markdown
from benchmarks.loading.torchvision_readers import READERS_INSTALLED, same_files
from dsmnet.augment import Compose, RandomCrop, RandomHorizontalFlip
from dsmnet.data.datamodule import StereoDataModule
from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2012, Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.datasets.middlebury2006 import Middlebury2006
from dsmnet.datasets.sceneflow import SceneFlow
from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import read_disparity, read_pfm, write_pfm
from dsmnet.io.images import write_image

SIZE = (40, 64)
READERS = [Kitti2012, Kitti2015, SceneFlow, Middlebury, Eth3d]
needs_torchvision = pytest.mark.skipif(not READERS_INSTALLED, reason="torchvision is not installed")
CROP = Compose([RandomCrop(24, 32), RandomHorizontalFlip(0.5)])


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], StereoDataset]:
    """Make a tree of four generated pairs in a form, once."""
    root = tmp_path_factory.mktemp("fake")

    def make(kind: Any) -> StereoDataset:
        if not (root / kind.name).exists():
            write_fake_set(kind, root / kind.name, SIZE, 4)
        return kind(root / kind.name)

    return make


@needs_torchvision
@pytest.mark.parametrize("kind", READERS)
def test_torchvision_reads_the_same_pixels(
    kind: Any, tmp_path: Path, fake: Callable[[Any], StereoDataset]
) -> None:
    dataset = fake(kind)
    both = same_files(dataset, tmp_path)
    assert both is not None
    assert len(both.ours) == len(both.theirs) == len(dataset) == 4
    for index in range(4):
        sample = both.ours[index]
        left, right, disparity, *_ = both.read(index)
        np.testing.assert_array_equal(left, sample["left"])
        np.testing.assert_array_equal(right, sample["right"])
        known = sample["valid"]
        assert known.any()
        np.testing.assert_array_equal(disparity[0][known], sample["disparity"][known])
        np.testing.assert_array_equal(sample["left"], dataset[index]["left"])


@needs_torchvision
@pytest.mark.parametrize(("kind", "files"), [(Kitti2012, 3), (Kitti2015, 4), (Middlebury, 4), (Eth3d, 4)])
def test_both_read_as_many_files(
    kind: Any, files: int, tmp_path: Path, fake: Callable[[Any], StereoDataset]
) -> None:
    both = same_files(fake(kind), tmp_path)
    assert both is not None
    pair = both.ours.pairs[0]
    assert sum(isinstance(part, Path) for part in pair[1:]) == files
    links = {path.resolve() for path in tmp_path.rglob("*") if path.is_symlink() and "000000" in str(path)}
    assert {part.resolve() for part in pair[1:] if isinstance(part, Path)} == links


@needs_torchvision
def test_a_mask_that_torchvision_insists_on_is_made(
    tmp_path: Path, fake: Callable[[Any], StereoDataset]
) -> None:
    dataset = fake(Eth3d)
    without = [pair._replace(noc=None) for pair in dataset.pairs]
    dataset.pairs, before = without, dataset.pairs
    both = same_files(dataset, tmp_path)
    assert both is not None
    np.testing.assert_array_equal(both.ours[0]["noc"], both.ours[0]["valid"])
    assert before[0].noc is not None
    assert before[0].noc.is_file()


@needs_torchvision
def test_pairs_without_ground_truth_are_refused(tmp_path: Path, fake: Callable[[Any], StereoDataset]) -> None:
    dataset = fake(Kitti2015)
    dataset.pairs = [pair._replace(disparity=None, noc=None) for pair in dataset.pairs]
    with pytest.raises(DataError, match="require_ground_truth=true"):
        same_files(dataset, tmp_path)


@needs_torchvision
def test_what_is_measured(fake: Callable[[Any], StereoDataset]) -> None:
    threads = torch.get_num_threads()
    dataset = fake(Kitti2012)
    times = measure_set(dataset, CROP, pairs=5, repeats=3)
    assert (times.name, times.pairs, times.size, times.files) == ("kitti2012", 4, SIZE, 4)
    parts = [part for pair in dataset.pairs for part in pair[1:] if isinstance(part, Path)]
    assert times.megabytes == pytest.approx(sum(part.stat().st_size for part in parts) / 4e6, abs=1e-3)
    assert set(times.cpu_ms) == {"disk", "read", "crop", "same_files", "torchvision"}
    for spread in [*times.cpu_ms.values(), *times.wall_ms.values()]:
        assert 0 <= spread.low <= spread.median <= spread.high < 1000
    assert times.cpu_ms["disk"].low < times.cpu_ms["read"].high
    assert times.ratio is not None
    assert times.ratio.median > 0
    assert torch.get_num_threads() == threads
    other = measure_set(fake(Middlebury2006), CROP, pairs=1, repeats=1)
    assert other.ratio is None
    for workers in (0, 1):
        times.loader[workers] = other.loader[workers] = measure_loader(
            dataset, CROP, workers=workers, batch_size=2, batches=2, repeats=1
        )
        assert times.loader[workers].pairs_per_second.median > 0
        assert times.loader[workers].cpu_ms.median > 0
    text = markdown([times, other], "Generated pairs", ["eth3d"], (0.5, 1.0))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 * 4
    assert rows[3].count("–") == 3 + 2  # of the three cells without torchvision; two spreads
    assert "Not found: eth3d." in text


def test_spread() -> None:
    assert Spread.of([5, 1, 2, 4, 3]) == Spread(3, 2, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"pairs": 0, "repeats": 1}, "pairs=0"), ({"pairs": 1, "repeats": 0}, "repeats=0")],
)
def test_impossible_passes(
    options: dict[str, int], message: str, fake: Callable[[Any], StereoDataset]
) -> None:
    with pytest.raises(UserError, match=message):
        measure_set(fake(Kitti2012), CROP, **options)


def batches(dataset: StereoDataset, workers: int) -> list[dict[str, Any]]:
    module = StereoDataModule(dataset, CROP, batch_size=2, epoch_steps=4, workers=workers, seed=3)
    return list(module.train_dataloader())


def test_the_number_of_workers_does_not_show(fake: Callable[[Any], StereoDataset]) -> None:
    dataset = fake(SceneFlow)
    alone, shared = batches(dataset, 0), batches(dataset, 2)
    assert len(alone) == len(shared) == 4
    for one, other in zip(alone, shared, strict=True):
        assert one.keys() == other.keys()
        assert one["name"] == other["name"]
        for key in ("left", "right", "disparity", "valid"):
            assert torch.equal(one[key], other[key])
    assert not torch.equal(alone[0]["left"], alone[1]["left"])


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True)])
def test_memory_is_pinned_for_a_gpu_only(
    device: str, pinned: bool, fake: Callable[[Any], StereoDataset]
) -> None:
    module = StereoDataModule(fake(Kitti2012), CROP, batch_size=1, epoch_steps=1)
    assert module.train_dataloader().pin_memory is False
    strategy = SimpleNamespace(root_device=torch.device(device))
    module.trainer = SimpleNamespace(strategy=strategy, global_rank=0, world_size=1)  # type: ignore[assignment]
    assert module.val_dataloader().pin_memory is pinned


def test_a_map_that_is_its_own_mask_is_read_once(
    tmp_path: Path, fake: Callable[[Any], StereoDataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fake_set(Kitti2015, tmp_path, SIZE, 1)
    for path in (tmp_path / "training" / "disp_occ_0").iterdir():
        path.unlink()
    dataset = Kitti2015(tmp_path)
    expected = read_disparity(dataset.pairs[0].noc or "") > 0
    (sample,) = dataset
    np.testing.assert_array_equal(sample["noc"], expected)
    sample["noc"][:] = False
    np.testing.assert_array_equal(sample["valid"], expected)  # not the same array under two names


def test_listing_leaves_garbage_collection_as_it_was(tmp_path: Path) -> None:
    write_image(tmp_path / "training" / "image_2" / "0_10.png", np.zeros((4, 4), np.uint8))
    for on in (True, False):
        (gc.enable if on else gc.disable)()
        try:
            with pytest.raises(DataError, match="half copied"):
                Kitti2015(tmp_path)
            assert gc.isenabled() is on
        finally:
            gc.enable()


def test_maps_may_be_written_to(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3) + 1
    write_pfm(tmp_path / "a.pfm", values)
    read = read_pfm(tmp_path / "a.pfm")
    read += 1
    np.testing.assert_array_equal(read, values + 1)
    for row, expected in (([3, 1, np.nan], [3, 1, 0]), ([-1, 2, np.inf], [0, 2, 0]), ([4, 5, 6], [4, 5, 6])):
        write_pfm(tmp_path / "b.pfm", np.array([row], np.float32))
        np.testing.assert_array_equal(read_disparity(tmp_path / "b.pfm"), [expected])


def test_a_header_of_impossible_size_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.pfm"
    path.write_bytes(b"Pf\n9000000 9000000\n-1.0\n" + bytes(16))
    with pytest.raises(FormatError, match="truncated, 16 bytes"):
        read_pfm(path)
