"""A small pair with known disparity."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsmnet.io import write_image
from dsmnet.synthetic import SyntheticStereo


@pytest.fixture(scope="session")
def views(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a pair of 144 x 96 px."""
    sample = SyntheticStereo(size=(96, 144), largest_disparity=24, min_near=12)[3]
    folder = tmp_path_factory.mktemp("pair")
    paths = folder / "room.png", folder / "other.png"
    write_image(paths[0], sample["left"])
    write_image(paths[1], sample["right"])
    return paths
