"""The contract of every data set made of files, on trees it writes of itself.

A new ``conf/dataset/*.yaml`` whose class is a `StereoDataset` is tested by being there.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import hydra
import numpy as np
import pytest
from omegaconf import OmegaConf

from dsmnet.config import config_dir, instantiate
from dsmnet.data.base import StereoDataset
from dsmnet.data.formats import write_image, write_pfm
from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.protocols import Calibration, StereoSample

SIZE = (37, 53)
CALIBRATION = Calibration(focal=710.5, baseline=0.25, cx=26.5, cy=18.0, doffs=4.25, max_disparity=48)
LOSSY = {".jpg", ".jpeg"}  # what OpenCV writes without loss is compared exactly: PNG, PPM, WebP
LOSSY_BOUND = 8  # grey levels; JPEG differs by at most 6 on 600 of the smooth views it is given
SHARED_OPTIONS = {"_target_", "root", "require_truth", "subset"}  # those of every set
PARTS_OF_PIXELS = ("left", "right", "disparity", "right_disparity", "noc", "foreground")
MakeSamples = Callable[..., "list[StereoSample]"]


def data_set_class(name: str) -> Any:
    cfg = OmegaConf.load(config_dir() / "dataset" / f"{name}.yaml")
    return hydra.utils.get_class(cfg["_target_"]) if "_target_" in cfg else None


def is_made_of_files(name: str) -> bool:
    found = data_set_class(name)
    return found is not None and issubclass(found, StereoDataset)


NAMES = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml") if is_made_of_files(path.stem))


class Case:
    """A data set as its yaml gives it, with a root in a temporary folder."""

    def __init__(self, name: str, data: Path) -> None:
        cfg = OmegaConf.merge(
            {"paths": {"data": str(data)}}, {"set": OmegaConf.load(config_dir() / "dataset" / f"{name}.yaml")}
        )
        self.node = cfg["set"]
        self.root = Path(self.node["root"])
        node = OmegaConf.to_container(self.node, resolve=True)
        assert isinstance(node, dict)
        self.own_options = {str(key): value for key, value in node.items() if key not in SHARED_OPTIONS}
        self.cls = data_set_class(name)
        known = inspect.signature(self.cls.tree).parameters
        self.options = {key: value for key, value in self.own_options.items() if key in known}
        self.tree = self.cls.tree(**self.options)
        views = [view for layout in self.tree.layouts for view in (layout.left, layout.right)]
        self.suffixes = {Path(view).suffix for view in views}

    def write(self, samples: list[StereoSample]) -> list[str]:
        return self.cls.write_fake(self.root, samples, **self.options)

    def adapt(self, sample: StereoSample) -> StereoSample:
        """Make of a sample one that this set's formats can hold."""
        for view in ("left", "right"):
            if self.suffixes & LOSSY:
                sample[view] = smooth(sample[view])
            if ".pgm" in self.suffixes:
                sample[view] = np.repeat(sample[view][..., :1], 3, axis=2)
        for part in ("disparity", "right_disparity"):
            # Scaled into the range, not cut: the values stay spread over it.
            sample[part] = sample[part] * np.float32(min(1, self.tree.disparity.largest / sample[part].max()))
        return sample

    def assert_same_view(self, found: Any, given: Any) -> None:
        """Compare exactly what is stored exactly, else within `LOSSY_BOUND`."""
        difference = cv2.absdiff(found, given)
        assert difference.max() <= (LOSSY_BOUND if self.suffixes & LOSSY else 0)

    def assert_same_disparity(self, found: Any, given: Any) -> None:
        """Compare to the step of the codec."""
        assert (np.abs(found - given) <= self.tree.disparity.steps(given) / 2 + 1e-5).all()

    def open(self, **options: Any) -> StereoDataset:
        return instantiate(self.node, **options)


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path / "data")


