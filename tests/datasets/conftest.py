"""Samples with everything a reader may write, and the data sets that are tested with them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import hydra
import numpy as np
import pytest
from omegaconf import OmegaConf

from dsmnet.config import config_dir, instantiate
from dsmnet.datasets.base import StereoDataset
from dsmnet.types import Calibration, StereoSample

LOSSY = {".jpg", ".jpeg"}  # what OpenCV writes without loss is compared exactly: PNG, PPM, WebP
LOSSY_BOUND = 8  # grey levels; JPEG differs by at most 6 on 600 of the smooth views it is given
SHARED_OPTIONS = {"_target_", "root", "require_ground_truth", "subset"}  # those of every set
SIZE = (37, 53)
CALIBRATION = Calibration(focal=710.5, baseline=0.25, cx=26.5, cy=18.0, doffs=4.25, max_disparity=48)


@pytest.fixture(name="make_samples")
def make_samples_fixture() -> Callable[..., list[StereoSample]]:
    return make_samples


def make_samples(count: int, seed: int = 0) -> list[StereoSample]:
    rng = np.random.default_rng(seed)
    samples: list[StereoSample] = []
    for _ in range(count):
        disparity, right_disparity = (
            np.where(rng.random(SIZE) < 0.8, rng.uniform(0.5, 80, SIZE), 0).astype(np.float32)
            for _ in range(2)
        )
        samples.append(
            {
                "left": rng.integers(0, 256, (*SIZE, 3), np.uint8),
                "right": rng.integers(0, 256, (*SIZE, 3), np.uint8),
                "name": "not written",
                "dataset": "not written",
                "disparity": disparity,
                "noc": (disparity > 0) & (rng.random(SIZE) < 0.7),
                "right_disparity": right_disparity,
                "foreground": rng.random(SIZE) < 0.3,
                "calibration": CALIBRATION,
            }
        )
    return samples


def data_set_class(name: str) -> Any:
    cfg = OmegaConf.load(config_dir() / "dataset" / f"{name}.yaml")
    return hydra.utils.get_class(cfg["_target_"]) if "_target_" in cfg else None


def is_made_of_files(name: str) -> bool:
    found = data_set_class(name)
    return found is not None and issubclass(found, StereoDataset)


NAMES = sorted(path.stem for path in (config_dir() / "dataset").glob("*.yaml") if is_made_of_files(path.stem))


class Case:
    """A data set as its yaml gives it, with a root in a temporary folder."""

    size = SIZE
    calibration = CALIBRATION

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
        self.suffixes = {Path(view).suffix.lower() for view in views}

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
def case_samples(case: Case) -> Callable[..., list[StereoSample]]:
    """Samples as everywhere, but such as the formats of this set can hold."""

    def make(count: int, seed: int = 0) -> list[StereoSample]:
        return [case.adapt(sample) for sample in make_samples(count, seed)]

    return make


def smooth(image: Any) -> Any:
    """Return a picture of the same size with strong contrast and no fine structure."""
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 10, borderType=cv2.BORDER_REFLECT)
    return cv2.normalize(blurred, None, 40, 215, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture
def set_names() -> list[str]:
    return NAMES
