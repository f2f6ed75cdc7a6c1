"""Pictures of the documents: none is older than what it shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_picture_is_older_than_what_it_shows(pictures: ModuleType) -> None:
    assert pictures.stale() == [], "run python docs/make_pictures.py, and look at them"


def test_a_changed_input_makes_its_pictures_stale(
    pictures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = "docs/runs/norm_ablation.json"
    for files in pictures.recorded().values():
        for file in files:
            place = tmp_path / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((ROOT / file).read_bytes() + (b"\n" if file == changed else b""))
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    assert pictures.stale() == ["norm_ablation.png"]


def test_every_picture_is_shown_and_there() -> None:
    text = "".join(path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    shown = set(re.findall(r"images/(\w+\.(?:png|jpg|svg))", text))
    there = {path.name for path in (ROOT / "docs" / "images").iterdir()} - {"pictures.json"}
    assert shown == there


def test_unknown_picture_is_refused(pictures: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"cat.png: no such picture; there are synthetic.png"):
        pictures.main(["cat.png"])
