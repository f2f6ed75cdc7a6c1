"""What is known of the data sets of conf/dataset before any pair is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from dsmnet.config import config_dir, dataset_config
from dsmnet.datasets.base import StereoDataset
from dsmnet.datasets.catalog import FOUND, NOT_FOUND, PASSED_OVER, find_source, published_pairs
from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2012
from dsmnet.errors import UserError

NAMES = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml"))


def options_of(name: str, data: Path) -> dict[str, Any]:
    options = OmegaConf.to_container(dataset_config(name, str(data)), resolve=True)
    assert isinstance(options, dict)
    return {str(key): value for key, value in options.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_set_has_a_source(name: str, tmp_path: Path):
    """Sets with a folder of their own are looked for; nothing but those without a folder is passed over."""
    options = options_of(name, tmp_path)
    made_by = get_object(options["_target_"])
    source = find_source(name, made_by, options)
    if options.get("root") and source.state != PASSED_OVER:
        assert source.state == NOT_FOUND
        Path(options["root"]).mkdir(parents=True)
        assert find_source(name, made_by, options).state == FOUND
    own_form = isinstance(made_by, type) and issubclass(made_by, StereoDataset) and made_by.about is not None
    assert source.about or not own_form
    assert not (own_form and options.get("root") and source.state == PASSED_OVER)
    assert source.published is None or source.published > 0


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, FOUND),
        ({"root": "here"}, FOUND),
        ({"root": "gone"}, NOT_FOUND),
        ({"root": "here", "parts": ["a"]}, FOUND),
        ({"root": None}, PASSED_OVER),
        ({"root": "???"}, PASSED_OVER),
        ({"root": "here", "split": "???"}, PASSED_OVER),
        ({"parts": {"a": {}}}, PASSED_OVER),
        ({"left": None, "right": None, "root": "here"}, PASSED_OVER),
        ({"left": "l", "right": "r"}, PASSED_OVER),
    ],
)
def test_what_needs_options_first_is_passed_over(
    options: dict[str, Any], state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert find_source("any", dict, options).state == state


def test_the_published_number_is_that_of_the_part():
    assert published_pairs(Kitti2012, {"split": "testing", "views": "grey", "root": "x"}) == 195
    assert published_pairs(Kitti2012, {}) == 194
    assert published_pairs(dict, {}) is None
    assert find_source("eth3d", Eth3d, {"root": "x", "subset": "mine"}).published is None
    with pytest.raises(UserError, match="split=nowhere: expected"):
        published_pairs(Eth3d, {"split": "nowhere"})
