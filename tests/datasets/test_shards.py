"""Shards: the same pairs as unpacked, whatever interrupts their writing, and one line for what is broken."""

from __future__ import annotations

import io
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from dsmnet.data.mixture import Mixture
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.folder import Folder
from dsmnet.datasets.kitti import Kitti2015
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.datasets.sceneflow import SceneFlow
from dsmnet.datasets.shard_format import INDEX, TABLE
from dsmnet.datasets.shard_writer import write_shards
from dsmnet.datasets.shards import Shards
from dsmnet.errors import DataError, FormatError, MissingDataError, UserError
from dsmnet.evaluation.sets import FoundSets, leave_out_trained
from dsmnet.io import write_image
from dsmnet.types import StereoSample
from tests.datasets.conftest import make_samples
from tests.synthetic.scenes import clean


def kitti(root: Path, samples: list[StereoSample]) -> Any:
    Kitti2015.write_fake(root, samples)
    return Kitti2015(root)


def middlebury(root: Path, samples: list[StereoSample]) -> Any:
    Middlebury.write_fake(root, samples)
    return Middlebury(root)


def sceneflow(root: Path, samples: list[StereoSample]) -> Any:
    """A set whose authors hold a part back for validation."""
    for split in SceneFlow.splits:
        SceneFlow.write_fake(root, samples, split=split)
    return SceneFlow(root)


def photographs(root: Path, samples: list[StereoSample]) -> Any:
    """JPEG files, which are not decoded and written anew; one pair is without ground truth."""
    for index, sample in enumerate(samples):
        for view in ("left", "right"):
            write_image(root / view / f"{index}.jpg", sample[view])  # type: ignore[literal-required]
        if index:
            write_image(root / "map" / f"{index}.png", (sample["disparity"] * 256).astype(np.uint16))
    places = [str(root / part) for part in ("left", "right", "map")]
    return Folder(*places, pairing="name", require_ground_truth=False)


def generator(root: Path, samples: list[StereoSample]) -> Any:
    return clean(length=7, validation_length=2, size=(32, 64), largest_disparity=16.0, min_near=4.0)


def mixture(root: Path, samples: list[StereoSample]) -> Any:
    parts = {"kitti": kitti(root, samples), "made": generator(root, samples)}
    return Mixture(parts, {"kitti": 1.0, "made": 1.0})


def assert_same(one: Any, other: Any, count: int | None = None) -> None:
    assert len(one) == len(other) if count is None else count <= min(len(one), len(other))
    for index in range(len(one) if count is None else count):
        a, b = one[index], other[index]
        assert a.keys() == b.keys()
        for key, value in a.items():
            if isinstance(value, np.ndarray):
                assert value.dtype == b[key].dtype
                np.testing.assert_array_equal(value, b[key])
            else:
                assert value == b[key]


@pytest.mark.parametrize(
    ("make", "workers"),
    [(kitti, 2), (middlebury, 1), (sceneflow, 2), (photographs, 1), (generator, 1), (mixture, 1)],
)
def test_shards_hold_the_pairs_and_parts_of_the_set(
    make: Callable[..., Any], workers: int, tmp_path: Path
) -> None:
    whole = make(tmp_path / "set", make_samples(7))
    write_shards(whole, tmp_path / "shards", shard_pairs=3, workers=workers)
    packed = Shards(tmp_path / "shards", require_ground_truth=False)
    assert packed.name == whole.name
    if not isinstance(whole, Mixture):
        assert_same(whole, packed)
    for part, again in zip(whole.split_validation(), packed.split_validation(), strict=True):
        assert_same(part, again)
        assert again.name
    assert not list((tmp_path / "shards").glob("*.rows"))


def test_of_a_generator_as_many_pairs_are_packed_as_asked_for(tmp_path: Path) -> None:
    write_shards(generator(tmp_path, []), tmp_path, pairs=5)
    train, validation = Shards(tmp_path).split_validation()
    assert (len(train), len(validation)) == (5, 2)


def test_pairs_without_ground_truth_are_left_out_unless_wanted(tmp_path: Path) -> None:
    whole = photographs(tmp_path / "set", make_samples(4))
    write_shards(whole, tmp_path)
    assert [pair["name"] for pair in Shards(tmp_path)] == ["1", "2", "3"]  # type: ignore[attr-defined]
    assert (len(Shards(tmp_path)), len(Shards(tmp_path, require_ground_truth=False))) == (3, 4)


