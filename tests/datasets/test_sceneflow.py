"""SceneFlow: parts, passes, forms of the views, lists of frames, and its whole published size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest

from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.sceneflow import SceneFlow
from dsmnet.errors import DataError, FormatError, UserError


def names(part: Any) -> list[str]:
    return [part[index]["name"] for index in range(len(part))]


def test_sceneflow_uses_what_is_there(tmp_path: Path, make_samples: Any) -> None:
    SceneFlow.write_fake(tmp_path, make_samples(3), passes="final")
    everything = [pair.name for pair in SceneFlow(tmp_path).pairs]
    assert [name.split("_")[0] for name in everything] == ["Driving", "FlyingThings3D", "Monkaa"]
    assert all("finalpass" in name for name in everything)
    assert [pair.name for pair in SceneFlow(tmp_path, passes="final").pairs] == everything
    with pytest.raises(DataError, match="frames_cleanpass"):
        SceneFlow(tmp_path, passes="clean")
    with pytest.raises(DataError, match="FlyingThings3D/frames_cleanpass/TEST"):
        SceneFlow(tmp_path, split="TEST")


def test_sceneflow_of_some_parts(tmp_path: Path, make_samples: Any) -> None:
    SceneFlow.write_fake(tmp_path, make_samples(6))
    SceneFlow.write_fake(tmp_path, make_samples(2, seed=1), split="TEST")
    driving = SceneFlow(tmp_path, parts=["Driving"])
    assert {pair.name.split("_")[0] for pair in driving.pairs} == {"Driving"}
    assert SceneFlow(tmp_path, parts="Driving").pairs == driving.pairs
    validation = driving.split_validation()[1]
    assert [validation[i]["name"].split("_")[0] for i in range(len(validation))] == ["Driving"]
    with pytest.raises(UserError, match="nothing else has a TEST part"):
        SceneFlow(tmp_path, split="TEST", parts=["Driving", "Monkaa"])
    with pytest.raises(UserError, match="expected at least one of FlyingThings3D"):
        SceneFlow(tmp_path, parts=[])


def test_sceneflow_as_webp(tmp_path: Path, make_samples: Any) -> None:
    samples = make_samples(1)
    SceneFlow.write_fake(tmp_path, samples, images="webp", passes="final")
    sequence = tmp_path / "FlyingThings3D" / "frames_finalpass_webp" / "TRAIN" / "0000" / "0000"
    assert (sequence / "left" / "0000.webp").is_file()
    np.testing.assert_array_equal(SceneFlow(tmp_path, images="webp")[0]["left"], samples[0]["left"])
    cut = sequence / "right" / "0000.webp"
    cut.write_bytes(cut.read_bytes()[:-10])
    with pytest.raises(FormatError, match=f"{cut}: truncated"):
        SceneFlow(tmp_path, images="webp")[0]
    with pytest.raises(DataError, match="frames_finalpass/TRAIN"):
        SceneFlow(tmp_path)


def test_sceneflow_excludes_frames_of_both_passes_and_of_either_view(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make_samples: Any
) -> None:
    names = SceneFlow.write_fake(tmp_path, make_samples(6))
    listed = tmp_path / "unused.txt"
    listed.write_text("TRAIN/0000/0000/left/0000.png\nTRAIN/0001/0001/right/0001.webp\n")
    left = [pair.name for pair in SceneFlow(tmp_path, exclude=listed).pairs]
    assert sorted(left) == sorted(name for name in names if not name.startswith("FlyingThings3D"))
    with pytest.raises(DataError, match="leaves out all of the 2 pairs"):
        SceneFlow(tmp_path, parts=["FlyingThings3D"], exclude=listed)
    listed.write_text("A/0000/left/0000.png\n")
    assert len(SceneFlow(tmp_path, exclude=listed)) == 6
    assert "TRAIN/A/0004/left/0010.png were expected" in caplog.text
    with pytest.raises(UserError, match="exclude=nowhere: no such file"):
        SceneFlow(tmp_path, exclude="nowhere")


MISSING = {
    "TRAIN": {"A": {18, 132, 653, 676}, "B": {18, 172, 316, 400}, "C": {398, 419, 651}},
    "TEST": {"A": {4, 72, 84, 96, 139, 142}, "B": {31, 115, 132}, "C": {18, 43, 74, 142}},
}

SEQUENCES = {"TRAIN": 750, "TEST": 150}
DRIVING = {"fast": 300, "slow": 800}  # frames, of two lenses and two directions each

MONKAA = {
    126: "a_rain_of_stones_x2 flower_storm_augmented0_x2 flower_storm_augmented1_x2 flower_storm_x2",
    151: "eating_camera2_x2 eating_naked_camera2_x2",
    91: "eating_x2 top_view_x2",
    161: "family_x2",
    501: "funnyworld_augmented0_x2 funnyworld_augmented1_x2 funnyworld_camera2_augmented0_x2 "
    "funnyworld_camera2_augmented1_x2 funnyworld_camera2_x2 funnyworld_x2 lonetree_augmented0_x2 "
    "lonetree_augmented1_x2 lonetree_difftex2_x2 lonetree_difftex_x2 lonetree_winter_x2 lonetree_x2 "
    "treeflight_augmented0_x2 treeflight_augmented1_x2 treeflight_x2",
}


def count(cls: Any, root: Path, **options: Any) -> int:
    """Open a set and hold the number of its pairs against the published one."""
    data: StereoDataset = cls(root, **options)
    published = cls.published(
        **{k: v for k, v in options.items() if k not in ("require_ground_truth", "subset")}
    )
    assert len(data) == published
    return len(data)


def flying_things(split: str) -> list[str]:
    return [
        f"{split}/{letter}/{sequence:04d}"
        for letter in "ABC"
        for sequence in range(SEQUENCES[split])
        if sequence not in MISSING[split][letter]
    ]


def sceneflow_frames() -> Iterator[tuple[str, str, Sequence[int]]]:
    """Return for each sequence its part, its folder and its frames."""
    for split in SEQUENCES:
        for folder in flying_things(split):
            yield "FlyingThings3D", folder, range(6, 16)
    for lens, direction, speed in product("13", ("forwards", "backwards"), DRIVING):
        yield "Driving", f"{lens}5mm_focallength/scene_{direction}/{speed}", range(1, DRIVING[speed] + 1)
    for number, names in MONKAA.items():
        for name in names.split():
            yield "Monkaa", name, range(number)


@pytest.fixture(scope="module")
def sceneflow_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of SceneFlow: the clean pass as WebP, the final one as PNG, the disparity of both views.

    Sequences of the same frames are links to one folder of empty files, else there would be 240,000 of them.
    """
    base = tmp_path_factory.mktemp("sceneflow")
    folders: set[Path] = set()
    kinds = (("frames_cleanpass_webp", "webp"), ("frames_finalpass", "png"), ("disparity", "pfm"))
    for part, sequence, frames in sceneflow_frames():
        for kind, suffix in kinds:
            shared = base / "shared" / f"{suffix}_{frames[0]}_{frames[-1]}"
            if not shared.exists():
                (shared / "left").mkdir(parents=True)
                for frame in frames:
                    (shared / "left" / f"{frame:04d}.{suffix}").touch()
                (shared / "right").symlink_to("left", target_is_directory=True)
            link = base / "SceneFlow" / part / kind / sequence
            if link.parent not in folders:
                link.parent.mkdir(parents=True, exist_ok=True)
                folders.add(link.parent)
            link.symlink_to(shared, target_is_directory=True)
    return base / "SceneFlow"


