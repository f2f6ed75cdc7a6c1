"""Which sets are there: absent is reported, broken is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dsmnet.datasets.kitti import Kitti2015
from dsmnet.errors import DataError, UserError
from dsmnet.evaluation import ValidationSplit, find_sets


def build(node: dict[str, Any]) -> Any:
    return Kitti2015(node["root"]) if "root" in node else "no files needed"


def test_an_absent_folder_is_missing_and_the_others_are_built(tmp_path: Path, make_sample: Any) -> None:
    Kitti2015.write_fake(tmp_path / "here", [make_sample()])
    nodes = {"a": {"root": str(tmp_path / "gone")}, "b": {"root": str(tmp_path / "here")}, "c": {}}
    found = find_sets(nodes, build)
    assert found.missing == {"a": str(tmp_path / "gone")}
    assert list(found.present) == ["b", "c"]
    assert len(found.present["b"]) == 1  # type: ignore[arg-type]


def test_a_broken_set_is_an_error_and_not_missing(tmp_path: Path, make_sample: Any) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        find_sets({"a": {"root": str(tmp_path / "empty")}}, build)
    Kitti2015.write_fake(tmp_path / "half", [make_sample(), make_sample()])
    next((tmp_path / "half" / "training" / "image_3").glob("*.png")).unlink()
    with pytest.raises(DataError, match="half"):
        find_sets({"a": {"root": str(tmp_path / "half")}}, build)


class Ten:
    name = "ten"

    def split_validation(self) -> tuple[list[int], list[int]]:
        return list(range(6)), [6, 7, 8, 9]


def test_held_back_images_are_the_first_of_the_validation_part() -> None:
    held = ValidationSplit(Ten(), images=3)
    assert (held.name, [held[i] for i in range(len(held))]) == ("ten", [6, 7, 8])
    assert len(ValidationSplit(Ten(), images=99)) == 4
    with pytest.raises(UserError, match="images=0"):
        ValidationSplit(Ten(), images=0)