@pytest.fixture
def make_samples(case: Case, make_samples: MakeSamples) -> MakeSamples:
    """Samples as everywhere, but such as the formats of this set can hold."""

    def make(count: int, seed: int = 0) -> list[StereoSample]:
        return [case.adapt(sample) for sample in make_samples(count, seed)]

    return make


def smooth(image: Any) -> Any:
    """Return a picture of the same size with strong contrast and no fine structure."""
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 10, borderType=cv2.BORDER_REFLECT)
    return cv2.normalize(blurred, None, 40, 215, cv2.NORM_MINMAX).astype(np.uint8)


def test_the_six_sets_are_among_them() -> None:
    assert {"sceneflow", "kitti2012", "kitti2015", "middlebury", "middlebury2006", "eth3d"} <= set(NAMES)


def test_what_was_written_is_read_back(case: Case, make_samples: MakeSamples) -> None:
    samples = make_samples(3)
    names = case.write(samples)
    written = dict(zip(names, samples, strict=True))
    layouts = dict(zip(names, itertools.cycle(case.tree.layouts), strict=False))
    data = case.open()
    assert len(data) == len(written) == 3
    for index in range(len(data)):
        found = data[index]
        given = written[found["name"]]
        assert found["dataset"] == data.name
        for view in ("left", "right"):
            case.assert_same_view(found[view], given[view])
        case.assert_same_disparity(found["disparity"], given["disparity"])
        np.testing.assert_array_equal(found["valid"], given["disparity"] > 0)
        layout = layouts[found["name"]]
        assert ("noc" in found) == (layout.noc is not None)
        if "noc" in found:
            np.testing.assert_array_equal(found["noc"], given["noc"])
        assert ("right_disparity" in found) == (layout.right_disparity is not None)
        if "right_disparity" in found:
            case.assert_same_disparity(found["right_disparity"], given["right_disparity"])
            np.testing.assert_array_equal(found["right_valid"], given["right_disparity"] > 0)
        assert ("foreground" in found) == (layout.foreground is not None)
        if "foreground" in found:
            np.testing.assert_array_equal(found["foreground"], given["foreground"])
        if layout.calibration:
            assert found["calibration"][:5] == pytest.approx(CALIBRATION[:5])
            assert found["calibration"].max_disparity in (CALIBRATION.max_disparity, None)


def test_keys_shapes_and_types_are_those_of_a_sample(case: Case, make_samples: MakeSamples) -> None:
    case.write(make_samples(1))
    sample: Any = case.open()[0]
    assert sample.keys() <= StereoSample.__annotations__.keys()
    dtypes = {"left": np.uint8, "right": np.uint8, "disparity": np.float32, "right_disparity": np.float32}
    dtypes |= dict.fromkeys(("valid", "noc", "right_valid", "foreground"), np.bool_)
    for key, dtype in dtypes.items():
        if key in sample:
            assert sample[key].dtype == dtype, key
            assert sample[key].shape == ((*SIZE, 3) if key in ("left", "right") else SIZE), key
            assert sample[key].flags.c_contiguous, key
            assert sample[key].flags.writeable, key
    assert (sample["disparity"] >= 0).all()
    assert (sample["disparity"][~sample["valid"]] == 0).all()
    if "noc" in sample:
        assert not (sample["noc"] & ~sample["valid"]).any()


def test_pairs_are_sorted_and_their_names_are_file_names(case: Case, make_samples: MakeSamples) -> None:
    case.write(make_samples(7))
    names = [pair.name for pair in case.open().pairs]
    assert len(names) == 7
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_left_overs_of_file_managers_are_no_pairs(case: Case, make_samples: MakeSamples) -> None:
    case.write(make_samples(1))
    pair = case.open().pairs[0]
    for file in (pair.left, pair.right):
        file.with_name(f"._{file.name}").write_bytes(b"\x00\x05\x16\x07")
        (file.parent.parent / ".hidden").mkdir(exist_ok=True)
        (file.parent.parent / ".hidden" / file.name).write_bytes(b"")
    assert len(case.open()) == 1