def test_sceneflow_of_full_size_is_found(sceneflow_root: Path) -> None:
    assert count(SceneFlow, sceneflow_root, split="TRAIN", passes="final") == 35454
    assert count(SceneFlow, sceneflow_root, split="TEST", passes="clean", images="webp") == 4370
    for part, pairs in (("FlyingThings3D", 22390), ("Driving", 4400), ("Monkaa", 8664)):
        assert SceneFlow.published(passes="final", parts=[part]) == pairs
    assert count(SceneFlow, sceneflow_root, passes="final", parts=["Driving"]) == 4400
    assert SceneFlow.published(passes="both") == 2 * 35454


def test_sceneflow_leaves_out_what_a_list_names(sceneflow_root: Path, tmp_path: Path) -> None:
    listed = tmp_path / "all_unused_files.txt"
    frames = [
        f"{folder}/left/{frame:04d}.png" for folder in flying_things("TRAIN")[:3] for frame in range(6, 16)
    ]
    listed.write_text("\n".join([*frames, "TEST/A/0000/left/0006.png"]) + "\n")
    options = {"passes": "final", "parts": ["FlyingThings3D"], "exclude": str(listed)}
    train, test = SceneFlow(sceneflow_root, **options).split_validation()
    assert len(train) == 22390 - 30
    assert len(test) == 4370 - 1


@pytest.mark.timing
def test_listing_is_quick(sceneflow_root: Path) -> None:
    """Less than 0.3 ms of computing a pair: seconds for a set of a hundred thousand."""
    start = process_time()
    data = SceneFlow(sceneflow_root, passes="final")
    assert process_time() - start < 3e-4 * len(data)
