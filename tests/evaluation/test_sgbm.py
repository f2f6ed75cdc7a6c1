"""StereoSGBM as a matcher: exact on shifted textures, no hole left, and the published setting's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dsmnet.datasets.eth3d import Eth3d
from dsmnet.datasets.kitti import Kitti2012
from dsmnet.datasets.middlebury import Middlebury
from dsmnet.errors import ShapeError, UserError
from dsmnet.evaluation import SGBM, EvaluationProtocol, evaluate_set
from dsmnet.evaluation.sgbm import fill_holes
from dsmnet.types import Image


def shifted_pair(height: int, width: int, disparity: int, seed: int = 0) -> tuple[Image, Image]:
    texture = np.random.default_rng(seed).integers(0, 256, (height, width + disparity, 3), np.uint8)
    # left (x, y) is right (x - d, y)
    return texture[:, :width].copy(), texture[:, disparity:].copy()


@pytest.mark.parametrize("size", [(60, 240), (61, 97), (33, 40)])
@pytest.mark.parametrize("disparity", [3, 17])
def test_a_shifted_texture_is_matched(size: tuple[int, int], disparity: int) -> None:
    left, right = shifted_pair(*size, disparity)
    answer = SGBM().predict(left, right, 64)
    assert answer.shape == size
    assert answer.dtype == np.float32
    inner = answer[:, disparity + 4 :]  # what the right view sees
    assert np.mean(np.abs(inner - disparity) < 0.5) > 0.97


def test_images_narrower_than_the_search_range() -> None:
    left, right = shifted_pair(30, 50, 5)
    answer = SGBM().predict(left, right)  # 192 by default
    assert np.mean(np.abs(answer[:, 10:] - 5) < 0.5) > 0.9


def test_every_pixel_is_answered_on_pure_noise() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 256, (2, 40, 90, 3), np.uint8)
    answer = SGBM().predict(left, right, 32)
    assert np.isfinite(answer).all()
    assert answer.min() >= 0


def test_the_range_is_rounded_up_and_bounds_the_answer() -> None:
    left, right = shifted_pair(40, 160, 40)
    found = SGBM().predict(left, right, 41)[:, 60:]  # rounded up to 48
    assert np.mean(np.abs(found - 40) < 0.5) > 0.97
    missed = SGBM().predict(left, right, 32)
    assert missed.max() < 32
    by_default = SGBM(max_disparity=32).predict(left, right)
    np.testing.assert_array_equal(by_default, missed)


def loop_fill(disparity: NDArray, holes: NDArray) -> NDArray:
    filled = disparity.copy()
    for y, x in zip(*np.nonzero(holes), strict=True):
        before = next((disparity[y, i] for i in range(x - 1, -1, -1) if not holes[y, i]), None)
        after = next((disparity[y, i] for i in range(x + 1, holes.shape[1]) if not holes[y, i]), None)
        filled[y, x] = min((v for v in (before, after) if v is not None), default=0)
    return filled


@pytest.mark.parametrize("share", [0.0, 0.2, 0.8, 0.97, 1.0])
def test_holes_take_the_smaller_neighbour_in_the_row(share: float) -> None:
    rng = np.random.default_rng(1)
    for size in ((1, 1), (7, 1), (1, 9), (12, 17)):
        disparity = rng.uniform(0, 60, size).astype(np.float32)
        holes = rng.random(size) < share
        np.testing.assert_array_equal(fill_holes(disparity, holes), loop_fill(disparity, holes))


def test_mistakes_are_named() -> None:
    left, right = shifted_pair(20, 30, 2)
    with pytest.raises(ShapeError, match=r"\[20, 30, 3\].*\[20, 29, 3\]"):
        SGBM().predict(left, right[:, :-1])
    with pytest.raises(UserError, match="8-bit"):
        SGBM().predict(left / 255, right / 255)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="hh4"):
        SGBM(mode="best")


# Measured independently on the sample pairs with the same settings, the range from the truth's maximum:
# folder, number of pairs, range, (EPE, bad-1, bad-2, D1).
KNOWN = {
    "kitti2012": (Kitti2012, "KITTI_2012", 1, 156, (1.69, 19.9, 12.4, 9.0)),
    "middlebury": (Middlebury, "MiddEval3", 8, None, (1.67, 14.9, 11.2, 9.5)),
    "eth3d": (Eth3d, "ETH3D", 1, 48, (0.56, 10.3, 4.8, 3.2)),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", KNOWN)
def test_known_numbers_on_real_pairs(name: str, real_data: Path) -> None:
    build, folder, pairs, reach, known = KNOWN[name]
    if not (real_data / folder).is_dir():
        pytest.skip(f"no {folder} under DSMNET_DATA")
    dataset = build(real_data / folder)
    if len(dataset) != pairs:
        pytest.skip(f"the known numbers are of {pairs} pairs, {folder} holds {len(dataset)}")
    protocol = EvaluationProtocol("all" if name == "kitti2012" else "noc")
    result = evaluate_set(SGBM(), dataset, protocol, max_disparity=reach or "auto", progress=False)
    measured = [result.average(metric) for metric in ("epe", "bad1", "bad2", "d1")]
    # Middlebury's is the range of its calib.txt, a little wider than the truth's.
    np.testing.assert_allclose(measured, known, rtol=0.03 if reach is None else 0.01, atol=0.05)