def test_a_missing_root_is_named_with_the_patterns(case: Case) -> None:
    with pytest.raises(DataError) as error:
        case.open()
    assert str(case.root) in str(error.value)
    assert "does not exist" in str(error.value)
    assert all(layout.left in str(error.value) for layout in case.tree.layouts)


@pytest.mark.parametrize("gone", ["left", "right"])
def test_half_copied_sets_are_refused(case: Case, gone: str, make_samples: MakeSamples) -> None:
    names = case.write(make_samples(3))
    pairs = {pair.name: pair for pair in case.open().pairs}
    getattr(pairs[names[1]], gone).unlink()
    with pytest.raises(DataError, match="half copied, 1 of") as error:
        case.open()
    assert names[1] in str(error.value)
    assert names[0] not in str(error.value)
    layout = case.tree.layouts[1 % len(case.tree.layouts)]
    assert getattr(layout, gone) in str(error.value)


def test_a_wrong_root_is_named_with_the_patterns(
    case: Case, tmp_path: Path, make_samples: MakeSamples
) -> None:
    case.write(make_samples(1))
    for wrong in (
        case.root.parent,
        next(path for path in sorted(case.root.rglob("*")) if path.is_file()).parent,
    ):
        with pytest.raises(DataError, match="no pairs under") as error:
            case.open(root=str(wrong))
        assert str(wrong) in str(error.value)
        assert "does not exist" not in str(error.value)
        assert case.tree.layouts[0].left in str(error.value)


# A text does not tell where it should end, so a calibration is only tried empty.
@pytest.mark.parametrize(
    ("part", "share"), [*itertools.product(PARTS_OF_PIXELS, (0, 0.5, 0.98)), ("calibration", 0)]
)
def test_a_truncated_file_is_named(case: Case, part: str, share: float, make_samples: MakeSamples) -> None:
    case.write(make_samples(1))
    data = case.open()
    path = getattr(data.pairs[0], part)
    if path is None:  # this set has no such file, and so says the tree
        assert getattr(case.tree.layouts[0], part) is None
        return
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(FormatError, match=re.escape(str(path))):
        data[0]


@pytest.mark.parametrize("part", PARTS_OF_PIXELS[1:])
def test_sizes_that_differ_are_named_with_both(case: Case, part: str, make_samples: MakeSamples) -> None:
    case.write(make_samples(1))
    data = case.open()
    path = getattr(data.pairs[0], part)
    if path is None:
        assert getattr(case.tree.layouts[0], part) is None
        return
    small = np.ones((20, 30), np.float32)
    if part == "right":
        write_image(path, np.zeros((20, 30, 3), np.uint8))
    elif part == "noc":
        case.tree.noc.write(path, small, small > 0)
    elif part == "foreground":
        case.tree.foreground.write(path, small > 0)
    else:
        case.tree.disparity.write(path, small, CALIBRATION)
    with pytest.raises(DataError, match="sizes") as error:
        data[0]
    for expected in (str(data.pairs[0].left), str(path), "37x53", "20x30"):
        assert expected in str(error.value)


@pytest.mark.parametrize("part", ["disparity", "right_disparity"])
def test_truth_of_nothing_but_nan_is_named(case: Case, part: str, make_samples: MakeSamples) -> None:
    case.write(make_samples(1))
    data = case.open()
    path = getattr(data.pairs[0], part)
    if path is None or path.suffix != ".pfm":  # an integer holds no nan
        return
    write_pfm(path, np.full(SIZE, np.nan, np.float32))
    with pytest.raises(FormatError, match=f"{re.escape(str(path))}: every pixel is nan"):
        data[0]