def test_files_of_views_are_kept_and_exact_maps_are_small(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    whole = photographs(tmp_path / "set", make_samples(2))
    write_shards(whole, tmp_path)
    without, known = webdataset.WebDataset(str(tmp_path / "shard-000000.tar"), shardshuffle=False)
    assert without["left.jpg"] == whole.pairs[0].left.read_bytes()
    assert "disparity.png" in known
    assert "disparity.png" not in without
    assert json.loads(known["json"])["name"] == "1"


class Stopped(Dataset[StereoSample]):
    """A data set whose reading is interrupted at its sixth pair, or fails there."""

    name, endless = "stopped", False

    def __init__(self, error: BaseException | None) -> None:
        self.samples, self.error = make_samples(7), error

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> StereoSample:
        if index == 5 and self.error is not None:
            raise self.error
        maps = {"valid": "disparity", "right_valid": "right_disparity"}
        valid = {key: self.samples[index][of] != 0 for key, of in maps.items()}  # type: ignore[literal-required]
        return {**self.samples[index], **valid, "name": str(index)}  # type: ignore[typeddict-item]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), DataError("5.png: truncated")])
def test_stopped_packing_leaves_whole_shards_and_goes_on(
    error: BaseException, workers: int, tmp_path: Path
) -> None:
    folder, whole = tmp_path / "a", tmp_path / "b"
    with pytest.raises(type(error)):
        write_shards(Stopped(error), folder, shard_pairs=2, workers=workers)  # type: ignore[arg-type]
    assert not [path for path in folder.iterdir() if path.name.startswith(".part-")]
    assert not (folder / INDEX).exists()
    with pytest.raises(DataError, match=re.escape(str(folder / INDEX))):
        Shards(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    assert folder / "shard-000000.tar" in before
    assert folder / "shard-000002.tar" not in before
    write_shards(Stopped(None), folder, shard_pairs=2, workers=workers)  # type: ignore[arg-type]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    write_shards(Stopped(None), whole, shard_pairs=2)  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_shards_of_other_options_are_not_mixed(tmp_path: Path) -> None:
    for _ in range(2):
        write_shards(Stopped(None), tmp_path, pairs=2, source={"seed": 0})  # type: ignore[arg-type]
    for pairs, seed in ((2, 1), (3, 0)):
        with pytest.raises(UserError, match="made with other options"):
            write_shards(Stopped(None), tmp_path, pairs=pairs, source={"seed": seed})  # type: ignore[arg-type]


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    write_shards(Stopped(None), tmp_path, pairs=4, shard_pairs=2)  # type: ignore[arg-type]
    return tmp_path


def edit(path: Path, change: Callable[[bytearray], Any]) -> None:
    path.write_bytes(change(bytearray(path.read_bytes())))


def flip(data: bytearray) -> bytearray:
    data[len(data) // 4] ^= 1
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: edit(path, lambda data: data[:700]), "truncated, it ends within the pair at byte 0"),
        (lambda path: edit(path, lambda data: data[:0]), "truncated, it ends within the pair at byte 0"),
        (lambda path: edit(path, flip), "damaged, the pair at byte 0 is not what was written"),
    ],
)
def test_broken_shards_are_named(change: Callable[[Path], None], message: str, packed: Path) -> None:
    shard = packed / "shard-000001.tar"
    change(shard)
    pairs = Shards(packed)
    assert pairs[0]["name"]
    with pytest.raises(DataError if "no such" in message else FormatError) as caught:
        pairs[2]
    assert str(caught.value) == f"{shard}: {message}"


def objects(data: bytearray) -> bytes:
    """An array whose reading would run code."""
    file = io.BytesIO()
    np.save(file, np.array([print, None], object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (INDEX, lambda data: data[:20], "not the index of shards"),
        (INDEX, lambda data: b"[1]", "not the index of shards"),
        (INDEX, lambda data: data.replace(b"shards 1", b"shards 9"), "expected dsmnet shards 1"),
        (INDEX, lambda data: data.replace(b'"shards": 2', b'"shards": 1'), "in 1 shards of"),
        (TABLE, lambda data: data[:-1], "not a whole .npy array"),
        (TABLE, lambda data: data[:30], "not a whole .npy array"),
        (TABLE, objects, "not a whole .npy array"),
    ],
)
def test_broken_index_is_one_line(
    name: str, change: Callable[[bytearray], Any], message: str, packed: Path
) -> None:
    edit(packed / name, change)
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        Shards(packed)
    assert str(packed / "index.") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_row_that_lies_is_refused_with_its_shard(packed: Path) -> None:
    table = np.load(packed / TABLE)
    table["offset"][0] += 512
    table["checksum"][1] ^= 1
    np.save(packed / TABLE, table)
    for index in range(2):
        with pytest.raises(FormatError, match=re.escape(str(packed / "shard-000000.tar"))):
            Shards(packed)[index]


def test_folder_that_is_not_there_or_not_given_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="nowhere"):
        Shards(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"dataset\.root: expected"):
        Shards(None)
    with pytest.raises(UserError, match="nothing://x"):
        Shards("nothing://x")


def test_pairs_trained_on_from_shards_are_not_evaluated_on(tmp_path: Path) -> None:
    whole = kitti(tmp_path / "set", make_samples(6))
    Eth3d.write_fake(tmp_path / "eth", make_samples(2))
    write_shards(whole, tmp_path)
    train, validation = Shards(tmp_path).split_validation()
    left = leave_out_trained(FoundSets({"kitti2015": whole, "eth3d": Eth3d(tmp_path / "eth")}, {}), train)
    names = [pair["name"] for pair in (left.present["kitti2015"][i] for i in range(len(validation)))]
    assert names == [validation[i]["name"] for i in range(len(validation))]
    assert len(left.present["eth3d"]) == 2


def test_loading_processes_of_any_kind_read_what_this_one_does(packed: Path) -> None:
    pairs = Shards(packed)
    assert_same(pickle.loads(pickle.dumps(pairs)), pairs)  # as a spawned process gets them
    loader = torch.utils.data.DataLoader(pairs, batch_size=None, num_workers=2, collate_fn=lambda pair: pair)
    assert_same(list(loader), pairs)
