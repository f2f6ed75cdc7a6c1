"""What is missing, cut, of the wrong size or asked for by a wrong name, for every data set made of files."""

from __future__ import annotations

import itertools
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsmnet.errors import DataError, FormatError, UserError
from dsmnet.io import write_image

PARTS_OF_PIXELS = ("left", "right", "disparity", "right_disparity", "noc", "foreground")


def test_a_missing_root_is_named_with_the_patterns(case: Any) -> None:
    with pytest.raises(DataError) as error:
        case.open()
    assert str(case.root) in str(error.value)
    assert "does not exist" in str(error.value)
    assert all(layout.left in str(error.value) for layout in case.tree.layouts)


@pytest.mark.parametrize("gone", ["left", "right"])
def test_half_copied_sets_are_refused(case: Any, gone: str, case_samples: Any) -> None:
    names = case.write(case_samples(3))
    pairs = {pair.name: pair for pair in case.open().pairs}
    getattr(pairs[names[1]], gone).unlink()
    with pytest.raises(DataError, match="half copied, 1 of") as error:
        case.open()
    assert names[1] in str(error.value)
    assert names[0] not in str(error.value)
    layout = case.tree.layouts[1 % len(case.tree.layouts)]
    assert getattr(layout, gone) in str(error.value)


def test_a_wrong_root_is_named_with_the_patterns(case: Any, tmp_path: Path, case_samples: Any) -> None:
    case.write(case_samples(1))
    for wrong in (case.root.parent, case.open().pairs[0].left.parent):
        with pytest.raises(DataError, match="no pairs under") as error:
            case.open(root=str(wrong))
        assert str(wrong) in str(error.value)
        assert "does not exist" not in str(error.value)
        assert case.tree.layouts[0].left in str(error.value)


# A text does not tell where it should end, so a calibration is only tried empty.
@pytest.mark.parametrize(
    ("part", "share"), [*itertools.product(PARTS_OF_PIXELS, (0, 0.5, 0.98)), ("calibration", 0)]
)
def test_a_truncated_file_is_named(case: Any, part: str, share: float, case_samples: Any) -> None:
    case.write(case_samples(1))
    data = case.open()
    path = getattr(data.pairs[0], part)
    if path is None:  # this set has no such file, and so says the tree
        assert getattr(case.tree.layouts[0], part) is None
        return
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(FormatError, match=re.escape(str(path))):
        data[0]


@pytest.mark.parametrize("part", PARTS_OF_PIXELS[1:])
def test_sizes_that_differ_are_named_with_both(case: Any, part: str, case_samples: Any) -> None:
    case.write(case_samples(1))
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
        case.tree.disparity.write(path, small, case.calibration)
    with pytest.raises(DataError, match="sizes") as error:
        data[0]
    for expected in (str(data.pairs[0].left), str(path), "37x53", "20x30"):
        assert expected in str(error.value)


def test_pairs_without_ground_truth_are_left_out_and_named(
    case: Any, caplog: pytest.LogCaptureFixture, case_samples: Any
) -> None:
    samples = case_samples(3)
    del samples[1]["disparity"], samples[1]["noc"], samples[1]["right_disparity"]
    names = case.write(samples)
    with caplog.at_level(logging.WARNING):
        data = case.open()
    assert [pair.name for pair in data.pairs] == sorted([names[0], names[2]])
    assert "1 of 3" in caplog.text
    assert names[1] in caplog.text
    everything = case.open(require_ground_truth=False)
    assert len(everything) == 3
    without = everything[sorted(names).index(names[1])]
    assert not {"disparity", "valid", "noc"} & without.keys()


def test_a_set_without_any_ground_truth_says_so(case: Any, case_samples: Any) -> None:
    samples = case_samples(2)
    for sample in samples:
        del sample["disparity"], sample["noc"], sample["right_disparity"]
    case.write(samples)
    with pytest.raises(DataError, match="has ground truth; expected") as error:
        case.open()
    assert case.tree.layouts[0].disparity[0] in str(error.value)
    assert "require_ground_truth=false" in str(error.value)


def test_an_unknown_option_lists_the_known_ones(case: Any) -> None:
    for option, value in case.own_options.items():
        if isinstance(value, bool):
            continue  # a switch has no third value
        lists = "no such file" if value is None else r"expected \w"  # null: an optional file
        with pytest.raises(UserError, match=rf"{option}=nonsense: {lists}"):
            case.open(**{option: ["nonsense"] if isinstance(value, list) else "nonsense"})


def test_an_unknown_option_is_named_with_those_there_are(case: Any, case_samples: Any) -> None:
    case.write(case_samples(1))
    with pytest.raises(UserError, match="nonsense") as error:
        case.open(nonsense=1)
    if "__init__" not in vars(
        case.cls
    ):  # one with options beyond those of its tree answers as any class does
        assert f"its options are {', '.join(case.cls._bind())}" in str(error.value)