def test_pairs_without_truth_are_left_out_and_named(
    case: Case, caplog: pytest.LogCaptureFixture, make_samples: MakeSamples
) -> None:
    samples = make_samples(3)
    del samples[1]["disparity"], samples[1]["noc"], samples[1]["right_disparity"]
    names = case.write(samples)
    with caplog.at_level(logging.WARNING):
        data = case.open()
    assert [pair.name for pair in data.pairs] == sorted([names[0], names[2]])
    assert "1 of 3" in caplog.text
    assert names[1] in caplog.text
    everything = case.open(require_truth=False)
    assert len(everything) == 3
    without = everything[sorted(names).index(names[1])]
    assert not {"disparity", "valid", "noc"} & without.keys()


def test_a_subset_is_what_a_list_names(
    case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture, make_samples: MakeSamples
) -> None:
    names = case.write(make_samples(3))
    listed = tmp_path / "mine.txt"
    listed.write_text(f"# mine\n{names[2]}\n\n{names[0]}  # the first\nnowhere\n")
    with caplog.at_level(logging.WARNING):
        assert [pair.name for pair in case.open(subset=str(listed)).pairs] == sorted([names[0], names[2]])
    assert "1 of the 3 pairs" in caplog.text
    assert "nowhere" in caplog.text
    listed.write_text("nowhere\n")
    with pytest.raises(DataError, match=f"names nowhere; .*{names[0]}"):
        case.open(subset=str(listed))
    listed.write_text("# nothing\n")
    with pytest.raises(UserError, match="names no pair"):
        case.open(subset=str(listed))
    listed.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is no text"):
        case.open(subset=str(listed))
    with pytest.raises(UserError, match="subset=not_there: no such file"):
        case.open(subset="not_there")


def test_a_set_says_where_it_comes_from(case: Case) -> None:
    about = case.cls.about
    assert about.home.startswith("https://")
    assert about.licence
    assert re.search(r"(19|20)\d\d", about.paper)


def test_a_set_without_any_truth_says_so(case: Case, make_samples: MakeSamples) -> None:
    samples = make_samples(2)
    for sample in samples:
        del sample["disparity"], sample["noc"], sample["right_disparity"]
    case.write(samples)
    with pytest.raises(DataError, match="has ground truth; expected") as error:
        case.open()
    assert case.tree.layouts[0].disparity[0] in str(error.value)
    assert "require_truth=false" in str(error.value)


@pytest.mark.parametrize(("count", "validation"), [(2, 1), (5, 1), (6, 2), (11, 3)])
def test_every_fifth_pair_is_held_back(
    case: Case, count: int, validation: int, make_samples: MakeSamples
) -> None:
    case.write(make_samples(count))
    data = case.open()
    train, held_back = data.split_validation()
    names = [[part[index]["name"] for index in range(len(part))] for part in (train, held_back)]
    assert len(names[1]) == validation
    assert names[1] == [pair.name for pair in data.pairs][::5]
    assert sorted(names[0] + names[1]) == [pair.name for pair in data.pairs]
    assert train.name == held_back.name == data.name


def test_a_single_pair_serves_as_both(
    case: Case, caplog: pytest.LogCaptureFixture, make_samples: MakeSamples
) -> None:
    case.write(make_samples(1))
    train, held_back = case.open().split_validation()
    assert len(train) == len(held_back) == 1
    assert "one pair only" in caplog.text


def test_data_sets_travel_to_worker_processes(case: Case, make_samples: MakeSamples) -> None:
    case.write(make_samples(2))
    data = case.open()
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy[1]["disparity"], data[1]["disparity"])


def test_an_unknown_option_lists_the_known_ones(case: Case) -> None:
    for option, value in case.own_options.items():
        if isinstance(value, bool):
            continue  # a switch has no third value
        lists = "no such file" if value is None else r"expected one of \w+"  # null: an optional file
        with pytest.raises(UserError, match=rf"{option}=nonsense: {lists}"):
            case.open(**{option: ["nonsense"] if isinstance(value, list) else "nonsense"})
