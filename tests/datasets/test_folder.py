"""One's own folders: what pairs with what, which ground truth, and what is said when it does not fit."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.config import all_pairs, compose, instantiate
from dsmnet.datasets.folder import Folder
from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import write_disparity_pfm, write_disparity_png16, write_image
from dsmnet.io.npy import write_npy
from dsmnet.types import StereoSample

WRITERS: dict[str, Any] = {"pfm": write_disparity_pfm, "png": write_disparity_png16, "npy": write_npy}


def write(root: Path, samples: list[StereoSample], suffix: str = "pfm") -> dict[str, str]:
    """Write left/, right/ and disparity/; return the options that name them."""
    for index, sample in enumerate(samples):
        write_image(root / "left" / f"{index:03d}.png", sample["left"])
        write_image(root / "right" / f"{index:03d}.png", sample["right"])
        WRITERS[suffix](root / "disparity" / f"{index:03d}.{suffix}", sample["disparity"])
    return {part: str(root / part) for part in ("left", "right", "disparity")}


@pytest.mark.parametrize("pairing", ["order", "name"])
@pytest.mark.parametrize(("suffix", "step"), [("pfm", 0), ("png", 1 / 256), ("npy", 0)])
def test_folders_with_ground_truth(
    tmp_path: Path, suffix: str, step: float, pairing: str, make_samples: Any
) -> None:
    samples = make_samples(3)
    data = Folder(**write(tmp_path, samples, suffix), pairing=pairing)
    assert [pair.name for pair in data.pairs] == ["000", "001", "002"]
    for found, given in zip((data[index] for index in range(3)), samples, strict=True):
        np.testing.assert_array_equal(found["left"], given["left"])
        np.testing.assert_array_equal(found["right"], given["right"])
        assert np.abs(found["disparity"] - given["disparity"]).max() <= step / 2 + 1e-6
        np.testing.assert_array_equal(found["valid"], given["disparity"] > 0)
        assert found["dataset"] == "folder"


def test_a_scale_reads_8_bit_and_scaled_maps(tmp_path: Path, make_samples: Any) -> None:
    options = write(tmp_path, make_samples(1))
    disparity = np.full((37, 53), 60, np.uint8)
    write_image(tmp_path / "eight" / "000.png", disparity)
    write_npy(tmp_path / "array" / "000.npy", disparity)
    for folder, scale, expected in (("eight", 3, 20), ("eight", 1, 60), ("array", 4, 15)):
        data = Folder(options["left"], options["right"], str(tmp_path / folder), scale=scale)
        assert (data[0]["disparity"] == expected).all()
    with pytest.raises(UserError, match="scale"):
        Folder(options["left"], options["right"], str(tmp_path / "eight"))[0]
    with pytest.raises(UserError, match=r"000\.pfm.*no scale"):
        Folder(**options, scale=3)[0]
    with pytest.raises(UserError, match=r"scale=-1: expected a positive"):
        Folder(**options, scale=-1)


def test_globs_lists_and_single_files(tmp_path: Path, make_samples: Any) -> None:
    for scene, sample in zip(("Attic", "Barn"), make_samples(2), strict=True):
        write_image(tmp_path / scene / "im0.png", sample["left"])
        write_image(tmp_path / scene / "im1.png", sample["right"])
        write_disparity_pfm(tmp_path / scene / "disp0.pfm", sample["disparity"])
    globs = [f"{tmp_path}/*/{name}" for name in ("im0.png", "im1.png", "disp0.pfm")]
    for pairing in ("order", "name"):
        data = Folder(*globs, pairing=pairing)
        assert [pair.name for pair in data.pairs] == ["Attic_im0", "Barn_im0"]
        for pair in data.pairs:
            assert pair.disparity
            assert pair.left.parent == pair.right.parent == pair.disparity.parent
    files = [str(tmp_path / "Barn" / name) for name in ("im0.png", "im1.png", "disp0.pfm")]
    assert len(Folder(*files)) == len(Folder(*([file] for file in files))) == 1


def test_without_ground_truth(tmp_path: Path, make_samples: Any) -> None:
    options = write(tmp_path, make_samples(2))
    data = Folder(options["left"], options["right"], require_ground_truth=False)
    assert not {"disparity", "valid"} & data[1].keys()
    with pytest.raises(DataError, match=r"dataset\.disparity: expected .*require_ground_truth=false"):
        Folder(options["left"], options["right"])


def test_by_name_some_may_lack_ground_truth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make_samples: Any
) -> None:
    options = write(tmp_path, make_samples(3))
    (tmp_path / "disparity" / "001.pfm").unlink()
    with caplog.at_level(logging.WARNING):
        data = Folder(**options, pairing="name")
    assert "1 of 3 pairs left out, they have no ground truth: 001" in caplog.text
    assert [pair.disparity.name for pair in data.pairs if pair.disparity] == ["000.pfm", "002.pfm"]
    assert len(Folder(**options, pairing="name", require_ground_truth=False)) == 3
    with pytest.raises(UserError, match="holds 2 maps for 3 pairs: expected one each, or pairing=name"):
        Folder(**options)


def test_what_does_not_fit_together_is_named(tmp_path: Path, make_samples: Any) -> None:
    options = write(tmp_path, make_samples(3))
    (tmp_path / "right" / "002.png").unlink()
    with pytest.raises(UserError, match=r"left=.* holds 3 images and right=.* 2: expected equally many"):
        Folder(**options)
    with pytest.raises(UserError, match=r"1 files of left=.* have none of that name in right=.*: 002"):
        Folder(**options, pairing="name")
    (tmp_path / "left" / "000.png").unlink()
    with pytest.raises(UserError, match="would be paired with"):
        Folder(options["left"], options["right"], require_ground_truth=False)
    with pytest.raises(UserError, match="pairing=nonsense: expected order or name"):
        Folder(**options, pairing="nonsense")
    (tmp_path / "other").mkdir()
    for name in ("left/000.png", "right/002.png", "other/x.pfm"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"disparity=.*: no map has the name of a left view"):
        Folder(options["left"], options["right"], str(tmp_path / "other"), pairing="name")
    (tmp_path / "left" / "000.jpg").touch()
    with pytest.raises(UserError, match=r"left: .*000\.(png|jpg) and .*000\.(png|jpg) have the same name"):
        Folder(**options, pairing="name")


@pytest.mark.parametrize("option", ["left", "right", "disparity"])
def test_a_folder_that_is_not_there(tmp_path: Path, option: str, make_samples: Any) -> None:
    options = write(tmp_path, make_samples(1)) | {option: str(tmp_path / "nowhere")}
    with pytest.raises(DataError, match=f"{option}=.*nowhere: no such file"):
        Folder(**options)


def test_a_broken_map_and_another_size_are_named(tmp_path: Path, make_samples: Any) -> None:
    options = write(tmp_path, make_samples(1))
    write_disparity_pfm(tmp_path / "disparity" / "000.pfm", np.ones((3, 4)))
    with pytest.raises(DataError, match=r"sizes .*37x53.*000\.pfm has 3x4"):
        Folder(**options)[0]
    (tmp_path / "disparity" / "000.pfm").write_bytes(b"Pf\n53 37\n-1\n")
    with pytest.raises(FormatError, match=r"000\.pfm: truncated"):
        Folder(**options)[0]


def test_one_can_train_on_it(tmp_path: Path, make_samples: Any) -> None:
    data = Folder(**write(tmp_path, make_samples(7)))
    train, validation = data.split_validation()
    names = [[part[index]["name"] for index in range(len(part))] for part in (train, validation)]  # type: ignore[arg-type, index]
    assert names == [["001", "002", "003", "004", "006"], ["000", "005"]]
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy[3]["disparity"], data[3]["disparity"])


def test_its_yaml(tmp_path: Path, make_samples: Any) -> None:
    options = write(tmp_path, make_samples(2))
    given = [f"dataset.{name}={value}" for name, value in options.items()]
    node = compose("train", ["dataset=folder", "paths.output=x", *given]).dataset
    assert len(instantiate(node)) == len(all_pairs(node)) == 2
    node.disparity = None
    assert len(all_pairs(node)) == 2
    with pytest.raises(UserError, match=r"dataset\.left: expected a folder"):
        instantiate(compose("train", ["dataset=folder", "paths.output=x"]).dataset)
    with pytest.raises(UserError, match=r"dataset\.right: expected a folder"):
        instantiate(compose("train", ["dataset=folder", "paths.output=x", given[0]]).dataset)
