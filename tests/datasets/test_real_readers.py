"""The readers on the benchmarks' own files: counts, values, and ground truth that explains the views."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

from dsmnet.config import config_dir, instantiate
from dsmnet.datasets.base import StereoDataset
from dsmnet.types import StereoSample

REAL = {
    # pattern of the ground truth files, range of heights, of widths, largest disparity, least share of known
    # pixels
    "sceneflow": ("SceneFlow/*/disparity/**/left/*.pfm", (540, 540), (960, 960), 1000, 0.99),
    "kitti2012": ("KITTI_2012/training/disp_occ/*_10.png", (370, 376), (1224, 1242), 256, 0.1),
    "kitti2015": ("KITTI_2015/training/disp_noc_0/*_10.png", (370, 376), (1224, 1242), 256, 0.1),
    "middlebury": ("MiddEval3/trainingQ/*/disp0GT.pfm", (270, 750), (340, 1500), 200, 0.5),
    "middlebury2006": ("Middlebury_2006/ThirdSize/*/disp1.png", (360, 380), (400, 480), 85, 0.8),
    "eth3d": ("ETH3D/two_view_training_gt/*/disp0GT.pfm", (400, 520), (680, 950), 70, 0.2),
}


@pytest.fixture(params=sorted(REAL))
def real_set(request: pytest.FixtureRequest, real_data: Path) -> tuple[str, StereoDataset]:
    cfg = OmegaConf.create({"paths": {"data": str(real_data)}})
    cfg.set = OmegaConf.load(config_dir() / "dataset" / f"{request.param}.yaml")
    if not Path(cfg.set.root).is_dir():
        pytest.skip(f"{cfg.set.root} is not there")
    return request.param, instantiate(cfg.set)


@pytest.mark.real_data
def test_real_pairs_are_all_found_and_plausible(real_set: tuple[str, StereoDataset], real_data: Path) -> None:
    name, data = real_set
    pattern, heights, widths, largest, share = REAL[name]
    target = [path for path in real_data.glob(pattern) if name != "sceneflow" or "TEST" not in path.parts]
    passes = len({part for pair in data.pairs for part in pair.left.parts if part.startswith("frames_")})
    assert len(data) == len(target) * max(passes, 1)
    for index in range(min(len(data), 10)):
        sample = data[index]
        height, width, _ = sample["left"].shape
        assert heights[0] <= height <= heights[1]
        assert widths[0] <= width <= widths[1]
        assert sample["left"].std() > 10
        known = sample["disparity"][sample["valid"]]
        assert 0 < known.min() < np.median(known) < known.max() <= largest
        assert sample["valid"].mean() >= share
        if "noc" in sample:
            assert 0.5 < sample["noc"].sum() / sample["valid"].sum() <= 1
        bound = sample["calibration"].max_disparity if "calibration" in sample else None
        assert bound is None or known.max() < bound


def detail(image: np.ndarray) -> np.ndarray:
    """What is left of an image without its local brightness, in which the two cameras may differ."""
    image = np.ascontiguousarray(image, dtype=np.float32)
    return image - cv2.blur(image, (9, 9))


def difference_after_warping(sample: StereoSample, disparity: np.ndarray) -> float:
    """Mean difference of left(x) and right(x - d), over noc pixels where the set tells, else all known."""
    rows, columns = np.mgrid[: disparity.shape[0], : disparity.shape[1]].astype(np.float32)
    source = (columns - disparity).astype(np.float32)
    warped = cv2.remap(detail(sample["right"]), source, rows, cv2.INTER_LINEAR)
    seen = sample.get("noc", sample["valid"]) & (source >= 0) & (source <= disparity.shape[1] - 1)
    return float(np.abs(warped - detail(sample["left"]))[seen].mean())


def assert_ground_truth_fits(samples: list[StereoSample]) -> None:
    """The ground truth explains the best pair far better than its negative or its neighbours."""
    flipped, shifted = [], []
    for sample in samples:
        target = sample["disparity"]
        error = difference_after_warping(sample, target)
        flipped.append(error / difference_after_warping(sample, -target))
        near = (difference_after_warping(sample, target + np.float32(shift)) for shift in (-2, 2))
        shifted.append(error / min(near))
    # Rows of KITTI's views are up to half a pixel apart, which keeps its ratios near 0.5 and 0.8.
    assert min(flipped) < 0.6
    assert min(shifted) < 0.85


def mirrored(sample: StereoSample) -> StereoSample:
    """Swap the views and left with right, so that the right view's ground truth becomes the left one's."""
    return {
        "left": sample["right"][:, ::-1],
        "right": sample["left"][:, ::-1],
        "name": sample["name"],
        "dataset": sample["dataset"],
        "disparity": np.ascontiguousarray(sample["right_disparity"][:, ::-1]),
        "valid": sample["right_valid"][:, ::-1],
    }


@pytest.mark.real_data
def test_real_right_view_warped_by_the_ground_truth_is_the_left_view(
    real_set: tuple[str, StereoDataset],
) -> None:
    _, data = real_set
    assert_ground_truth_fits([data[index] for index in range(min(len(data), 3))])


@pytest.mark.real_data
def test_real_left_view_warped_by_the_right_ground_truth_is_the_right_view(
    real_set: tuple[str, StereoDataset],
) -> None:
    name, data = real_set
    samples = [data[index] for index in range(min(len(data), 3))]
    both = [mirrored(sample) for sample in samples if "right_disparity" in sample]
    if both:
        assert_ground_truth_fits(both)
    else:
        assert name not in ("sceneflow", "middlebury2006")


@pytest.mark.real_data
def test_real_calibrations_are_plausible(real_set: tuple[str, StereoDataset]) -> None:
    name, data = real_set
    calibration = data[0].get("calibration")
    if data.pairs[0].calibration is None:
        assert name != "middlebury"  # every scene of it comes with one
        return
    assert calibration is not None
    assert calibration.focal is not None
    assert calibration.baseline is not None
    assert 500 < calibration.focal < 4000
    assert 0.02 < calibration.baseline < 0.6
    assert (calibration.max_disparity is None) == (name in ("eth3d", "kitti2012", "kitti2015"))
