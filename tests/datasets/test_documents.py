"""docs/data.md and data/README.md say what the readers and their yaml files say."""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from dsmnet.config import config_dir, dataset_config
from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.subsets import read_names

ROOT = Path(__file__).resolve().parents[2]
OVERVIEW = (ROOT / "docs" / "data.md").read_text("utf-8")
TREES = (ROOT / "data" / "README.md").read_text("utf-8")
NAMES = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml"))
SPLITS = sorted(path.stem for path in (ROOT / "dsmnet" / "datasets" / "splits").glob("*.txt"))


@functools.cache
def options_of(name: str) -> dict[str, Any]:
    options = OmegaConf.to_container(dataset_config(name, "DATA"), resolve=True)
    assert isinstance(options, dict)
    return {str(key): value for key, value in options.items()}


def reader(name: str) -> type[StereoDataset]:
    found: type[StereoDataset] = get_object(options_of(name)["_target_"])
    return found


PUBLISHED = [name for name in NAMES if getattr(reader(name), "about", None)]


def rows(document: str, heading: str = "") -> dict[str, str]:
    """Return the rows of the tables below a heading by each of the names in their first cell."""
    part = document.partition(heading)[2] if heading else document
    table = re.search(r"(?:^\|.*\n)+", part, re.M)
    assert table, heading
    named = {}
    for line in table.group().splitlines()[2:]:
        for name in re.findall(r"`(\w+)`", line.split("|")[1]):
            assert name not in named, name
            named[name] = line
    return named


def test_there_are_published_sets() -> None:
    assert len(PUBLISHED) > 20
    assert "folder" not in PUBLISHED


def test_both_documents_name_every_set_and_no_other() -> None:
    assert rows(OVERVIEW, "## The sets").keys() == set(NAMES)
    assert rows(OVERVIEW, "### Licences").keys() == rows(TREES).keys() == set(PUBLISHED)
    assert rows(OVERVIEW, "## Options worth knowing").keys() <= set(NAMES)


@pytest.mark.parametrize("name", PUBLISHED)
def test_folder_home_licence_and_size_are_those_of_the_reader(name: str) -> None:
    about, options = reader(name).about, options_of(name)
    assert about is not None
    row = rows(OVERVIEW, "## The sets")[name]
    for said in (row, rows(TREES)[name]):
        assert f"`{Path(options['root']).relative_to('DATA')}`" in said
        assert f"]({about.home})" in said
    assert rows(OVERVIEW, "### Licences")[name].split("|")[2].strip() == about.licence
    chosen = {key: options[key] for key in inspect.signature(reader(name).tree).parameters if key in options}
    published = reader(name).published(**chosen)
    if published is not None:
        assert re.search(rf"(?<![\d,]){published:,}(?![\d,])", row.split("|")[3])


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_tree_drawn_is_that_of_the_docstring(name: str) -> None:
    drawn = re.findall(r"::\n\n((?:(?: {4}.*)?\n)+)", f"{inspect.getdoc(reader(name))}\n")
    assert drawn
    for tree in drawn:
        assert tree.strip("\n") in TREES


@pytest.mark.parametrize("name", sorted(rows(OVERVIEW, "## Options worth knowing")))
def test_options_are_those_of_the_yaml_the_default_first(name: str) -> None:
    cell = rows(OVERVIEW, "## Options worth knowing")[name].split("|")[2]
    options = options_of(name)
    documented = re.findall(r"`(\w+)(?:=([\w.\[\],]+))?`", cell)
    named = [(key, value) for key, value in documented if value or key in options]
    assert named
    for key, value in named:
        assert key in options
        if value and value != "FILE":
            default = options[key]
            assert value == (f"[{','.join(default)}]" if isinstance(default, list) else default)


def test_every_split_is_described_with_its_size() -> None:
    table = rows(OVERVIEW, "## Subsets and splits")
    assert table.keys() == set(SPLITS)
    for line in set(table.values()):
        lists = re.findall(r"`(\w+)`", line.split("|")[1])
        assert line.split("|")[2].strip() == ", ".join(f"{len(read_names(name)):,}" for name in lists)


@pytest.mark.parametrize("group", ["transform", "protocol"])
def test_every_transform_and_protocol_is_described(group: str) -> None:
    known = {path.stem for path in (config_dir() / group).glob("*.yaml")}
    table = rows(OVERVIEW, f"## {group.capitalize()}s")
    assert table.keys() == known


def test_the_text_counts_the_sets() -> None:
    released = [name for name in PUBLISHED if name != "carla"]  # the authors kept those pairs
    assert OVERVIEW.startswith(f"# Data\n\n{len(released)} published data sets")
